#include "nccl_library.hpp"

#include "ijepa/device/vendor_library.hpp"

namespace ijepa::nccl {

Nccl open_nccl() {
  const VendorLibrary library("libnccl.so.2", "NCCL, which sums gradients between GPUs");
  return {library.find<decltype(Nccl::get_version)>("ncclGetVersion"),
          library.find<decltype(Nccl::get_unique_id)>("ncclGetUniqueId"),
          library.find<decltype(Nccl::error_string)>("ncclGetErrorString"),
          library.find<decltype(Nccl::init_rank)>("ncclCommInitRankConfig"),
          library.find<decltype(Nccl::async_error)>("ncclCommGetAsyncError"),
          library.find<decltype(Nccl::all_reduce)>("ncclAllReduce"),
          library.find<decltype(Nccl::destroy)>("ncclCommDestroy"),
          library.find<decltype(Nccl::abort)>("ncclCommAbort")};
}

}  // namespace ijepa::nccl
