// Scratch: memory that grows to the largest size ever asked for and stays; contents are not kept.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>

#include "parallel.hpp"

namespace ijepa::cpu {

class Scratch {
 public:
  /// At least `count` elements, on a 256-byte boundary; valid until the next call.
  template <class T>
  T* of(std::int64_t count) {
    const auto bytes = aligned(count * static_cast<std::int64_t>(sizeof(T)));
    if (bytes > bytes_) {
      memory_.reset();
      bytes_ = 0;
      memory_.reset(std::aligned_alloc(256, static_cast<std::size_t>(bytes)));
      if (memory_ == nullptr) throw std::bad_alloc();
      bytes_ = bytes;
    }
    return static_cast<T*>(memory_.get());
  }

 private:
  struct Free {
    void operator()(void* memory) const { std::free(memory); }
  };
  std::unique_ptr<void, Free> memory_;
  std::int64_t bytes_ = 0;
};

}  // namespace ijepa::cpu
