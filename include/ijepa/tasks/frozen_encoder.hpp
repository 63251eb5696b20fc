// FrozenEncoder: an encoder of a checkpoint on a device of its own, ready to turn pictures into
// features.
#pragma once
#include <memory>
#include <string>

#include "ijepa/tasks/encoder_features.hpp"
#include "ijepa/tasks/pretrained.hpp"
#include "ijepa/tasks/pretrained_encoder.hpp"
#include "ijepa/tasks/task_views.hpp"

namespace ijepa {

class FrozenEncoder {
 public:
  /// Float32. `checkpoint`: find_checkpoint(). `threads` a rank; 0: as the run was configured.
  /// Collective.
  FrozenEncoder(const std::string& checkpoint, EncoderChoice choice, int threads,
                Communicator& comm, const Log& log);

  const EncoderConfig& config() const { return encoder_->config(); }
  Device& device() { return *device_; }
  const PretrainedEncoder& encoder() const { return *encoder_; }
  const Normalisation& normalisation() const { return normalisation_; }
  Size image_size() const;
  int channels() const { return static_cast<int>(config().channels); }
  EncoderFeatures& features() { return *features_; }
  /// Pictures as this encoder sees them, decoded on `threads` threads.
  TaskViews views(const ImageSource& images, int threads) const;
  /// images_at_once() of this encoder.
  std::int64_t batch() const { return images_at_once(config()); }
  /// encoder_identity() of it.
  const std::string& identity() const { return identity_; }

 private:
  Normalisation normalisation_;
  std::unique_ptr<Device> device_;
  std::unique_ptr<PretrainedEncoder> encoder_;
  std::unique_ptr<EncoderFeatures> features_;
  std::string identity_;
};

}  // namespace ijepa
