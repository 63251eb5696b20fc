// Ranks for tests: the communicator that every test of an MPI test program uses, and the line with
// which a test states how many ranks it needs.
#pragma once
#include <gtest/gtest.h>

#include <algorithm>
#include <initializer_list>

#include "ijepa/comm/communicator.hpp"

namespace ijepa::test {

/// All ranks of this test program.
Communicator& ranks();

inline bool running_on(std::initializer_list<int> counts) {
  return std::find(counts.begin(), counts.end(), ranks().size()) != counts.end();
}

}  // namespace ijepa::test

/// First line of a test: the rank counts it runs on. A macro, since it leaves the test. That is no
/// skip: CTest runs the same program on those other counts.
#define IJEPA_RANKS(...) \
  if (!::ijepa::test::running_on({__VA_ARGS__})) return
