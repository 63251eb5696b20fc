// Prefetch: the next of a row of batches is made by a thread while the one before is used.
#pragma once
#include <cstdint>
#include <functional>
#include <future>
#include <utility>

namespace ijepa {

template <class Batch>
class Prefetch {
 public:
  /// make(0) .. make(count - 1), one at a time, each once.
  Prefetch(std::int64_t count, std::function<Batch(std::int64_t)> make)
      : count_(count), make_(std::move(make)) {
    start();
  }

  /// The next one; an exception of its making comes out here.
  Batch next() {
    Batch batch = ahead_.get();
    start();
    return batch;
  }

 private:
  void start() {
    if (begun_ == count_) return;
    ahead_ = std::async(std::launch::async, [this, i = begun_++] { return make_(i); });
  }

  std::int64_t count_, begun_ = 0;
  std::function<Batch(std::int64_t)> make_;
  std::future<Batch> ahead_;  // destroyed first, which waits for a batch under way
};

}  // namespace ijepa
