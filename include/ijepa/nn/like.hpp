// Like: room in a pass's arena of the type and shape of another matrix.
#pragma once
#include "ijepa/nn/pass.hpp"

namespace ijepa {

/// (rows, cols) as t, kept for backward.
inline Tensor keep_like(Pass& p, const Tensor& t) {
  return p.arena.keep(t.dtype, {t.rows(), t.cols()});
}

/// (rows, cols) as t, until the scope of scratch ends.
inline Tensor scratch_like(Pass& p, const Tensor& t) {
  return p.arena.scratch(t.dtype, {t.rows(), t.cols()});
}

}  // namespace ijepa
