// OneDnnPlan: a product of oneDNN for some number of rows, with all that running it needs already
// made. A small product takes microseconds, and so does making a memory object.
#pragma once
#include <compare>
#include <oneapi/dnnl/dnnl.hpp>
#include <vector>

#include "kernels.hpp"

namespace ijepa::cpu {

/// What a plan depends on besides its number of rows.
struct OneDnnKind {
  std::int64_t n, k, a_row, a_col;
  DType type, c_type;
  Then then;  // store or accumulate
  bool bias, b_transposed;
  auto operator<=>(const OneDnnKind&) const = default;

  /// GELU and its gradient are applied afterwards, to what the product stored.
  static OneDnnKind of(const Product& p);
};

/// Where c = a b of a product is put, as c's type, before anything else is done to it.
void* stored_by(const Product& p);

/// oneDNN plans and runs for as many threads as OpenMP offers, at the time of planning; here each
/// call belongs to one thread, so this must stand around both.
class OneThread {
 public:
  OneThread();
  ~OneThread();
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

 private:
  int before_;
};

class OneDnnPlan {
 public:
  /// Runs on `threads` threads at a time.
  OneDnnPlan(const OneDnnKind& kind, std::int64_t rows, int threads);

  /// Whether b is rearranged before it is read.
  bool packs() const { return b_packed_ != b_given_; }
  bool packs_like(const OneDnnPlan& other) const { return b_packed_ == other.b_packed_; }
  std::int64_t packed_bytes() const { return static_cast<std::int64_t>(b_packed_.get_size()); }
  std::int64_t workspace_bytes() const { return static_cast<std::int64_t>(space_.get_size()); }

  void pack(const void* b, void* packed) const;
  /// c = a b (+ bias), or c += it, on one of the threads with workspace of its own.
  void run(std::int64_t thread, const void* a, const void* packed, const void* bias, void* c,
           void* workspace);

 private:
  struct Operands {
    dnnl::memory a, b, bias, c, space;
  };

  dnnl::memory::desc a_, bias_, c_, b_given_, b_packed_, space_;
  dnnl::matmul matmul_;
  dnnl::reorder pack_;
  bool has_bias_;
  std::vector<Operands> operands_;  // of each thread
};

}  // namespace ijepa::cpu
