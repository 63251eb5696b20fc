// The double of NCCL: sums in device memory, put on the emulated stream that NCCL's would be on and
// carried between processes by the communicator. Calls answer "in progress" at first.
#include <atomic>
#include <chrono>
#include <cstring>
#include <thread>
#include <vector>

#include "control.hpp"
#include "cuda_emulation.hpp"
#include "src/comm/nccl/nccl_library.hpp"

struct ncclComm {
  std::atomic<int> busy_answers = 0;
  std::atomic<bool> aborted = false;
};

namespace emulation {

Collectives& collectives() {
  static Collectives here;
  return here;
}

namespace {

using ijepa::DType;

void wait_for_abort(const ncclComm& group) {
  while (!group.aborted) std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

/// The sum over ranks, in rank order, of device memory.
void sum(void* data, std::size_t count) {
  const std::size_t bytes = count * sizeof(float);
  check_range(data, bytes, false);
  std::vector<float> host(count);
  std::memcpy(host.data(), data, bytes);
  auto& ranks = *collectives().ranks;
  ranks.wait(ranks.all_reduce_sum_async(
      ijepa::make_tensor(host.data(), DType::f32, {static_cast<std::int64_t>(count)})));
  check_range(data, bytes, true);
  std::memcpy(data, host.data(), bytes);
}

ncclResult_t in_progress(ncclComm_t group) {
  group->busy_answers = collectives().busy_answers;
  return ncclInProgress;
}

ncclResult_t get_version(int* version) {
  *version = collectives().version;
  return ncclSuccess;
}

ncclResult_t get_unique_id(ncclUniqueId* id) {
  std::strcpy(id->internal, "emulated ranks");
  return ncclSuccess;
}

const char* error_string(ncclResult_t status) {
  return status == ncclRemoteError ? "remote process exited or there was a network error"
                                   : "an emulated error";
}

ncclResult_t init_rank(ncclComm_t* out, int size, ncclUniqueId id, int rank, ncclConfig_t* config) {
  const auto& ranks = *collectives().ranks;
  const bool matches = size == ranks.size() && rank == ranks.rank() && config->blocking == 0 &&
                       std::strcmp(id.internal, "emulated ranks") == 0;
  if (!matches) return ncclInvalidArgument;
  *out = new ncclComm;
  return in_progress(*out);
}

ncclResult_t async_error(ncclComm_t group, ncclResult_t* state) {
  const Collectives& nccl = collectives();
  const bool busy = !nccl.connects || group->busy_answers.fetch_sub(1) > 0;
  const bool failed = nccl.fails && nccl.sums > 0;
  *state = busy ? ncclInProgress : failed ? ncclRemoteError : ncclSuccess;
  return ncclSuccess;
}

ncclResult_t all_reduce(const void* from, void* to, std::size_t count, ncclDataType_t type,
                        ncclRedOp_t op, ncclComm_t group, cudaStream_t stream) {
  if (from != to || type != ncclFloat32 || op != ncclSum || count == 0) return ncclInvalidArgument;
  ++collectives().sums;
  const bool works = !collectives().hangs && !collectives().fails;
  enqueue("sum over ranks", stream, Where::current(),
          [=] { works ? sum(to, count) : wait_for_abort(*group); });
  return collectives().fails ? ncclSuccess : in_progress(group);
}

/// The group stays: sums under way look at it until they notice.
ncclResult_t abort(ncclComm_t group) {
  ++collectives().aborts;
  group->aborted = true;
  return ncclSuccess;
}

ncclResult_t destroy(ncclComm_t group) {
  delete group;
  return ncclSuccess;
}

}  // namespace
}  // namespace emulation

namespace ijepa::nccl {

Nccl open_nccl() {
  check(emulation::collectives().installed, "libnccl.so.2 was not found.");
  return {emulation::get_version, emulation::get_unique_id, emulation::error_string,
          emulation::init_rank,   emulation::async_error,   emulation::all_reduce,
          emulation::destroy,     emulation::abort};
}

}  // namespace ijepa::nccl
