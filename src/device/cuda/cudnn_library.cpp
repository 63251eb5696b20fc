#include "cudnn_library.hpp"

#include <array>

#include "ijepa/core/error.hpp"
#include "ijepa/device/vendor_library.hpp"

namespace ijepa::cuda {
namespace {

constexpr std::size_t oldest_version = 91501;

}  // namespace

void Cudnn::expect(cudnnStatus_t status, const char* what) const {
  if (status == CUDNN_STATUS_SUCCESS) return;
  std::array<char, 512> reason{};
  last_error(reason.data(), reason.size());
  fail("cuDNN failed at {}: status {}, {}.", what, static_cast<int>(status), reason.data());
}

Cudnn open_cudnn() {
  const VendorLibrary library("libcudnn.so.9", "cuDNN 9, which computes attention");
  Cudnn dnn{};
  const auto find = [&]<class F>(const char* name, F& function) {
    function = library.find<F>(name);
  };
  find("cudnnGetVersion", dnn.get_version);
  find("cudnnGetLastErrorString", dnn.last_error);
  find("cudnnCreate", dnn.create);
  find("cudnnDestroy", dnn.destroy);
  find("cudnnSetStream", dnn.set_stream);
  find("cudnnBackendCreateDescriptor", dnn.create_descriptor);
  find("cudnnBackendDestroyDescriptor", dnn.destroy_descriptor);
  find("cudnnBackendSetAttribute", dnn.set_attribute);
  find("cudnnBackendGetAttribute", dnn.get_attribute);
  find("cudnnBackendFinalize", dnn.finalize);
  find("cudnnBackendExecute", dnn.execute);
  const std::size_t version = dnn.get_version();
  check(version >= oldest_version,
        "cuDNN {}.{}.{} is too old: install 9.15.1 or newer, or set compute.device to \"cpu\".",
        version / 10000, version / 100 % 100, version % 100);
  return dnn;
}

}  // namespace ijepa::cuda
