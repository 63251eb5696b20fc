#include "ijepa/nn/modulation.hpp"

#include <limits>
#include <numeric>

#include "ijepa/nn/like.hpp"

namespace ijepa {
namespace {

/// A matrix as one column, so that what scales a row scales an element.
Tensor as_column(const Tensor& t) {
  return make_tensor(t.data, t.dtype, {t.numel(), 1});
}

Tensor as_vector(const Tensor& t) {
  return make_tensor(t.data, t.dtype, {t.numel()});
}

}  // namespace

Tensor upload_sequences(Pass& p, std::int64_t sequences, std::int64_t length) {
  const Tensor out = p.arena.keep(DType::i32, {sequences * length});
  if (p.arena.is_measuring()) return out;
  std::vector<std::int32_t> numbers(static_cast<std::size_t>(sequences * length));
  for (std::size_t i = 0; i < numbers.size(); ++i)
    numbers[i] = static_cast<std::int32_t>(static_cast<std::int64_t>(i) / length);
  p.ops.upload(numbers.data(), out);
  return out;
}

ModulatedRows upload_modulated_rows(Pass& p, std::int64_t sequences, std::int64_t length,
                                    std::int64_t width) {
  const std::int64_t rows = sequences * length;
  check(rows * width <= std::numeric_limits<std::int32_t>::max(),
        "{} sequences of {} rows of {} features are too many at once.", sequences, length, width);
  const ModulatedRows out{upload_sequences(p, sequences, length),
                          p.arena.keep(DType::i32, {rows * width})};
  if (p.arena.is_measuring()) return out;
  std::vector<std::int32_t> numbers(static_cast<std::size_t>(rows * width));
  std::iota(numbers.begin(), numbers.end(), 0);
  p.ops.upload(numbers.data(), out.numbers);
  return out;
}

void add_product(Ops& ops, Tensor a, Tensor b, Tensor c, const ModulatedRows& rows, Tensor y) {
  ops.add_scaled_rows(a.empty() ? a : as_column(a), as_column(b), as_vector(c), rows.numbers,
                      as_column(y));
}

Modulation::Modulation(ParamLayout& layout, const std::string& name, std::int64_t width,
                       std::size_t parts)
    : count_(parts),
      linear_(layout, name,
              {.in = width, .out = static_cast<std::int64_t>(parts) * width, .init_scale = 0}) {}

Linear Modulation::part(std::size_t i) const {
  return linear_.outputs(static_cast<std::int64_t>(i) * linear_.in(), linear_.in());
}

void Modulation::forward(Pass& p, Tensor condition, Saved& s) const {
  s = {condition, {}};
  for (std::size_t i = 0; i < count_; ++i) {
    s.parts.push_back(p.arena.keep(condition.dtype, {condition.rows(), condition.cols()}));
    part(i).forward(p, condition, s.parts.back());
  }
}

void Modulation::backward(Pass& p, const std::vector<Tensor>& dparts, Tensor dcondition_accum,
                          const Saved& s) const {
  Arena::ScratchScope scope(p.arena);
  const Tensor d = scratch_like(p, dcondition_accum);
  for (std::size_t i = 0; i < count_; ++i) {
    part(i).backward_params(p, dparts[i], s.condition);
    part(i).backward_input(p, dparts[i], d);
    p.ops.add(dcondition_accum, d, dcondition_accum);
  }
}

void modulate(Pass& p, Tensor x, Tensor scale, Tensor shift, const ModulatedRows& rows, Tensor y) {
  Arena::ScratchScope scope(p.arena);
  const Tensor spread = scratch_like(p, x);
  p.ops.gather_rows(shift, rows.sequence, spread);
  p.ops.add(x, spread, y);
  p.ops.gather_rows(scale, rows.sequence, spread);
  add_product(p.ops, y, x, spread, rows, y);
}

void modulate_backward(Pass& p, Tensor dy, Tensor x, Tensor scale, const ModulatedRows& rows,
                       Tensor dx, Tensor dscale, Tensor dshift) {
  Arena::ScratchScope scope(p.arena);
  const Tensor room = scratch_like(p, x);
  p.ops.gather_sum_rows(dy, rows.rows(), {}, dshift);
  add_product(p.ops, {}, x, dy, rows, room);
  p.ops.gather_sum_rows(room, rows.rows(), {}, dscale);
  p.ops.gather_rows(scale, rows.sequence, room);
  add_product(p.ops, dy, dy, room, rows, dx);
}

void add_gated(Pass& p, Tensor x, Tensor branch, Tensor gate, const ModulatedRows& rows, Tensor y) {
  Arena::ScratchScope scope(p.arena);
  const Tensor spread = scratch_like(p, x);
  p.ops.gather_rows(gate, rows.sequence, spread);
  add_product(p.ops, x, branch, spread, rows, y);
}

void gate_backward(Pass& p, Tensor dy, Tensor branch, Tensor gate, const ModulatedRows& rows,
                   Tensor dbranch, Tensor dgate) {
  Arena::ScratchScope scope(p.arena);
  const Tensor room = scratch_like(p, dy);
  add_product(p.ops, {}, branch, dy, rows, room);
  p.ops.gather_sum_rows(room, rows.rows(), {}, dgate);
  p.ops.gather_rows(gate, rows.sequence, room);
  add_product(p.ops, {}, dy, room, rows, dbranch);
}

}  // namespace ijepa
