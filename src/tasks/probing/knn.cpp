#include "ijepa/tasks/probing/knn.hpp"

#include <algorithm>
#include <cmath>
#include <span>

#include "../features/gemm.hpp"
#include "ijepa/comm/agree.hpp"
#include "ijepa/core/cores.hpp"
#include "ijepa/core/error.hpp"
#include "ijepa/core/parallel.hpp"
#include "ijepa/tasks/features/similarity_index.hpp"

namespace ijepa {
namespace {

// A block of similarities (test_block x train_block) takes 4 MiB, whatever the sets' sizes.
constexpr std::int64_t test_block = 256, train_block = 4096;

struct Neighbour {
  float similarity;
  std::int32_t label;
  std::int64_t index;  // its place in the whole training set

  bool nearer(const Neighbour& other) const {
    return similarity != other.similarity ? similarity > other.similarity : index < other.index;
  }
};

/// The k nearest so far, the farthest of them on top of the heap.
using Neighbours = std::vector<Neighbour>;

bool nearer(const Neighbour& a, const Neighbour& b) {
  return a.nearer(b);
}

void offer(const Neighbour& candidate, std::size_t k, Neighbours& nearest) {
  if (nearest.size() == k) {
    if (!candidate.nearer(nearest.front())) return;
    std::ranges::pop_heap(nearest, nearer);
    nearest.pop_back();
  }
  nearest.push_back(candidate);
  std::ranges::push_heap(nearest, nearer);
}

/// The k nearest of this rank's training rows to each of `queries` (M, D), nearest first; all rows
/// have length 1.
std::vector<Neighbours> nearest_rows(MatrixView<const float> queries, MatrixView<const float> rows,
                                     const LabelledFeatures& train, std::size_t k) {
  std::vector<Neighbours> nearest(static_cast<std::size_t>(queries.rows));
  for (std::int64_t first = 0; first < rows.rows; first += train_block) {
    const auto count = std::min(train_block, rows.rows - first);
    Matrix<float> similarity(queries.rows, count);
    multiply_transposed<float>(queries, rows.slice(first, count), similarity.view());
    parallel_for(nearest.size(), usable_cores(), [&](std::size_t q) {
      const auto row = similarity.row(static_cast<std::int64_t>(q));
      for (std::int64_t i = 0; i < count; ++i)
        offer({row[static_cast<std::size_t>(i)], train.labels[static_cast<std::size_t>(first + i)],
               train.place(first + i)},
              k, nearest[q]);
    });
  }
  for (auto& list : nearest) std::ranges::sort(list, nearer);
  return nearest;
}

/// A table of `k` neighbours a query; what is missing has the similarity -2, below any cosine.
std::vector<Neighbour> table_of(const std::vector<Neighbours>& nearest, std::size_t k) {
  std::vector<Neighbour> table(nearest.size() * k, {-2, 0, 0});
  for (std::size_t q = 0; q < nearest.size(); ++q)
    std::ranges::copy(nearest[q], table.begin() + static_cast<std::ptrdiff_t>(q * k));
  return table;
}

/// The k nearest of query `q` in the tables of all ranks, nearest first.
Neighbours merged(const std::vector<Neighbours>& tables, std::size_t q, std::size_t k) {
  Neighbours all;
  for (const auto& table : tables) {
    const auto own = std::span(table).subspan(q * k, k);
    all.insert(all.end(), own.begin(), own.end());
  }
  std::ranges::sort(all, nearer);
  all.resize(k);
  return all;
}

/// Votes are summed from the nearest neighbour on.
std::vector<double> votes_of(std::span<const Neighbour> nearest, std::size_t classes,
                             double temperature) {
  std::vector<double> votes(classes);
  for (const auto& n : nearest)
    votes[static_cast<std::size_t>(n.label)] +=
        std::exp((n.similarity - nearest[0].similarity) / temperature);
  return votes;
}

/// Hits of a rank's test rows: top-1 and top-5 for every k.
class Hits {
 public:
  Hits(const KnnOptions& options, std::int64_t classes)
      : options_(options),
        classes_(static_cast<std::size_t>(classes)),
        counts_(2 * options.k.size()) {}

  void add(const Neighbours& nearest, std::int32_t label) {
    for (std::size_t i = 0; i < options_.k.size(); ++i) {
      const auto k = static_cast<std::size_t>(options_.k[i]);
      const auto votes = votes_of(std::span(nearest).first(k), classes_, options_.temperature);
      if (votes[static_cast<std::size_t>(label)] <= 0) continue;
      const auto at = rank_of(std::span<const double>(votes), label);
      counts_[2 * i] += at < 1;
      counts_[2 * i + 1] += at < 5;
    }
  }
  std::vector<Accuracy> of_all_ranks(std::int64_t images, Communicator& comm) {
    comm.all_reduce(counts_, Reduction::sum);
    const auto n = static_cast<double>(images);
    std::vector<Accuracy> accuracies;
    for (std::size_t i = 0; i < options_.k.size(); ++i)
      accuracies.push_back({counts_[2 * i] / n, counts_[2 * i + 1] / n});
    return accuracies;
  }

 private:
  const KnnOptions& options_;
  std::size_t classes_;
  std::vector<double> counts_;
};

}  // namespace

void check_knn_options(const KnnOptions& options, std::int64_t train_images) {
  for (const auto k : options.k)
    check(k >= 1 && k <= train_images,
          "k-NN with k = {} needs that many training images; there are {}.", k, train_images);
}

std::vector<Accuracy> knn_accuracy(const LabelledFeatures& train, const LabelledFeatures& test,
                                   const KnnOptions& options, Communicator& comm) {
  check_probe_sets(train, test, comm);
  const auto train_images = total_rows(train, comm);
  on_all_ranks(comm, [&] { check_knn_options(options, train_images); });
  const auto k = static_cast<std::size_t>(std::ranges::max(options.k));
  const auto rows = unit_rows(train.features), queries = unit_rows(test.features);
  Hits hits(options, train.classes);
  // Test rows go from rank to rank in blocks; each rank looks among its own training rows.
  const auto shares = comm.gather_all_values(queries.rows);
  for (int owner = 0; owner < comm.size(); ++owner)
    for (std::int64_t first = 0; first < shares[static_cast<std::size_t>(owner)];
         first += test_block) {
      const auto count = std::min(test_block, shares[static_cast<std::size_t>(owner)] - first);
      Matrix<float> block(count, queries.cols);
      if (comm.rank() == owner)
        std::copy_n(queries.view().slice(first, count).data, block.values.size(),
                    block.values.begin());
      comm.broadcast(std::as_writable_bytes(std::span(block.values)), owner);
      const auto tables =
          comm.gather_all_lists(table_of(nearest_rows(block.view(), rows.view(), train, k), k));
      if (comm.rank() != owner) continue;
      for (std::size_t q = 0; q < static_cast<std::size_t>(count); ++q)
        hits.add(merged(tables, q, k), test.labels[static_cast<std::size_t>(first) + q]);
    }
  return hits.of_all_ranks(total_rows(test, comm), comm);
}

}  // namespace ijepa
