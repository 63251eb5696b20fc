#include "ijepa/comm/ordered_worker.hpp"

#include <utility>

namespace ijepa {

OrderedWorker::OrderedWorker() : thread_([this] { loop(); }) {}

OrderedWorker::~OrderedWorker() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  submitted_.notify_one();
  thread_.join();
}

OrderedWorker::Ticket OrderedWorker::submit(std::function<void()> job) {
  Ticket ticket = 0;
  {
    const std::lock_guard lock(mutex_);
    jobs_.push_back(std::move(job));
    ticket = ++last_submitted_;
  }
  submitted_.notify_one();
  return ticket;
}

void OrderedWorker::wait(Ticket ticket) {
  std::unique_lock lock(mutex_);
  finished_.wait(lock, [&] { return last_finished_ >= ticket; });
  if (failure_) std::rethrow_exception(failure_);
}

void OrderedWorker::loop() {
  std::unique_lock lock(mutex_);
  for (;;) {
    submitted_.wait(lock, [this] { return stop_ || !jobs_.empty(); });
    if (jobs_.empty()) return;
    const std::function<void()> job = std::move(jobs_.front());
    jobs_.pop_front();
    const bool dropped = failure_ != nullptr;
    lock.unlock();
    if (!dropped) run_one(job);
    lock.lock();
    ++last_finished_;
    finished_.notify_all();
  }
}

void OrderedWorker::run_one(const std::function<void()>& job) noexcept {
  try {
    job();
  } catch (...) {
    const std::lock_guard lock(mutex_);
    failure_ = std::current_exception();
  }
}

}  // namespace ijepa
