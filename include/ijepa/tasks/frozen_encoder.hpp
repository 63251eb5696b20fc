// FrozenEncoder: an encoder of a checkpoint, ready to turn pictures into features.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "ijepa/comm/communicator.hpp"
#include "ijepa/core/log.hpp"
#include "ijepa/tasks/encoder_features.hpp"
#include "ijepa/tasks/image_source.hpp"
#include "ijepa/tasks/pretrained.hpp"

namespace ijepa {

class FrozenEncoder {
 public:
  /// Float32. `checkpoint`: find_checkpoint(). `threads` a rank; 0: as the run was configured.
  /// Collective.
  FrozenEncoder(const std::string& checkpoint, EncoderChoice choice, int threads,
                Communicator& comm, const Log& log);

  const EncoderConfig& config() const { return model_->encoder().config(); }
  Device& device() { return *device_; }
  const IJepa& model() const { return *model_; }
  const ParamStore& store() const { return *store_; }
  const Normalisation& normalisation() const { return normalisation_; }
  Size image_size() const;
  int channels() const { return static_cast<int>(config().channels); }
  EncoderFeatures& features() { return *features_; }
  /// images_at_once() of this encoder.
  std::int64_t batch() const;
  /// encoder_identity() of it.
  const std::string& identity() const { return identity_; }

 private:
  void load(const std::string& checkpoint, EncoderChoice choice, Communicator& comm);

  Normalisation normalisation_;
  std::unique_ptr<Device> device_;
  std::unique_ptr<IJepa> model_;
  std::unique_ptr<ParamStore> store_;
  std::unique_ptr<EncoderFeatures> features_;
  std::string identity_;
};

/// Images [first, first + count) as an encoder of `channels` sees them, pixels of a batch (count,
/// height, width, channels), decoded on `threads` threads. An Error names an image that cannot be
/// decoded.
std::vector<std::uint8_t> read_pictures(const ImageSource& images, std::int64_t first,
                                        std::int64_t count, Size size, int threads, int channels);

}  // namespace ijepa
