#include "ijepa/train/checkpoint/run_state.hpp"

#include "ijepa/core/parallel.hpp"

namespace ijepa {
namespace {

Tensor flat_view(const NamedTensor& t) {
  std::int64_t n = 1;
  for (const auto size : t.shape) n *= size;
  return make_tensor(t.data, t.dtype, {n});
}

}  // namespace

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

std::vector<NamedTensor> device_tensors(const ParamStore& store, const std::vector<Role>& roles) {
  std::vector<NamedTensor> tensors;
  for (const Role role : roles)
    for (const ParamInfo& info : store.layout().infos()) {
      if (role == Role::target && info.group != "encoder") continue;
      const Tensor values = store.values(role, info);
      tensors.push_back(
          {checkpoint_group(info.group, role), info.name, info.shape, values.dtype, values.data});
    }
  return tensors;
}

CopyToHost copy_from(Device& device, int threads) {
  if (device.memory_is_host())
    return [threads](std::span<const HostCopy> copies) {
      parallel_for(copies.size(), threads,
                   [&](std::size_t i) { copy_in_host(copies.subspan(i, 1)); });
    };
  return [&device](std::span<const HostCopy> copies) {
    for (const HostCopy& c : copies) device.ops().download(c.from, c.to);
    device.ops().synchronize();
  };
}

RunState::RunState(Device& device, const ParamStore& store, const std::vector<Role>& roles)
    : RunState(device, device_tensors(store, roles)) {}

RunState::RunState(Device& device, std::vector<NamedTensor> tensors)
    : device_(device), tensors_(std::move(tensors)) {
  if (device.memory_is_host()) return;
  for (NamedTensor& t : tensors_) {
    const Tensor values = flat_view(t);
    copies_.push_back({values, std::vector<std::byte>(values.bytes())});
    t.data = copies_.back().host.data();
  }
}

void RunState::download() {
  for (Copy& copy : copies_) device_.ops().download(copy.device, copy.host.data());
  device_.ops().synchronize();
}

void RunState::upload() {
  for (Copy& copy : copies_) device_.ops().upload(copy.host.data(), copy.device);
}

void RunState::upload(ParamStore& store) {
  upload();
  store.refresh_working_copies();
}

std::vector<NamedTensor> tensors_of(const std::vector<RunState>& states) {
  std::vector<NamedTensor> all;
  for (const auto& state : states)
    all.insert(all.end(), state.tensors().begin(), state.tensors().end());
  return all;
}

}  // namespace ijepa
