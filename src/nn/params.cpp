#include "ijepa/nn/params.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "ijepa/core/error.hpp"
#include "ijepa/core/rng.hpp"
#include "ijepa/device/parameter_chunk.hpp"

namespace ijepa {

Param ParamLayout::add(ParamInfo info, std::int64_t rows, std::int64_t cols) {
  info.group = group_;
  info.offset = size_;
  info.size = std::max<std::int64_t>(rows, 1) * cols;
  const std::int64_t padded = padded_to_chunk(info.size);
  decay_.insert(decay_.end(), static_cast<std::size_t>(padded / parameter_chunk),
                info.decay == Decay::yes ? 1.0F : 0.0F);
  size_ += padded;
  infos_.push_back(std::move(info));
  return {infos_.back().offset, rows, cols};
}

Param ParamLayout::matrix(std::string name, std::int64_t rows, std::int64_t cols,
                          std::vector<std::int64_t> shape, double init_scale) {
  ParamInfo info;
  info.name = std::move(name);
  info.shape = shape.empty() ? std::vector<std::int64_t>{rows, cols} : std::move(shape);
  info.init = matrix_init_;
  info.decay = Decay::yes;
  info.init_scale = init_scale;
  return add(std::move(info), rows, cols);
}

Param ParamLayout::vector(std::string name, std::int64_t size, Init init) {
  ParamInfo info;
  info.name = std::move(name);
  info.shape = {size};
  info.init = init;
  return add(std::move(info), 0, size);
}

Param ParamLayout::token(std::string name, std::int64_t size) {
  ParamInfo info;
  info.name = std::move(name);
  info.shape = {1, 1, size};
  info.init = Init::truncated_normal;
  info.decay = Decay::yes;
  return add(std::move(info), 0, size);
}

Constant ParamLayout::constant(std::int64_t rows, std::int64_t cols,
                               std::span<const double> values) {
  check(static_cast<std::int64_t>(values.size()) == rows * cols,
        "A constant table of {} x {} was given {} values.", rows, cols, values.size());
  const auto offset = static_cast<std::int64_t>(constants_.size());
  constants_.insert(constants_.end(), values.begin(), values.end());
  constants_.resize(static_cast<std::size_t>(padded_to_chunk(std::ssize(constants_))), 0.0);
  return {offset, rows, cols};
}

const ParamInfo* ParamLayout::at(std::int64_t element) const {
  const auto behind = std::ranges::upper_bound(infos_, element, {}, &ParamInfo::offset);
  if (behind == infos_.begin()) return nullptr;
  const ParamInfo& info = *std::prev(behind);
  return element < info.offset + info.size ? &info : nullptr;
}

ParamRange ParamLayout::range(std::string_view group) const {
  ParamRange r{size_, 0};
  for (const auto& info : infos_) {
    if (info.group != group) continue;
    r.begin = std::min(r.begin, info.offset);
    r.end = std::max(r.end, info.offset + padded_to_chunk(info.size));
  }
  check(r.begin < r.end, "There are no parameters in the group '{}'.", group);
  return r;
}

std::int64_t ParamLayout::count(std::string_view group) const {
  return std::accumulate(infos_.begin(), infos_.end(), std::int64_t{0},
                         [&](std::int64_t n, const ParamInfo& info) {
                           return info.group == group ? n + info.size : n;
                         });
}

void initial_values(const ParamInfo& info, std::uint64_t seed, std::size_t index,
                    std::span<double> out) {
  constexpr double deviation = 0.02, cut = 2.0;
  if (info.init == Init::zeros || info.init == Init::ones) {
    std::fill(out.begin(), out.end(), info.init == Init::ones ? 1.0 : 0.0);
    return;
  }
  const auto outputs = static_cast<double>(info.shape.front());
  const double bound = std::sqrt(6 / (static_cast<double>(info.size) / outputs + outputs));
  const std::size_t row = static_cast<std::size_t>(info.shape.back());
  for (std::size_t begin = 0; begin < out.size(); begin += row) {
    Rng rng(seed, Purpose::init, 0, begin / row, index);
    for (std::size_t i = begin; i < std::min(begin + row, out.size()); ++i) {
      double x = 0;
      if (info.init == Init::xavier_uniform) {
        x = bound * (2 * rng.uniform() - 1);
      } else {
        do x = deviation * rng.normal();
        while (std::abs(x) > cut);
      }
      out[i] = x * info.init_scale;
    }
  }
}

}  // namespace ijepa
