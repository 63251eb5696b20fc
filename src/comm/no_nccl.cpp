// What stands in for src/comm/nccl in a build without CUDA, which has no device that needs it.
#include "nccl/nccl_reducer.hpp"

namespace ijepa::nccl {

std::unique_ptr<BucketReducer> make_nccl_reducer(Communicator&, void*, const NcclOptions&) {
  fail("This build has no CUDA, so it has no NCCL either: configure it with -DIJEPA_CUDA=ON.");
}

}  // namespace ijepa::nccl
