#include "ijepa/nn/param_store.hpp"

#include <functional>

#include "ijepa/device/host_values.hpp"
#include "ijepa/device/parameter_chunk.hpp"

namespace ijepa {
namespace {

ParamRange encoder_range(const ParamLayout& layout) {
  return layout.holds("encoder") ? layout.range("encoder") : ParamRange{};
}

}  // namespace

ParamStore::Bytes ParamStore::bytes(const ParamLayout& layout, Precision precision, StoreUse use) {
  const auto all = static_cast<std::size_t>(layout.size());
  const auto encoder = static_cast<std::size_t>(encoder_range(layout).size());
  const std::size_t param = size_of(precision.param);
  const std::size_t copy = precision.has_working_copy() ? size_of(precision.compute) : 0;
  Bytes b;
  b.weights = all * (param + copy);
  b.target = encoder * (param + copy);
  b.constants = layout.constants().size() * param;
  if (use == StoreUse::training) {
    b.gradients = all * param;
    b.optimizer = 2 * all * param + layout.decay().size() * sizeof(float);
  }
  return b;
}

ParamStore::ParamStore(Device& device, const ParamLayout& layout, Precision precision, StoreUse use,
                       EmaTarget target)
    : device_(device),
      layout_(layout),
      precision_(precision),
      all_{0, layout.size()},
      averaged_(target == EmaTarget::kept ? encoder_range(layout) : ParamRange{}) {
  check(averaged_.begin == 0, "The encoder must come first in the parameter layout.");
  const auto allocate = [&](std::int64_t count, DType type) {
    return Buffer(device, static_cast<std::size_t>(count) * size_of(type));
  };
  weight_ = allocate(all_.size(), precision.param);
  target_ = allocate(averaged_.size(), precision.param);
  if (precision.has_working_copy()) {
    weight_copy_ = allocate(all_.size(), precision.compute);
    target_copy_ = allocate(averaged_.size(), precision.compute);
  }
  if (use == StoreUse::training) {
    gradient_ = allocate(all_.size(), precision.param);
    m_ = allocate(all_.size(), precision.param);
    v_ = allocate(all_.size(), precision.param);
    const auto chunks = static_cast<std::int64_t>(layout.decay().size());
    decay_ = allocate(chunks, DType::f32);
    device.ops().upload(layout.decay().data(), make_tensor(decay_.data(), DType::f32, {chunks}));
    for (const Buffer* buffer : {&gradient_, &m_, &v_})
      device.ops().fill_zero(view(*buffer, precision.param, all_));
  }
  zero_padding(weight_, all_);
  zero_padding(target_, averaged_);
  const auto constants = static_cast<std::int64_t>(layout.constants().size());
  constants_ = allocate(constants, precision.param);
  upload_values(device.ops(), layout.constants(),
                make_tensor(constants_.data(), precision.param, {constants}));
}

// Padding between parameters is written by no layer and no checkpoint: zero once, zero for ever.
// The parameters themselves are left alone: a host takes memory from the machine when it is first
// written to, so an encoder that is not loaded takes none.
void ParamStore::zero_padding(const Buffer& buffer, ParamRange range) {
  for (const auto& info : layout_.infos()) {
    const auto end = info.offset + info.size;
    const auto padded = padded_to_chunk(end);
    if (end < padded && padded <= range.end)
      device_.ops().fill_zero(view(buffer, precision_.param, {end, padded}));
  }
}

void ParamStore::initialise(std::uint64_t seed) {
  Ops& ops = device_.ops();
  ops.fill_zero(flat(Role::weight, all_));
  const auto& infos = layout_.infos();
  for (std::size_t i = 0; i < infos.size(); ++i) {
    std::vector<double> start(static_cast<std::size_t>(infos[i].size));
    initial_values(infos[i], seed, i, start);
    upload_values(ops, start, values(Role::weight, infos[i]));
  }
  if (averaged_.size() > 0) ops.copy(flat(Role::weight, averaged_), flat(Role::target, averaged_));
  if (m_.data() != nullptr) {
    ops.fill_zero(flat(Role::adam_m, all_));
    ops.fill_zero(flat(Role::adam_v, all_));
  }
  refresh_working_copies();
}

void ParamStore::refresh_working_copies() {
  if (!precision_.has_working_copy()) return;
  device_.ops().copy(flat(Role::weight, all_), view(weight_copy_, precision_.compute, all_));
  if (averaged_.size() > 0)
    device_.ops().copy(flat(Role::target, averaged_),
                       view(target_copy_, precision_.compute, averaged_));
}

const Buffer& ParamStore::buffer(Role role) const {
  switch (role) {
    case Role::weight:
      return weight_;
    case Role::target:
      return target_;
    case Role::adam_m:
      return m_;
    case Role::adam_v:
      break;
  }
  return v_;
}

Tensor ParamStore::view(const Buffer& buffer, DType type, ParamRange range) const {
  auto* base = static_cast<std::byte*>(buffer.data());
  return make_tensor(base + static_cast<std::size_t>(range.begin) * size_of(type), type,
                     {range.size()});
}

Tensor ParamStore::flat(Role role, ParamRange range) const {
  return view(buffer(role), precision_.param, range);
}

Tensor ParamStore::gradient(ParamRange range) const {
  return view(gradient_, precision_.param, range);
}

Tensor ParamStore::values(Role role, const ParamInfo& info) const {
  return flat(role, {info.offset, info.offset + info.size});
}

std::string ParamStore::layer_of(const Tensor& t) const {
  const struct {
    const Buffer& buffer;
    DType type;
    const char* prefix;
  } places[] = {{weight_, precision_.param, ""},
                {weight_copy_, precision_.compute, ""},
                {gradient_, precision_.param, ""},
                {target_, precision_.param, "target_"},
                {target_copy_, precision_.compute, "target_"}};
  for (const auto& [buffer, type, prefix] : places) {
    const auto* base = static_cast<const std::byte*>(buffer.data());
    const auto* data = static_cast<const std::byte*>(t.data);
    if (base == nullptr || std::less<>()(data, base) || !std::less<>()(data, base + buffer.bytes()))
      continue;
    const ParamInfo* info = layout_.at((data - base) / static_cast<std::int64_t>(size_of(type)));
    if (info == nullptr || t.numel() > info->size) return {};
    const std::string name = prefix + info->group + "." + info->name;
    const bool of_layer = name.ends_with(".weight") || name.ends_with(".bias");
    return of_layer ? name.substr(0, name.rfind('.')) : name;
  }
  return {};
}

std::vector<ParamRange> ParamStore::parts() const {
  std::vector<ParamRange> parts{averaged_, {averaged_.end, all_.end}};
  std::erase_if(parts, [](const ParamRange& range) { return range.size() == 0; });
  return parts;
}

OptimizerRange ParamStore::optimizer_range(ParamRange range) const {
  const bool has_target = range.end <= averaged_.end;
  check(has_target || range.begin >= averaged_.end,
        "An optimizer range must lie inside or outside the encoder.");
  OptimizerRange r;
  r.weight = flat(Role::weight, range);
  r.m = flat(Role::adam_m, range);
  r.v = flat(Role::adam_v, range);
  r.gradient = gradient(range);
  if (has_target) r.target = flat(Role::target, range);
  if (precision_.has_working_copy()) {
    r.working = view(weight_copy_, precision_.compute, range);
    if (has_target) r.target_working = view(target_copy_, precision_.compute, range);
  }
  r.decay = view(decay_, DType::f32, {range.begin / parameter_chunk, range.end / parameter_chunk});
  return r;
}

}  // namespace ijepa
