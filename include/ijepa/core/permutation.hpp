// Permutation: a random order of 0 .. n-1 that is computed, not stored. A Feistel network over the
// smallest even number of bits that holds n, walked until the result is below n (cycle walking;
// Black and Rogaway, CT-RSA 2002): at most a few rounds an element, no memory for 14 million
// images.
#pragma once
#include <bit>
#include <cstdint>

#include "ijepa/core/rng.hpp"

namespace ijepa {

class Permutation {
 public:
  static constexpr std::uint32_t max_streams = 2'000'000;

  /// Of 0 .. n-1; `epoch` < 2^32. `stream` < max_streams tells apart several orders of one epoch.
  Permutation(std::uint64_t n, std::uint64_t seed, Purpose purpose, std::uint64_t epoch = 0,
              std::uint64_t stream = 0)
      : n_(n),
        seed_(seed),
        purpose_(static_cast<std::uint32_t>(purpose)),
        epoch_(static_cast<std::uint32_t>(epoch)),
        stream_(static_cast<std::uint32_t>(stream)),
        half_bits_(static_cast<unsigned>(std::bit_width(n > 1 ? n - 1 : 1) + 1) / 2) {}

  std::uint64_t size() const { return n_; }

  /// The place of `i` < n; a bijection on 0 .. n-1.
  std::uint64_t operator()(std::uint64_t i) const {
    do {
      i = scramble(i);
    } while (i >= n_);
    return i;
  }

  /// The `i` whose place is `place` < n.
  std::uint64_t find(std::uint64_t place) const {
    do {
      place = unscramble(place);
    } while (place >= n_);
    return place;
  }

 private:
  static constexpr std::uint32_t rounds = 6;

  std::uint64_t mask() const { return (std::uint64_t{1} << half_bits_) - 1; }

  std::uint64_t mix(std::uint64_t half, std::uint32_t round) const {
    // Purpose lies where Rng puts it, the round number where Rng has its index, from the top.
    const std::uint32_t index = 0xFFFFFFU - (stream_ * rounds + round);
    return philox({static_cast<std::uint32_t>(half), purpose_ | index << 8, epoch_,
                   static_cast<std::uint32_t>(n_)},
                  seed_)[0] &
           mask();
  }

  std::uint64_t scramble(std::uint64_t i) const {
    std::uint64_t left = i >> half_bits_, right = i & mask();
    for (std::uint32_t round = 0; round < rounds; ++round) {
      const std::uint64_t mixed = left ^ mix(right, round);
      left = right;
      right = mixed;
    }
    return left << half_bits_ | right;
  }

  std::uint64_t unscramble(std::uint64_t place) const {
    std::uint64_t left = place >> half_bits_, right = place & mask();
    for (std::uint32_t round = rounds; round-- > 0;) {
      const std::uint64_t mixed = right ^ mix(left, round);
      right = left;
      left = mixed;
    }
    return left << half_bits_ | right;
  }

  std::uint64_t n_, seed_;
  std::uint32_t purpose_, epoch_, stream_;
  unsigned half_bits_;
};

}  // namespace ijepa
