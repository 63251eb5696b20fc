#include "ijepa/core/cores.hpp"

#include <gtest/gtest.h>

#include <thread>

#include "ijepa/core/error.hpp"

namespace ijepa {
namespace {

TEST(Cores, AThreadAndThoseItStartsRunWhereTheyAreTold) {
  const auto all = allowed_cores();
  ASSERT_EQ(static_cast<int>(all.size()), usable_cores());
  std::thread([&] {
    run_on_cores({all.back()});
    EXPECT_EQ(allowed_cores(), std::vector<int>{all.back()});
    std::thread([] { EXPECT_EQ(usable_cores(), 1); }).join();
  }).join();
  EXPECT_EQ(allowed_cores(), all) << "other threads stay";
}

TEST(Cores, NoCoreIsAnError) {
  EXPECT_THROW(run_on_cores({}), Error);
}

}  // namespace
}  // namespace ijepa
