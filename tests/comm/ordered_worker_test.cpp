#include "ijepa/comm/ordered_worker.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <vector>

namespace ijepa {
namespace {

TEST(OrderedWorker, RunsJobsInSubmissionOrder) {
  OrderedWorker worker;
  std::vector<int> seen;  // touched by the worker's thread, read after wait()
  OrderedWorker::Ticket last = 0;
  for (int i = 0; i < 1000; ++i) last = worker.submit([&seen, i] { seen.push_back(i); });
  worker.wait(last);
  ASSERT_EQ(seen.size(), 1000U);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(seen[static_cast<std::size_t>(i)], i);
}

TEST(OrderedWorker, RunsWhatIsLeftBeforeItEnds) {
  std::atomic<int> done{0};
  {
    OrderedWorker worker;
    for (int i = 0; i < 100; ++i) worker.submit([&done] { ++done; });
  }
  EXPECT_EQ(done, 100);
}

TEST(OrderedWorker, AnExceptionReachesTheWaiterAndDropsLaterJobs) {
  OrderedWorker worker;
  bool later = false;
  worker.submit([] { throw std::runtime_error("broken"); });
  const auto ticket = worker.submit([&later] { later = true; });
  EXPECT_THROW(worker.wait(ticket), std::runtime_error);
  EXPECT_THROW(worker.wait(ticket), std::runtime_error);
  EXPECT_FALSE(later);
}

}  // namespace
}  // namespace ijepa
