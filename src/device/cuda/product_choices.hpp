// ProductChoices: which algorithm computes which product, found by measurement and kept in a file
// that resumed runs and other ranks read instead of measuring again. Knows nothing of cuBLASLt.
#pragma once
#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "matmul.hpp"

namespace ijepa::cuda {

/// An algorithm as cuBLASLt lets it be stored: only the same version understands it.
using AlgorithmData = std::array<std::uint64_t, 8>;
/// Bytes that the addresses of a, b and c are multiples of.
using Alignment = std::array<std::uint32_t, 3>;

struct ProductChoice {
  AlgorithmData algorithm{};
  bool apart = false;  // the epilogue is a kernel of its own
  // Of every candidate, what is taken without measuring first; none where nothing was timed.
  std::vector<double> microseconds;

  bool operator==(const ProductChoice&) const = default;
};

/// The number of rows that stands for all from the next lower one on: eight for each doubling.
std::int64_t rows_on_grid(std::int64_t rows);

/// What a choice is made for, as text. Rows of tokens (m, or k where a is transposed) are on the
/// grid; whether c is added to makes no difference.
std::string choice_name(const Product& p, const Alignment& alignment);

/// The candidate to take: the fastest, unless that is the first one or faster by less than 2 %,
/// which is within what measurements differ by.
std::size_t fastest(const std::vector<double>& microseconds);

/// A file of one line of JSON a choice. It only grows, under a lock: the first choice for a product
/// holds, whichever process made it. Choices of other places and lines that are no choices stay in
/// it unused. When the file fails, a warning says so once, and choices are kept in memory.
class ProductChoices {
 public:
  /// `place` is the GPU and library that choices are good for. An Error if `file` cannot be opened.
  ProductChoices(std::string file, std::string place, Log log);

  /// The choice for a product; null, after another look into the file, if there is none.
  const ProductChoice* find(const std::string& product);
  /// Records a choice. Returns the one that holds: another process may have been first.
  const ProductChoice& settle(const std::string& product, const ProductChoice& measured);

 private:
  void read(const std::string& text);
  template <class Use>
  void with_file(Use use);
  template <class Work>
  void or_warn(Work work);

  std::string file_, place_;
  Log log_;
  bool warned_of_lines_ = false, warned_of_file_ = false;
  std::map<std::string, ProductChoice> choices_;  // of this place
};

}  // namespace ijepa::cuda
