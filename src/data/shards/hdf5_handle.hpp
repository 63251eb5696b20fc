// Hdf5Handle: an HDF5 identifier that closes itself, and the calls on it that shards, checkpoints
// and feature files need. Failures become an Error with the library's innermost message.
#pragma once
#include <hdf5.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

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

/// An attribute that is one whole number. An Error for anything else, which the library would write
/// beyond the number's place.
template <class T>
T hdf5_number(hid_t object, const std::string& path, const char* name, hid_t memory_type) {
  const Hdf5Handle id(hdf5_check(H5Aopen(object, name, H5P_DEFAULT), path, name), H5Aclose);
  const Hdf5Handle space(hdf5_check(H5Aget_space(id), path, name), H5Sclose);
  const Hdf5Handle type(hdf5_check(H5Aget_type(id), path, name), H5Tclose);
  check(H5Sget_simple_extent_npoints(space) == 1 && H5Tget_class(type) == H5T_INTEGER,
        "{}: {} is no whole number.", path, name);
  T value = 0;
  hdf5_check(H5Aread(id, memory_type, &value), path, name);
  return value;
}

inline void hdf5_write_attribute(hid_t object, const std::string& path, const char* name,
                                 hid_t type, const void* data) {
  const Hdf5Handle space(H5Screate(H5S_SCALAR), H5Sclose);
  const Hdf5Handle id(
      hdf5_check(H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT), path, name),
      H5Aclose);
  // Little-endian machines only: memory and file type are the same.
  hdf5_check(H5Awrite(id, type, data), path, name);
}

/// Of UTF-8 texts of so many bytes, padded with zeros.
inline Hdf5Handle hdf5_text_type(std::size_t bytes) {
  Hdf5Handle type(H5Tcopy(H5T_C_S1), H5Tclose);
  H5Tset_size(type, bytes);
  H5Tset_strpad(type, H5T_STR_NULLPAD);
  H5Tset_cset(type, H5T_CSET_UTF8);
  return type;
}

/// The texts one after another, each padded with zeros to `width` bytes.
inline std::string padded_texts(const std::vector<std::string>& texts, std::size_t width) {
  std::string all(texts.size() * width, '\0');
  for (std::size_t i = 0; i < texts.size(); ++i) texts[i].copy(&all[i * width], width);
  return all;
}

/// The longest, at least 1.
inline std::size_t width_of_texts(const std::vector<std::string>& texts) {
  std::size_t width = 1;
  for (const auto& text : texts) width = std::max(width, text.size());
  return width;
}

/// A dataset that lies in this file itself: an Error where its name is a link into another file, or
/// its numbers lie in one.
inline Hdf5Handle hdf5_dataset(hid_t file, const std::string& path, const char* name) {
  H5L_info_t link;
  hdf5_check(H5Lget_info(file, name, &link, H5P_DEFAULT), path, name);
  check(link.type == H5L_TYPE_HARD, "{}: {} is a link to elsewhere.", path, name);
  Hdf5Handle dataset(hdf5_check(H5Dopen2(file, name, H5P_DEFAULT), path, name), H5Dclose);
  const Hdf5Handle creation(hdf5_check(H5Dget_create_plist(dataset), path, name), H5Pclose);
  check(H5Pget_external_count(creation) == 0, "{}: {} lies in another file.", path, name);
  return dataset;
}

/// File access without file locks, which parallel file systems often lack. The environment variable
/// HDF5_USE_FILE_LOCKING, where set, has the last word.
inline Hdf5Handle hdf5_file_access() {
  Hdf5Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  H5Pset_file_locking(access, false, true);
  return access;
}

}  // namespace ijepa
