// Hdf5Handle: an HDF5 identifier that closes itself, and the calls on it that both the shard reader
// and writer need. Failures become an Error with the library's innermost message.
#pragma once
#include <hdf5.h>

#include <string>
#include <utility>

#include "ijepa/core/error.hpp"

namespace ijepa {

class Hdf5Handle {
 public:
  using Close = herr_t (*)(hid_t);

  Hdf5Handle(hid_t id, Close closer) : id_(id), close_(closer) {}
  ~Hdf5Handle() {
    if (id_ >= 0) close_(id_);
  }
  Hdf5Handle(Hdf5Handle&& other) noexcept
      : id_(std::exchange(other.id_, H5I_INVALID_HID)), close_(other.close_) {}
  Hdf5Handle& operator=(Hdf5Handle&&) = delete;

  operator hid_t() const { return id_; }  // passed to the C library like the plain identifier
  /// Closes now, so that a failure to write is seen.
  herr_t close() { return close_(std::exchange(id_, H5I_INVALID_HID)); }

 private:
  hid_t id_;
  Close close_;
};

/// Keeps the library from printing its error stack while it lives; our messages replace it.
class Hdf5Quiet {
 public:
  Hdf5Quiet() {
    H5Eget_auto2(H5E_DEFAULT, &function_, &data_);
    H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
  }
  ~Hdf5Quiet() { H5Eset_auto2(H5E_DEFAULT, function_, data_); }
  Hdf5Quiet(const Hdf5Quiet&) = delete;
  Hdf5Quiet& operator=(const Hdf5Quiet&) = delete;

 private:
  H5E_auto2_t function_ = nullptr;
  void* data_ = nullptr;
};

/// The message of the deepest entry of the library's error stack ("no reason given" if empty).
inline std::string hdf5_reason() {
  std::string reason = "no reason given";
  const auto keep_last = [](unsigned, const H5E_error2_t* entry, void* out) -> herr_t {
    if (entry->desc != nullptr) *static_cast<std::string*>(out) = entry->desc;
    return 0;
  };
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_DOWNWARD, keep_last, &reason);
  return reason;
}

/// An Error naming the file unless `result` (an identifier or status) is a success.
template <class Result>
Result hdf5_check(Result result, const std::string& path, const char* what) {
  if (result < 0) fail("{}: HDF5 could not {}: {}.", path, what, hdf5_reason());
  return result;
}

/// File access without file locks, which parallel file systems often lack. The environment variable
/// HDF5_USE_FILE_LOCKING, where set, has the last word.
inline Hdf5Handle hdf5_file_access() {
  Hdf5Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  H5Pset_file_locking(access, false, true);
  return access;
}

}  // namespace ijepa
