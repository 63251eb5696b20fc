#include "nccl_reducer.hpp"

#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "../../device/cuda/stream.hpp"
#include "ijepa/comm/agree.hpp"
#include "nccl_library.hpp"

namespace ijepa::nccl {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr int oldest_version = 21800;  // 2.18: the configuration that ncclCommInitRankConfig takes
constexpr milliseconds poll_interval{50};

double seconds(milliseconds t) {
  return std::chrono::duration<double>(t).count();
}

/// The id by which ranks find each other, made by rank 0.
ncclUniqueId exchange_id(const Nccl& nccl, Communicator& comm) {
  ncclUniqueId id{};
  on_rank_0(comm, [&] {
    const ncclResult_t status = nccl.get_unique_id(&id);
    check(status == ncclSuccess, "NCCL could not make an address for the ranks to meet: {}.",
          nccl.error_string(status));
  });
  comm.broadcast(std::as_writable_bytes(std::span(&id, 1)), 0);
  return id;
}

/// The connection of the ranks. Unless it was destroyed in peace it is aborted: then sums under way
/// are not waited for, since the rank that they wait for may be gone.
struct Group {
  const Nccl& nccl;
  ncclComm_t handle = nullptr;

  explicit Group(const Nccl& library) : nccl(library) {}
  ~Group() { abort(); }
  Group(const Group&) = delete;
  Group& operator=(const Group&) = delete;

  void abort() {
    if (handle != nullptr) nccl.abort(std::exchange(handle, nullptr));
  }
  void destroy() {
    if (handle != nullptr) nccl.destroy(std::exchange(handle, nullptr));
  }
};

class NcclReducer final : public BucketReducer {
 public:
  NcclReducer(Communicator& comm, cudaStream_t compute, const NcclOptions& options)
      : options_(options), compute_(compute) {
    on_all_ranks(comm, [&] { open(); });
    const ncclUniqueId id = exchange_id(nccl_, comm);
    on_all_ranks(comm, [&] { connect(id, comm.rank(), comm.size()); });
    watchdog_ = std::thread([this] { watch(); });
  }

  ~NcclReducer() override {
    if (watchdog_.joinable()) {
      {
        const std::lock_guard lock(mutex_);
        stop_ = true;
      }
      stopped_.notify_one();
      watchdog_.join();
    }
    if (!busy_since_) group_.destroy();
  }
  NcclReducer(const NcclReducer&) = delete;
  NcclReducer& operator=(const NcclReducer&) = delete;

  void sum_async(Tensor inout) override {
    check(inout.dtype == DType::f32, "GPUs sum float32 gradients only, not {}.",
          name_of(inout.dtype));
    ready_.order(compute_, stream_.handle);
    const std::lock_guard lock(mutex_);
    expect_sound();
    if (!busy_since_) busy_since_ = Clock::now();
    finish_call(nccl_.all_reduce(inout.data, inout.data, static_cast<std::size_t>(inout.numel()),
                                 ncclFloat32, ncclSum, group_.handle, stream_.handle),
                "a sum of gradients", *busy_since_ + options_.sum_timeout);
  }

  void join() override { summed_.order(stream_.handle, compute_); }

  void settle() override {
    const std::lock_guard lock(mutex_);
    expect_sound();
    busy_since_.reset();
  }

 private:
  void open() {
    nccl_ = open_nccl();
    int version = 0;
    check(nccl_.get_version(&version) == ncclSuccess && version >= oldest_version,
          "NCCL is of version code {}, but {} (2.18) or newer is needed: install a newer libnccl.",
          version, oldest_version);
  }

  void connect(const ncclUniqueId& id, int rank, int size) {
    ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
    config.blocking = 0;
    finish_call(nccl_.init_rank(&group_.handle, size, id, rank, &config), "connecting the ranks",
                Clock::now() + options_.connect_timeout);
  }

  /// NCCL's calls return before they are through; their outcome is asked for until `deadline`.
  void finish_call(ncclResult_t status, const char* what, Clock::time_point deadline) {
    while (status == ncclInProgress && Clock::now() < deadline) {
      std::this_thread::yield();
      const auto asked = nccl_.async_error(group_.handle, &status);
      if (asked != ncclSuccess) status = asked;
    }
    check(status != ncclInProgress,
          "NCCL got nowhere at {} before its time was up: a rank does not answer. Look at the "
          "network, or set NCCL_DEBUG=INFO to see more.",
          what);
    check(status == ncclSuccess, "NCCL failed at {}: {}. Set NCCL_DEBUG=INFO to see more.", what,
          nccl_.error_string(status));
  }

  void expect_sound() const { check(failure_.empty(), "{}", failure_); }

  /// Aborts sums that failed or hang, so that a host that waits for the device wakes up.
  void watch() {
    std::unique_lock lock(mutex_);
    while (!stop_ && failure_.empty()) {
      stopped_.wait_for(lock, poll_interval);
      if (stop_ || !busy_since_) continue;
      failure_ = trouble();
      if (!failure_.empty()) group_.abort();
    }
  }

  /// What is wrong with the sums under way; empty when nothing is.
  std::string trouble() const {
    ncclResult_t state = ncclSuccess;
    const auto asked = nccl_.async_error(group_.handle, &state);
    if (asked != ncclSuccess) state = asked;
    if (state != ncclSuccess && state != ncclInProgress)
      return fmt::format(
          "NCCL failed while gradients were summed: {}. Another rank may have died; set "
          "NCCL_DEBUG=INFO to see more.",
          nccl_.error_string(state));
    if (Clock::now() - *busy_since_ > options_.sum_timeout)
      return fmt::format(
          "The sums of a step's gradients were not done after {:.0f} s: a rank does not take part.",
          seconds(options_.sum_timeout));
    return "";
  }

  NcclOptions options_;
  cudaStream_t compute_;
  Nccl nccl_{};
  cuda::Stream stream_;
  cuda::Event ready_, summed_;
  std::mutex mutex_;  // all that follows, and every call of NCCL after the start
  Group group_{nccl_};
  std::optional<Clock::time_point> busy_since_;  // the first sum since settle()
  std::string failure_;
  bool stop_ = false;
  std::condition_variable stopped_;
  std::thread watchdog_;
};

}  // namespace

std::unique_ptr<BucketReducer> make_nccl_reducer(Communicator& comm, void* compute_stream,
                                                 const NcclOptions& options) {
  return std::make_unique<NcclReducer>(comm, static_cast<cudaStream_t>(compute_stream), options);
}

}  // namespace ijepa::nccl
