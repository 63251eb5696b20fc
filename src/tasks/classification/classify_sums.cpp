#include "ijepa/tasks/classification/classify_sums.hpp"

#include <array>

namespace ijepa {

std::int64_t rank_of(std::span<const double> logits, std::int32_t label) {
  const auto own = static_cast<std::size_t>(label);
  std::int64_t before = 0;
  for (std::size_t c = 0; c < logits.size(); ++c)
    before += logits[c] > logits[own] || (logits[c] == logits[own] && c < own) ? 1 : 0;
  return before;
}

void ClassifySums::add(MatrixView<const double> logits, std::span<const std::int32_t> labels,
                       std::span<const double> losses) {
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const auto rank = rank_of(logits.row(static_cast<std::int64_t>(i)), labels[i]);
    loss += losses[i];
    top1 += rank < 1 ? 1 : 0;
    top5 += rank < 5 ? 1 : 0;
    images += 1;
  }
}

void ClassifySums::add(const ClassifySums& other) {
  loss += other.loss;
  top1 += other.top1;
  top5 += other.top5;
  images += other.images;
}

void ClassifySums::reduce(Communicator& comm) {
  std::array<double, 4> all{loss, top1, top5, images};
  comm.all_reduce(all, Reduction::sum);
  *this = {all[0], all[1], all[2], all[3]};
}

}  // namespace ijepa
