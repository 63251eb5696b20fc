// RunState: a training run's weights and moments as named tensors, as checkpoints hold them: groups
// encoder, predictor, target_encoder (the reference's names), and adam_m, adam_v of the two trained
// groups.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "ijepa/nn/param_store.hpp"
#include "ijepa/train/checkpoint/checkpoint_writer.hpp"

namespace ijepa {

/// The checkpoint group of a parameter's role: "encoder", "target_encoder", "encoder_adam_m", ...
std::string checkpoint_group(const std::string& group, Role role);

/// `roles` of the store's parameters, in the device's memory.
std::vector<NamedTensor> device_tensors(const ParamStore& store, const std::vector<Role>& roles);

/// For saves: reads the device's memory. Threads share the work where that is the host's own.
CopyToHost copy_from(Device& device, int threads);

/// Host memory to load a checkpoint into, or to save from where training does not go on beside it.
class RunState {
 public:
  /// Where the device's memory is the host's own, the tensors are the store's own memory and
  /// nothing is copied.
  RunState(Device& device, const ParamStore& store, const std::vector<Role>& roles);
  /// The same of `tensors` in the device's memory.
  RunState(Device& device, std::vector<NamedTensor> tensors);

  const std::vector<NamedTensor>& tensors() const { return tensors_; }
  /// Device to host; before a save.
  void download();
  /// Host to device; after a load.
  void upload();
  /// The same, with the working copies.
  void upload(ParamStore& store);

 private:
  struct Copy {
    Tensor device;
    std::vector<std::byte> host;
  };

  Device& device_;
  std::vector<Copy> copies_;
  std::vector<NamedTensor> tensors_;
};

/// The tensors of several states in one list, for one checkpoint.
std::vector<NamedTensor> tensors_of(const std::vector<RunState>& states);

}  // namespace ijepa
