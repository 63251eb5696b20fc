#include "ijepa/tasks/knn.hpp"

#include <algorithm>
#include <cmath>
#include <span>

#include "gemm.hpp"
#include "ijepa/core/cores.hpp"
#include "ijepa/core/error.hpp"
#include "ijepa/core/parallel.hpp"
#include "ijepa/tasks/similarity_index.hpp"

namespace ijepa {
namespace {

// A block of similarities (test_block x train_block) takes 4 MiB, whatever the sets' sizes.
constexpr std::int64_t test_block = 256, train_block = 4096;

struct Neighbour {
  float similarity;
  std::int64_t index;

  bool nearer(const Neighbour& other) const {
    return similarity != other.similarity ? similarity > other.similarity : index < other.index;
  }
};

/// The k nearest so far, the farthest of them on top of the heap.
using Neighbours = std::vector<Neighbour>;

void offer(const Neighbour& candidate, std::size_t k, Neighbours& nearest) {
  const auto nearer = [](const Neighbour& a, const Neighbour& b) { return a.nearer(b); };
  if (nearest.size() == k) {
    if (!candidate.nearer(nearest.front())) return;
    std::ranges::pop_heap(nearest, nearer);
    nearest.pop_back();
  }
  nearest.push_back(candidate);
  std::ranges::push_heap(nearest, nearer);
}

/// Place of `label` in the ranking by votes, 0 for the first; `votes.size()` without a vote.
std::size_t place(std::span<const double> votes, std::size_t label) {
  if (votes[label] <= 0) return votes.size();
  std::size_t before = 0;
  for (std::size_t c = 0; c < votes.size(); ++c)
    if (votes[c] > votes[label] || (votes[c] == votes[label] && c < label)) ++before;
  return before;
}

/// Votes are summed from the nearest neighbour on, so the sum does not depend on the heap's order.
std::vector<double> votes_of(Neighbours nearest, const LabelledFeatures& train,
                             double temperature) {
  std::ranges::sort(nearest, [](const auto& a, const auto& b) { return a.nearer(b); });
  std::vector<double> votes(static_cast<std::size_t>(train.classes));
  for (const auto& n : nearest) {
    const double weight = std::exp((n.similarity - nearest[0].similarity) / temperature);
    votes[static_cast<std::size_t>(train.labels[static_cast<std::size_t>(n.index)])] += weight;
  }
  return votes;
}

/// The k nearest training rows of each of `queries` (M, D); all rows have length 1.
std::vector<Neighbours> nearest_rows(MatrixView<const float> queries, MatrixView<const float> rows,
                                     std::size_t k) {
  std::vector<Neighbours> nearest(static_cast<std::size_t>(queries.rows));
  for (std::int64_t first = 0; first < rows.rows; first += train_block) {
    const auto count = std::min(train_block, rows.rows - first);
    Matrix<float> similarity(queries.rows, count);
    multiply_transposed<float>(queries, rows.slice(first, count), similarity.view());
    parallel_for(nearest.size(), usable_cores(), [&](std::size_t q) {
      const auto row = similarity.row(static_cast<std::int64_t>(q));
      for (std::int64_t i = 0; i < count; ++i)
        offer({row[static_cast<std::size_t>(i)], first + i}, k, nearest[q]);
    });
  }
  return nearest;
}

}  // namespace

void check_knn_options(const KnnOptions& options, std::int64_t train_images) {
  check(options.k >= 1 && options.k <= train_images,
        "k-NN with k = {} needs that many training images; there are {}.", options.k, train_images);
  check(options.temperature > 0, "The temperature of k-NN must be above 0, not {}.",
        options.temperature);
}

Accuracy knn_accuracy(const LabelledFeatures& train, const LabelledFeatures& test,
                      const KnnOptions& options) {
  check_probe_sets(train, test);
  check_knn_options(options, train.features.rows);
  const auto rows = unit_rows(train.features), queries = unit_rows(test.features);
  Accuracy hits;
  for (std::int64_t first = 0; first < queries.rows; first += test_block) {
    const auto count = std::min(test_block, queries.rows - first);
    const auto nearest = nearest_rows(queries.view().slice(first, count), rows.view(),
                                      static_cast<std::size_t>(options.k));
    for (std::size_t q = 0; q < nearest.size(); ++q) {
      const auto votes = votes_of(nearest[q], train, options.temperature);
      const auto label = test.labels[static_cast<std::size_t>(first) + q];
      const auto rank = place(votes, static_cast<std::size_t>(label));
      hits.top1 += rank < 1;
      hits.top5 += rank < 5 && rank < votes.size();
    }
  }
  const auto n = static_cast<double>(queries.rows);
  return {hits.top1 / n, hits.top5 / n};
}

}  // namespace ijepa
