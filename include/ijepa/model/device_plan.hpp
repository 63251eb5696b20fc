// DevicePlan: the index lists of a TokenPlan on the device, for the time of one step.
#pragma once
#include <vector>

#include "ijepa/model/token_plan.hpp"
#include "ijepa/nn/pass.hpp"

namespace ijepa {

/// All tensors int32, kept in the arena; names and lengths as in TokenPlan.
struct DevicePlan {
  Tensor context_rows, context_sequence_of_row;
  Tensor predictor_sequence_of_row, different_rows, source, source_uses, source_begin;
  Tensor mask_rows, mask_sequence_of_row, target_rows, wanted_rows, target_numbers;
};

inline Tensor upload_indices(Pass& p, const std::vector<std::int32_t>& indices) {
  Tensor t = p.arena.keep(DType::i32, {static_cast<std::int64_t>(indices.size())});
  p.ops.upload(indices.data(), t);
  return t;
}

inline DevicePlan upload_plan(Pass& p, const TokenPlan& plan) {
  return {.context_rows = upload_indices(p, plan.context_rows),
          .context_sequence_of_row = upload_indices(p, plan.context_sequence_of_row),
          .predictor_sequence_of_row = upload_indices(p, plan.predictor_sequence_of_row),
          .different_rows = upload_indices(p, plan.different_rows),
          .source = upload_indices(p, plan.source),
          .source_uses = upload_indices(p, plan.source_uses),
          .source_begin = upload_indices(p, plan.source_begin),
          .mask_rows = upload_indices(p, plan.mask_rows),
          .mask_sequence_of_row = upload_indices(p, plan.mask_sequence_of_row),
          .target_rows = upload_indices(p, plan.target_rows),
          .wanted_rows = upload_indices(p, plan.wanted_rows),
          .target_numbers = upload_indices(p, plan.target_numbers)};
}

}  // namespace ijepa
