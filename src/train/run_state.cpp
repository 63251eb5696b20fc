#include "ijepa/train/run_state.hpp"

namespace ijepa {

std::string checkpoint_group(const std::string& group, Role role) {
  switch (role) {
    case Role::weight:
      return group;
    case Role::target:
      return "target_" + group;
    case Role::adam_m:
      return group + "_adam_m";
    case Role::adam_v:
      break;
  }
  return group + "_adam_v";
}

RunState::RunState(Device& device, const ParamStore& store, std::vector<Role> roles)
    : device_(device) {
  for (const Role role : roles)
    for (const ParamInfo& info : store.layout().infos()) {
      if (role == Role::target && info.group != "encoder") continue;
      const Tensor values = store.values(role, info);
      void* host = values.data;
      if (!device.memory_is_host()) {
        copies_.push_back({values, std::vector<std::byte>(values.bytes())});
        host = copies_.back().host.data();
      }
      tensors_.push_back(
          {checkpoint_group(info.group, role), info.name, info.shape, values.dtype, host});
    }
}

void RunState::download() {
  for (Copy& copy : copies_) device_.ops().download(copy.device, copy.host.data());
  device_.ops().synchronize();
}

void RunState::upload(ParamStore& store) {
  for (Copy& copy : copies_) device_.ops().upload(copy.host.data(), copy.device);
  store.refresh_working_copies();
}

}  // namespace ijepa
