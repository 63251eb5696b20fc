// PretrainedEncoder: a pretrained encoder at the image size of a task, frozen or trained further,
// in the memory of its own weights: the one owner of all tasks that need no predictor.
// At another size than pretraining's its position table is resized; all else stays.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "ijepa/comm/communicator.hpp"
#include "ijepa/data/images/image.hpp"
#include "ijepa/model/position_tables.hpp"
#include "ijepa/nn/param_store.hpp"
#include "ijepa/tasks/images/task_views.hpp"
#include "ijepa/tasks/network/encoder_features.hpp"
#include "ijepa/tasks/network/pretrained.hpp"
#include "ijepa/tasks/network/task_precision.hpp"
#include "ijepa/train/checkpoint/run_state.hpp"

namespace ijepa {

/// Which parameters of an encoder with a head on it have gradients.
enum class Trained : std::uint8_t { nothing, head, everything };

/// `pretrained` for images of this size. An Error unless both sides are multiples of the patch.
EncoderConfig encoder_at_size(const EncoderConfig& pretrained, Size image);

class PretrainedEncoder {
 public:
  struct Saved {
    SequenceGroup group;  // what encoder.sequences refers to
    Encoder::Saved encoder;
  };

  /// StoreUse::training has gradients and moments. `device` must outlive the object.
  PretrainedEncoder(Device& device, const EncoderConfig& pretrained, Size image, StoreUse use,
                    Precision precision = Precision::float32());
  PretrainedEncoder(const PretrainedEncoder&) = delete;
  PretrainedEncoder& operator=(const PretrainedEncoder&) = delete;

  /// An encoder of a pretraining checkpoint. Collective.
  void load(const std::string& checkpoint, EncoderChoice choice, Communicator& comm);
  /// The position table alone, of a pretraining checkpoint or of one that a task saved. Collective.
  void load_position_table(const std::string& checkpoint, Communicator& comm);
  /// Where that is not the fixed one: pretraining's, to be saved with the weights.
  const PositionTables& pretrained_positions() const { return positions_; }
  /// This encoder's weights in host memory, group "encoder", as checkpoints of tasks hold them, and
  /// what else is asked for.
  RunState state(const std::vector<Role>& roles = {Role::weight}) {
    return {device_, store_, roles};
  }

  const EncoderConfig& config() const { return encoder_.config(); }
  const ParamLayout& layout() const { return layout_; }
  ParamStore& store() { return store_; }
  const ParamStore& store() const { return store_; }

  /// What EncoderFeatures are of.
  EncoderWeights network() const { return {encoder_, store_.precision(), store_.online()}; }
  /// A pass with this encoder's weights; `ops` may be a NullOps that measures.
  Pass pass(Ops& ops, Arena& arena) const {
    return {ops, arena, store_.precision(), store_.online(), store_.gradients()};
  }
  /// (B N, D) residual type, after the final norm.
  Tensor infer(Pass& p, const ImageBatch& images) const { return encoder_.infer(p, images); }
  /// The same in the compute type, keeping what backward needs. `draw` without positions: no drop
  /// path. `saved` must stay where it is until backward is done.
  Tensor forward(Pass& p, const ImageBatch& images, const DropPathDraw& draw, Recompute recompute,
                 Saved& saved) const;
  /// dz (B N, D) compute type. Gradients are written, or added, as p.write says.
  void backward(Pass& p, Tensor dz, Recompute recompute, Saved& saved,
                const ReadyCallback& ready = {}) const;

 private:
  Device& device_;
  ParamLayout layout_;
  Encoder encoder_;
  ParamStore store_;
  PositionTables positions_;  // of pretraining's grid
};

/// What learns, in the order in which backward finishes it.
inline std::vector<const ParamStore*> stores_of(Trained trained, const ParamStore& head,
                                                const PretrainedEncoder* encoder) {
  if (trained == Trained::everything) return {&head, &encoder->store()};
  return {&head};
}

/// An encoder of a checkpoint on a device of its own, ready to turn pictures into features.
class FrozenEncoder {
 public:
  /// `checkpoint`: find_checkpoint(). `threads` a rank; 0: as the run was configured. Collective.
  FrozenEncoder(const std::string& checkpoint, EncoderChoice choice, int threads,
                Communicator& comm, const Log& log,
                TaskPrecision precision = TaskPrecision::float32);

  const EncoderConfig& config() const { return encoder_->config(); }
  Device& device() { return *device_; }
  const PretrainedEncoder& encoder() const { return *encoder_; }
  const Normalisation& normalisation() const { return normalisation_; }
  Size image_size() const;
  int channels() const { return static_cast<int>(config().channels); }
  EncoderFeatures& features() { return *features_; }
  /// Pictures as this encoder sees them, decoded on `threads` threads.
  TaskViews views(const Dataset& images, int threads) const;
  /// images_at_once() of this encoder.
  std::int64_t batch() const { return images_at_once(config()); }
  Precision precision() const { return encoder_->store().precision(); }
  /// encoder_identity() of it, with_precision().
  const std::string& identity() const { return identity_; }

 private:
  Normalisation normalisation_;
  std::unique_ptr<Device> device_;
  std::unique_ptr<PretrainedEncoder> encoder_;
  std::unique_ptr<EncoderFeatures> features_;
  std::string identity_;
};

}  // namespace ijepa
