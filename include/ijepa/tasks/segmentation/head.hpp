// Segmentation head: a 3 x 3 convolution without padding from the tokens' map to class scores. As
// one product of all tokens with the nine kernels, whose results are then summed with shifts: no
// copy of the tokens is made.
#pragma once
#include <cstdint>
#include <vector>

#include "ijepa/model/grid.hpp"
#include "ijepa/nn/param_store.hpp"

namespace ijepa {

/// Of the score map of a (rows, cols) grid of tokens. An Error for fewer than 3 rows or columns.
Grid score_grid(Grid tokens);

class SegmentationHead {
 public:
  /// Weights start at 0 until initialise() or a load. StoreUse::training has gradients.
  SegmentationHead(Device& device, std::int64_t width, std::int64_t classes, StoreUse use,
                   Precision precision = Precision::float32());
  SegmentationHead(const SegmentationHead&) = delete;
  SegmentationHead& operator=(const SegmentationHead&) = delete;

  const ParamLayout& layout() const { return layout_; }
  ParamStore& store() { return store_; }
  std::int64_t classes() const { return classes_; }
  Pass pass(Ops& ops, Arena& arena) const {
    return {ops, arena, store_.precision(), store_.online(), store_.gradients()};
  }

  /// tokens (B h w, D) compute type -> scores (B, h - 2, w - 2, C) on the host. T is the compute
  /// type. The arena is left as it was found.
  template <class T>
  std::vector<T> forward(Pass& p, Tensor tokens, Grid grid) const;
  /// dscores as forward's result. Gradients are written, or added, as p.write says; dtokens (B h w,
  /// D) may be empty.
  template <class T>
  void backward(Pass& p, const std::vector<T>& dscores, Tensor tokens, Grid grid,
                Tensor dtokens) const;

 private:
  std::int64_t classes_;
  ParamLayout layout_;
  Param weight_, bias_;  // (9 C, D), rows by kernel row, kernel column, class; (C)
  ParamStore store_;
};

}  // namespace ijepa
