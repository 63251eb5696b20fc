#include "ijepa/tasks/segmentation/head.hpp"

#include <algorithm>
#include <cmath>
#include <span>

namespace ijepa {
namespace {

constexpr std::int64_t kernel = 3, taps = kernel * kernel;

/// The deviation that the default of PyTorch's convolutions has, over that of every start here.
double init_scale(std::int64_t width) {
  return 1 / std::sqrt(3.0 * static_cast<double>(taps * width)) / 0.02;
}

Param add_weight(ParamLayout& layout, std::int64_t width, std::int64_t classes) {
  layout.begin_group("head");
  return layout.matrix("weight", taps * classes, width, {kernel, kernel, classes, width},
                       init_scale(width));
}

/// visit(score row, token row, tap) for every part of every score; rows count over all images.
template <class Visit>
void for_each_part(std::int64_t images, Grid grid, const Visit& visit) {
  const Grid out = score_grid(grid);
  std::int64_t score = 0;
  for (std::int64_t b = 0; b < images; ++b)
    for (std::int64_t y = 0; y < out.rows; ++y)
      for (std::int64_t x = 0; x < out.cols; ++x, ++score)
        for (std::int64_t tap = 0; tap < taps; ++tap)
          visit(score, (b * grid.rows + y + tap / kernel) * grid.cols + x + tap % kernel, tap);
}

}  // namespace

Grid score_grid(Grid tokens) {
  check(tokens.rows >= kernel && tokens.cols >= kernel,
        "A grid of {} x {} patches is too small for the head's 3 x 3 convolution: take larger "
        "images.",
        tokens.rows, tokens.cols);
  return {tokens.rows - kernel + 1, tokens.cols - kernel + 1};
}

SegmentationHead::SegmentationHead(Device& device, std::int64_t width, std::int64_t classes,
                                   StoreUse use, Precision precision)
    : classes_(classes),
      weight_(add_weight(layout_, width, classes)),
      bias_(layout_.vector("bias", classes, Init::zeros)),
      store_(device, layout_, precision, use) {}

// score[y, x] = b + sum over i, j of W[i, j] token[y + i, x + j].
template <class T>
std::vector<T> SegmentationHead::forward(Pass& p, Tensor tokens, Grid grid) const {
  const auto images = tokens.rows() / grid.tokens(), row = taps * classes_;
  const auto classes = static_cast<std::size_t>(classes_);
  Arena::ScratchScope scope(p.arena);
  const Tensor products = p.arena.scratch(p.precision.compute, {tokens.rows(), row});
  p.ops.linear_forward(tokens, p.matrix(weight_), {}, products);
  std::vector<T> host(static_cast<std::size_t>(products.numel())), bias(classes);
  p.ops.download(products, host.data());
  p.ops.download(p.vector(bias_), bias.data());
  p.ops.synchronize();
  std::vector<T> scores(static_cast<std::size_t>(images * score_grid(grid).tokens()) * classes);
  for (std::size_t i = 0; i < scores.size(); ++i) scores[i] = bias[i % classes];
  for_each_part(images, grid, [&](std::int64_t score, std::int64_t token, std::int64_t tap) {
    const T* from = host.data() + token * row + tap * classes_;
    T* to = scores.data() + score * classes_;
    for (std::size_t c = 0; c < classes; ++c) to[c] += from[c];
  });
  return scores;
}

// d product[y + i, x + j][i, j] = d score[y, x]; a token at the edge lacks some of the nine.
template <class T>
void SegmentationHead::backward(Pass& p, const std::vector<T>& dscores, Tensor tokens, Grid grid,
                                Tensor dtokens) const {
  const auto images = tokens.rows() / grid.tokens(), row = taps * classes_;
  Arena::ScratchScope scope(p.arena);
  const Tensor dproducts = p.arena.scratch(p.precision.compute, {tokens.rows(), row});
  std::vector<T> host(static_cast<std::size_t>(dproducts.numel()));
  for_each_part(images, grid, [&](std::int64_t score, std::int64_t token, std::int64_t tap) {
    std::copy_n(dscores.data() + score * classes_, classes_,
                host.data() + token * row + tap * classes_);
  });
  p.ops.upload(host.data(), dproducts);
  p.ops.linear_backward_params(dproducts, tokens, p.gradient(weight_), {}, p.write);
  if (!dtokens.empty()) p.ops.linear_backward_input(dproducts, p.matrix(weight_), dtokens);
  const auto count = images * score_grid(grid).tokens();
  const Tensor dsum = p.arena.scratch(p.precision.compute, {count, classes_});
  p.ops.upload(dscores.data(), dsum);
  p.ops.sum_rows(dsum, {}, p.gradient(bias_), p.write);
  p.ops.synchronize();
}

template std::vector<float> SegmentationHead::forward(Pass&, Tensor, Grid) const;
template std::vector<double> SegmentationHead::forward(Pass&, Tensor, Grid) const;
template void SegmentationHead::backward(Pass&, const std::vector<float>&, Tensor, Grid,
                                         Tensor) const;
template void SegmentationHead::backward(Pass&, const std::vector<double>&, Tensor, Grid,
                                         Tensor) const;

}  // namespace ijepa
