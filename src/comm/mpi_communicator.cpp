#include "mpi_communicator.hpp"

#include <mpi.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <numeric>
#include <thread>

#include "ijepa/comm/ordered_worker.hpp"

namespace ijepa {
namespace {

constexpr std::int64_t sum_chunk = std::int64_t{1} << 22;  // elements; bounds the scratch memory
constexpr std::size_t copy_chunk = std::size_t{1} << 30;   // bytes; MPI counts are 32 bits
constexpr std::size_t most_small_numbers = 4096;

MPI_Datatype type_of(float) {
  return MPI_FLOAT;
}
MPI_Datatype type_of(double) {
  return MPI_DOUBLE;
}

class MpiCommunicator final : public Communicator {
 public:
  MpiCommunicator() {
    MPI_Comm_rank(MPI_COMM_WORLD, &rank_);
    MPI_Comm_size(MPI_COMM_WORLD, &size_);
    counts_.resize(static_cast<std::size_t>(size_));
    starts_.resize(counts_.size());
    my_counts_.resize(counts_.size());
    my_starts_.resize(counts_.size());
  }

  int rank() const override { return rank_; }
  int size() const override { return size_; }

  Ticket all_reduce_sum_async(Tensor inout) override {
    check(inout.dtype == DType::f32 || inout.dtype == DType::f64,
          "Ranks sum float32 and float64 only, not a {} tensor.", name_of(inout.dtype));
    activity().count_call();
    return worker_.submit([this, inout] {
      if (inout.dtype == DType::f32) {
        sum(inout.as<float>(), inout.numel());
      } else {
        sum(inout.as<double>(), inout.numel());
      }
    });
  }
  void wait(Ticket ticket) override { worker_.wait(ticket); }

  void all_reduce(std::span<double> inout, Reduction op) override {
    check(inout.size() <= most_small_numbers,
          "all_reduce() is for at most {} numbers, not {}: use all_reduce_sum_async().",
          most_small_numbers, inout.size());
    run([&] { combine_small(inout, op); });
  }

  void broadcast(std::span<std::byte> inout, int root) override {
    run([&] {
      for (std::size_t at = 0; at < inout.size(); at += copy_chunk) {
        const auto n = std::min(copy_chunk, inout.size() - at);
        MPI_Bcast(inout.data() + at, static_cast<int>(n), MPI_BYTE, root, MPI_COMM_WORLD);
      }
    });
  }

  std::vector<std::string> gather_all(const std::string& mine) override {
    std::vector<std::string> texts;
    run([&] { texts = gather(mine); });
    return texts;
  }

  void barrier() override {
    run([] {});
  }

 private:
  template <class F>
  void run(F job) {
    activity().count_call();
    worker_.wait(worker_.submit([this, &job] {
      await_all_ranks();
      job();
    }));
  }

  // Blocking MPI calls spin. Waiting for the slowest rank asleep leaves the cores to its backward.
  // To yield instead would cost the rest of a time slice where others want the core.
  void await_all_ranks() const {
    MPI_Request request = MPI_REQUEST_NULL;
    MPI_Ibarrier(MPI_COMM_WORLD, &request);
    int done = 0;
    for (int tries = 0;; ++tries) {
      MPI_Test(&request, &done, MPI_STATUS_IGNORE);
      if (done != 0) return;
      if (tries >= 100) std::this_thread::sleep_for(std::chrono::microseconds(50));
    }
  }

  template <class T>
  void sum(T* data, std::int64_t n) {
    await_all_ranks();
    for (std::int64_t at = 0; at < n; at += sum_chunk) {
      sum_one_chunk(data + at, std::min(sum_chunk, n - at));
    }
  }

  // Each rank receives its share of the chunk from all ranks, adds in rank order, and hands the sum
  // round. MPI_Allreduce moves as many bytes, but the order of its additions is its own business.
  template <class T>
  void sum_one_chunk(T* data, std::int64_t n) {
    const std::int64_t share = (n + size_ - 1) / size_;
    for (std::int64_t r = 0; r < size_; ++r) {
      const auto i = static_cast<std::size_t>(r);
      starts_[i] = static_cast<int>(std::min(n, r * share));
      counts_[i] = static_cast<int>(std::min(n, (r + 1) * share)) - starts_[i];
    }
    const int mine = counts_[static_cast<std::size_t>(rank_)];
    T* own = data + starts_[static_cast<std::size_t>(rank_)];
    for (int r = 0; r < size_; ++r) {
      my_counts_[static_cast<std::size_t>(r)] = mine;
      my_starts_[static_cast<std::size_t>(r)] = r * mine;
    }
    scratch_.resize(static_cast<std::size_t>(mine) * static_cast<std::size_t>(size_) * sizeof(T));
    T* received = reinterpret_cast<T*>(scratch_.data());
    const MPI_Datatype type = type_of(T{});
    MPI_Alltoallv(data, counts_.data(), starts_.data(), type, received, my_counts_.data(),
                  my_starts_.data(), type, MPI_COMM_WORLD);
    std::copy_n(received, mine, own);
    for (int r = 1; r < size_; ++r) {
      const T* from = received + static_cast<std::ptrdiff_t>(r) * mine;
      for (int i = 0; i < mine; ++i) own[i] += from[i];
    }
    MPI_Allgatherv(MPI_IN_PLACE, 0, type, data, counts_.data(), starts_.data(), type,
                   MPI_COMM_WORLD);
  }

  void combine_small(std::span<double> inout, Reduction op) {
    const std::size_t n = inout.size();
    std::vector<double> all(n * static_cast<std::size_t>(size_));
    MPI_Allgather(inout.data(), static_cast<int>(n), MPI_DOUBLE, all.data(), static_cast<int>(n),
                  MPI_DOUBLE, MPI_COMM_WORLD);
    for (std::size_t i = 0; i < n; ++i) {
      double x = all[i];
      for (std::size_t j = i + n; j < all.size(); j += n) {
        x = op == Reduction::sum   ? x + all[j]
            : op == Reduction::max ? std::max(x, all[j])
                                   : std::min(x, all[j]);
      }
      inout[i] = x;
    }
  }

  std::vector<std::string> gather(const std::string& mine) {
    std::vector<std::uint64_t> lengths(counts_.size());
    const std::uint64_t length = mine.size();
    MPI_Allgather(&length, 1, MPI_UINT64_T, lengths.data(), 1, MPI_UINT64_T, MPI_COMM_WORLD);
    const auto total = std::accumulate(lengths.begin(), lengths.end(), std::uint64_t{0});
    check(total <= std::numeric_limits<int>::max(),
          "The ranks gather {} bytes at once; only small texts are gathered.", total);
    std::string joined(total, '\0');
    int at = 0;
    for (std::size_t i = 0; i < lengths.size(); ++i) {
      counts_[i] = static_cast<int>(lengths[i]);
      starts_[i] = at;
      at += counts_[i];
    }
    MPI_Allgatherv(mine.data(), static_cast<int>(length), MPI_BYTE, joined.data(), counts_.data(),
                   starts_.data(), MPI_BYTE, MPI_COMM_WORLD);
    std::vector<std::string> texts(lengths.size());
    for (std::size_t i = 0; i < texts.size(); ++i) {
      texts[i] = joined.substr(static_cast<std::size_t>(starts_[i]), lengths[i]);
    }
    return texts;
  }

  int rank_ = 0, size_ = 1;
  // Touched by the worker's thread alone.
  std::vector<int> counts_, starts_, my_counts_, my_starts_;
  std::vector<std::byte> scratch_;
  OrderedWorker worker_;  // last: its thread ends before the scratch goes
};

}  // namespace

std::unique_ptr<Communicator> mpi_communicator() {
  return std::make_unique<MpiCommunicator>();
}

}  // namespace ijepa
