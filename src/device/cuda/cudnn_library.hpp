// cuDNN's backend interface, opened when a GPU is first used: the programs start on machines that
// lack it.
#pragma once
#include <cudnn_graph.h>

namespace ijepa::cuda {

/// The functions that are called, by their own names without the prefix.
struct Cudnn {
  decltype(&cudnnGetVersion) get_version;
  decltype(&cudnnGetLastErrorString) last_error;
  decltype(&cudnnCreate) create;
  decltype(&cudnnDestroy) destroy;
  decltype(&cudnnSetStream) set_stream;
  decltype(&cudnnBackendCreateDescriptor) create_descriptor;
  decltype(&cudnnBackendDestroyDescriptor) destroy_descriptor;
  decltype(&cudnnBackendSetAttribute) set_attribute;
  decltype(&cudnnBackendGetAttribute) get_attribute;
  decltype(&cudnnBackendFinalize) finalize;
  decltype(&cudnnBackendExecute) execute;

  /// An Error naming `what` and the library's reason unless the status is success.
  void expect(cudnnStatus_t status, const char* what) const;
};

/// An Error when the library is not found or older than 9.15.1, before which its backward pass
/// needs padding where the length is no multiple of 128.
Cudnn open_cudnn();

}  // namespace ijepa::cuda
