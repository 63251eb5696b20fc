// Rng: counter-based random numbers (Philox4x32-10; Salmon et al., SC 2011). Every draw is a pure
// function of (seed, purpose, epoch, position, index, number of the draw), so results never depend
// on threads, ranks, micro-batches or on where a run was interrupted.
#pragma once
#include <array>
#include <cmath>
#include <cstdint>

namespace ijepa {

/// A count or seed as what random numbers are counted by.
constexpr std::uint64_t unsigned_of(std::int64_t x) {
  return static_cast<std::uint64_t>(x);
}

/// What a random number is for. Values are part of the checkpoint contract: append, never renumber.
enum class Purpose : std::uint32_t {
  order = 1,       // sample order within an epoch
  crop = 2,        // random resized crop
  augment = 3,     // flip, colour, blur
  mask_size = 4,   // block sizes, once per iteration
  mask_place = 5,  // block positions, per image
  init = 6,        // parameter initialisation
  drop_path = 7,
  packing = 8,     // order of images in shards
  probe = 9,       // evaluation heads and subsets
  synthetic = 10,  // ijepa-synth
  test = 11,
};

/// One Philox4x32-10 block: 128 counter bits and 64 key bits to 128 random bits.
constexpr std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> counter,
                                              std::uint64_t key) {
  auto k0 = static_cast<std::uint32_t>(key);
  auto k1 = static_cast<std::uint32_t>(key >> 32);
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t p0 = std::uint64_t{0xD2511F53U} * counter[0];
    const std::uint64_t p1 = std::uint64_t{0xCD9E8D57U} * counter[2];
    counter = {
        static_cast<std::uint32_t>(p1 >> 32) ^ counter[1] ^ k0, static_cast<std::uint32_t>(p1),
        static_cast<std::uint32_t>(p0 >> 32) ^ counter[3] ^ k1, static_cast<std::uint32_t>(p0)};
    k0 += 0x9E3779B9U;
    k1 += 0xBB67AE85U;
  }
  return counter;
}

/// A sequence of draws. epoch < 2^24, position < 2^40, index < 2^24.
class Rng {
 public:
  Rng(std::uint64_t seed, Purpose purpose, std::uint64_t epoch = 0, std::uint64_t position = 0,
      std::uint64_t index = 0)
      : seed_(seed),
        counter_{
            0, static_cast<std::uint32_t>(purpose) | static_cast<std::uint32_t>(index << 8),
            static_cast<std::uint32_t>(position),
            static_cast<std::uint32_t>(epoch << 8) | static_cast<std::uint32_t>(position >> 32)} {}

  std::uint32_t bits() {
    if (used_ == 4) {
      block_ = philox(counter_, seed_);
      ++counter_[0];
      used_ = 0;
    }
    return block_[used_++];
  }

  /// Uniform in [0, 1), 53 bits.
  double uniform() {
    const std::uint64_t high = bits() >> 5, low = bits() >> 6;
    return static_cast<double>((high << 26) | low) * 0x1.0p-53;
  }
  double uniform(double low, double high) { return low + (high - low) * uniform(); }

  /// Uniform integer in [0, n), n >= 1, without modulo bias (64-bit multiply and reject).
  std::uint64_t below(std::uint64_t n) {
    for (;;) {
      const std::uint64_t r = (std::uint64_t{bits()} << 32) | bits();
      const unsigned __int128 product = static_cast<unsigned __int128>(r) * n;
      const auto low = static_cast<std::uint64_t>(product);
      if (low >= (-n) % n) return static_cast<std::uint64_t>(product >> 64);
    }
  }

  /// Standard normal (Box-Muller, two uniforms a draw).
  double normal() {
    const double u = 1.0 - uniform(), v = uniform();
    return std::sqrt(-2.0 * std::log(u)) * std::cos(6.283185307179586476925 * v);
  }

 private:
  std::uint64_t seed_;
  std::array<std::uint32_t, 4> counter_;
  std::array<std::uint32_t, 4> block_{};
  unsigned used_ = 4;
};

}  // namespace ijepa
