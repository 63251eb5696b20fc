// Arena: one block of device memory used as two stacks that grow towards each other.
// Activations kept for backward grow from the bottom, scratch from the top under a scope. Backward
// runs in exact reverse of forward, so both are last-in first-out and no planner is needed. With a
// null base nothing is backed by memory and the arena only measures.
#pragma once
#include <algorithm>
#include <cstddef>
#include <initializer_list>
#include <limits>

#include "ijepa/core/tensor.hpp"

namespace ijepa {

class Arena {
 public:
  static constexpr std::size_t alignment = 256;  // bytes; what GPU libraries want of every operand

  Arena(void* base, std::size_t capacity)
      : base_(static_cast<std::byte*>(base)), capacity_(capacity), top_(capacity) {}

  /// An arena without memory: tensors have null data, peak() tells what a step needs.
  static Arena measuring() {
    return {nullptr, std::numeric_limits<std::size_t>::max() / 4 / alignment * alignment};
  }

  /// A tensor that lives until release() of an earlier mark. Contents undefined.
  Tensor keep(DType type, std::initializer_list<std::int64_t> shape) {
    Tensor x = make_tensor(at(bottom_), type, shape);
    bottom_ += padded(x.bytes());
    note();
    return x;
  }

  /// A tensor that lives until the innermost ScratchScope ends. Contents undefined.
  Tensor scratch(DType type, std::initializer_list<std::int64_t> shape) {
    Tensor x = make_tensor(nullptr, type, shape);
    const std::size_t bytes = padded(x.bytes());
    check(bytes <= top_, "The arena of {} bytes is too small: the step was measured wrongly.",
          capacity_);
    top_ -= bytes;
    x.data = at(top_);
    note();
    return x;
  }

  std::size_t mark() const { return bottom_; }
  void release(std::size_t mark) { bottom_ = mark; }
  std::size_t in_use() const { return bottom_ + (capacity_ - top_); }
  std::size_t peak() const { return peak_; }
  std::size_t capacity() const { return capacity_; }
  bool is_measuring() const { return base_ == nullptr; }

  class ScratchScope {
   public:
    explicit ScratchScope(Arena& arena) : arena_(arena), top_(arena.top_) {}
    ~ScratchScope() { arena_.top_ = top_; }
    ScratchScope(const ScratchScope&) = delete;
    ScratchScope& operator=(const ScratchScope&) = delete;

   private:
    Arena& arena_;
    std::size_t top_;
  };

 private:
  static std::size_t padded(std::size_t n) { return (n + alignment - 1) / alignment * alignment; }
  void* at(std::size_t offset) const { return base_ != nullptr ? base_ + offset : nullptr; }
  void note() {
    check(bottom_ <= top_, "The arena of {} bytes is too small: the step was measured wrongly.",
          capacity_);
    peak_ = std::max(peak_, in_use());
  }

  std::byte* base_;
  std::size_t capacity_, bottom_ = 0, top_, peak_ = 0;
};

}  // namespace ijepa
