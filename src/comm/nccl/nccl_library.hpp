// NCCL, opened when several GPUs first train together: one program runs where it is missing.
#pragma once
#include <nccl.h>

namespace ijepa::nccl {

/// The functions that the reducer calls, by their own names without the prefix.
struct Nccl {
  decltype(&ncclGetVersion) get_version;
  decltype(&ncclGetUniqueId) get_unique_id;
  decltype(&ncclGetErrorString) error_string;
  decltype(&ncclCommInitRankConfig) init_rank;
  decltype(&ncclCommGetAsyncError) async_error;
  decltype(&ncclAllReduce) all_reduce;
  decltype(&ncclCommDestroy) destroy;
  decltype(&ncclCommAbort) abort;
};

/// An Error naming the file that the dynamic loader does not find.
Nccl open_nccl();

}  // namespace ijepa::nccl
