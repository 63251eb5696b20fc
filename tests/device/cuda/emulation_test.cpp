// The CUDA emulation catches every kind of fault it is there for, and passes what is right. The
// race build must name each; the fast build sees some as wrong values, and lost updates never.
#include <cuda_runtime_api.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <functional>
#include <vector>

#include "planted.hpp"
#include "src/comm/nccl/nccl_library.hpp"
#include "src/device/cuda/stream.hpp"
#include "tests/support/cuda_emulation/control.hpp"

namespace ijepa::test {
namespace {

constexpr int found_by_emulation = 99, wrong_values = 98, unseen = 0;
constexpr std::int64_t elements = 201;  // no multiple of a vector or a block

/// Device memory and pinned memory beside it.
class Array {
 public:
  explicit Array(std::int64_t n, float first = 0) : bytes_(static_cast<std::size_t>(n) * 4) {
    void* p = nullptr;
    cudaMalloc(&p, bytes_);
    device = static_cast<float*>(p);
    cudaMallocHost(&p, bytes_);
    host = static_cast<float*>(p);
    for (std::int64_t i = 0; i < n; ++i) host[i] = first + static_cast<float>(i % 7);
  }
  void upload(cudaStream_t s) const {
    cudaMemcpyAsync(device, host, bytes_, cudaMemcpyHostToDevice, s);
  }
  void download(cudaStream_t s) const {
    cudaMemcpyAsync(host, device, bytes_, cudaMemcpyDeviceToHost, s);
  }
  float *device, *host;

 private:
  std::size_t bytes_;
};

cudaStream_t make_stream() {
  cudaStream_t s = nullptr;
  cudaStreamCreateWithFlags(&s, cudaStreamNonBlocking);
  return s;
}

bool sums_are_right(Bug bug) {
  const cudaStream_t s = make_stream();
  const Array x(128, 1), out(2);
  double sum = 0, squares = 0;
  for (int i = 0; i < 128; ++i) {
    sum += x.host[i];
    squares += x.host[i] * x.host[i];
  }
  x.upload(s);
  run_sums(s, bug, x.device, out.device);
  out.download(s);
  cudaStreamSynchronize(s);
  cudaFree(x.device);
  return out.host[0] == static_cast<float>(sum) && out.host[1] == static_cast<float>(squares);
}

bool count_is_right(Bug bug) {
  const cudaStream_t s = make_stream();
  const Array start(1), count(1);
  cudaMemcpyAsync(count.device, start.host, 4, cudaMemcpyHostToDevice, s);
  run_count(s, bug, count.device);
  count.download(s);
  cudaStreamSynchronize(s);
  return count.host[0] == 8;
}

bool copy_is_right(Bug bug) {
  const cudaStream_t s = make_stream();
  const Array x(elements), y(elements);
  x.upload(s);
  run_copy(s, bug, x.device, y.device, elements);
  y.download(s);
  cudaStreamSynchronize(s);
  cudaFree(y.device);
  return std::memcmp(x.host, y.host, elements * 4) == 0;
}

/// A copy on one stream of what another uploads, ordered by an event or not.
bool streams_are_right(bool with_event) {
  const cudaStream_t producer = make_stream(), consumer = make_stream();
  const Array x(elements), y(elements);
  cudaEvent_t uploaded = nullptr;
  cudaEventCreateWithFlags(&uploaded, cudaEventDisableTiming);
  x.upload(producer);
  cudaEventRecord(uploaded, producer);
  if (with_event) cudaStreamWaitEvent(consumer, uploaded, 0);
  run_copy(consumer, Bug::none, x.device, y.device, elements);
  y.download(consumer);
  cudaStreamSynchronize(consumer);
  cudaDeviceSynchronize();
  return std::memcmp(x.host, y.host, elements * 4) == 0;
}

/// A sum over ranks, of which there is one, on a stream of its own, of what another stream uploads.
bool collective_is_right(bool with_event) {
  const auto alone = local_communicator();
  emulation::collectives() = {.ranks = alone.get()};
  const nccl::Nccl library = nccl::open_nccl();
  ncclUniqueId id{};
  ncclComm_t group = nullptr;
  ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
  config.blocking = 0;
  library.get_unique_id(&id);
  library.init_rank(&group, 1, id, 0, &config);
  const cudaStream_t compute = make_stream(), sums = make_stream();
  const Array x(elements), back(elements);
  const cuda::Event uploaded;
  x.upload(compute);
  if (with_event) uploaded.order(compute, sums);
  library.all_reduce(x.device, x.device, elements, ncclFloat32, ncclSum, group, sums);
  cudaMemcpyAsync(back.host, x.device, elements * 4, cudaMemcpyDeviceToHost, sums);
  cudaDeviceSynchronize();
  return std::memcmp(x.host, back.host, elements * 4) == 0;
}

bool host_read() {
  const Array x(elements);
  return std::isnan(*static_cast<volatile float*>(x.device + 3));
}

bool use_after_free() {
  const cudaStream_t s = make_stream();
  const Array x(elements), y(elements);
  x.upload(s);
  cudaFree(x.device);
  run_copy(s, Bug::none, x.device, y.device, elements);
  cudaStreamSynchronize(s);
  return true;
}

bool read_before_wait() {
  const cudaStream_t s = make_stream();
  const Array x(elements), back(elements);
  x.upload(s);
  cudaMemcpyAsync(back.host, x.device, elements * 4, cudaMemcpyDeviceToHost, s);
  const bool right = back.host[1] == 1.0F;
  cudaStreamSynchronize(s);
  return right;
}

bool pageable_upload() {
  const Array x(elements);
  const std::vector<float> pageable(elements);
  cudaMemcpyAsync(x.device, pageable.data(), elements * 4, cudaMemcpyHostToDevice, make_stream());
  return true;
}

bool default_stream() {
  const Array x(elements);
  x.upload(nullptr);
  return true;
}

/// Runs under several schedules and ends this process with what came of it.
void end_with(const std::function<bool()>& run) {
  for (std::uint64_t seed = 1; seed <= 16; ++seed) {
    emulation::reseed(seed);
    if (!run()) std::exit(wrong_values);
  }
  std::exit(unseen);
}

struct Planted {
  const char* name;
  std::function<bool()> run;  // whether results were right
  int fast;                   // how the fast build ends
  const char* message;        // of the race build; empty: values are wrong there too
};

void PrintTo(const Planted& bug, std::ostream* out) {
  *out << bug.name;
}

std::vector<Planted> planted_bugs() {
  const auto sums = [](Bug bug) { return [bug] { return sums_are_right(bug); }; };
  const auto copy = [](Bug bug) { return [bug] { return copy_is_right(bug); }; };
  return {
      {"read_before_barrier", sums(Bug::read_before_barrier), wrong_values, "uninitialised shared"},
      {"write_before_barrier", sums(Bug::write_before_barrier), wrong_values,
       "race: .* another thread of the block"},
      {"divergent_barrier", sums(Bug::divergent_barrier), found_by_emulation,
       "threads wait for ever .*planted.cu"},
      {"lost_update", [] { return count_is_right(Bug::lost_update); }, unseen,
       "race: .* another block"},
      {"short_shared_memory", sums(Bug::short_shared_memory), found_by_emulation,
       "shared memory access out of bounds"},
      {"too_few_blocks", copy(Bug::too_few_blocks), wrong_values, "uninitialised device"},
      {"one_past_the_end", copy(Bug::one_past_the_end), found_by_emulation, "out of bounds"},
      {"misaligned_load", copy(Bug::misaligned_load), found_by_emulation, "not aligned"},
      {"no_event", [] { return streams_are_right(false); }, wrong_values,
       "another stream|uninitialised device"},
      {"sum_without_event", [] { return collective_is_right(false); }, wrong_values,
       "another stream|uninitialised device"},
      {"host_read", host_read, found_by_emulation, "host access to device memory"},
      {"use_after_free", use_after_free, found_by_emulation, "freed|use after free"},
      {"read_before_wait", read_before_wait, wrong_values, ""},
      {"pageable_upload", pageable_upload, found_by_emulation, "not pinned"},
      {"default_stream", default_stream, found_by_emulation, "default stream"},
  };
}

class PlantedBug : public testing::TestWithParam<Planted> {};

TEST_P(PlantedBug, IsCaught) {
  const Planted& bug = GetParam();
  if (!emulation::checks_races())
    EXPECT_EXIT(end_with(bug.run), testing::ExitedWithCode(bug.fast), "");
  else if (std::strlen(bug.message) == 0)
    EXPECT_EXIT(end_with(bug.run), testing::ExitedWithCode(wrong_values), "");
  else
    EXPECT_EXIT(end_with(bug.run), testing::ExitedWithCode(found_by_emulation), bug.message);
}

INSTANTIATE_TEST_SUITE_P(Bugs, PlantedBug, testing::ValuesIn(planted_bugs()),
                         [](const auto& param) { return param.param.name; });

TEST(Emulation, PassesWhatIsRight) {
  const std::vector<std::function<bool()>> right{
      [] { return sums_are_right(Bug::none); }, [] { return count_is_right(Bug::none); },
      [] { return copy_is_right(Bug::none); }, [] { return streams_are_right(true); },
      [] { return collective_is_right(true); }};
  for (const auto& run : right) EXPECT_EXIT(end_with(run), testing::ExitedWithCode(unseen), "");
}

}  // namespace
}  // namespace ijepa::test
