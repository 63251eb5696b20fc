#include "ijepa/comm/bucket_reducer.hpp"

#include "nccl/nccl_reducer.hpp"

namespace ijepa {
namespace {

class HostReducer final : public BucketReducer {
 public:
  explicit HostReducer(Communicator& comm) : comm_(comm) {}
  ~HostReducer() override {
    if (settled_) return;
    try {
      comm_.wait(last_);
    } catch (...) {
      // The error that is unwinding says more than its echo here.
    }
  }
  HostReducer(const HostReducer&) = delete;
  HostReducer& operator=(const HostReducer&) = delete;

  void sum_async(Tensor inout) override {
    last_ = comm_.all_reduce_sum_async(inout);
    settled_ = false;
  }
  void join() override {
    comm_.wait(last_);
    settled_ = true;
  }
  void settle() override {}

 private:
  Communicator& comm_;
  Communicator::Ticket last_ = 0;
  bool settled_ = true;
};

}  // namespace

std::unique_ptr<BucketReducer> make_host_reducer(Communicator& comm) {
  return std::make_unique<HostReducer>(comm);
}

std::unique_ptr<BucketReducer> make_bucket_reducer(Communicator& comm, Device& device) {
  // One rank has nothing to sum, wherever its gradient lies.
  if (device.memory_is_host() || comm.size() == 1) return make_host_reducer(comm);
  return nccl::make_nccl_reducer(comm, device.compute_stream());
}

}  // namespace ijepa
