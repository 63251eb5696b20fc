// The two-ended arena: what is kept and what is scratch never overlap, and measuring agrees.
#include "ijepa/core/arena.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace ijepa {
namespace {

TEST(Arena, MeasuresWhatItLaterNeeds) {
  const auto step = [](Arena& a) {
    const auto mark = a.mark();
    a.keep(DType::f32, {3, 5});
    {
      Arena::ScratchScope scope(a);
      a.scratch(DType::f64, {100});
    }
    a.keep(DType::bf16, {1000});
    a.release(mark);
    return a.peak();
  };
  Arena measured = Arena::measuring();
  const std::size_t need = step(measured);
  EXPECT_EQ(need, 256U + 2048U);
  std::vector<std::byte> memory(need);
  Arena exact(memory.data(), need);
  EXPECT_EQ(step(exact), need);
  Arena small(memory.data(), need - 256);
  EXPECT_THROW(step(small), Error);
}

TEST(Arena, KeptAndScratchDoNotOverlap) {
  std::vector<std::byte> memory(1024);
  Arena a(memory.data(), memory.size());
  const auto kept = a.keep(DType::u8, {300});
  Arena::ScratchScope scope(a);
  const auto scratch = a.scratch(DType::u8, {300});
  EXPECT_EQ(kept.data, memory.data());
  EXPECT_EQ(scratch.data, memory.data() + 512);
  EXPECT_THROW(a.keep(DType::u8, {1}), Error);
}

}  // namespace
}  // namespace ijepa
