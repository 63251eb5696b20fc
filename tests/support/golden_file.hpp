// GoldenFile: an HDF5 file of numbers computed by the authors' public release, told by its `kind`
// attribute.
#pragma once
#include <hdf5.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <numeric>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ijepa/core/error.hpp"

namespace ijepa::test {

/// An HDF5 id closed when it goes out of scope.
class Handle {
 public:
  Handle(hid_t id, herr_t (*close)(hid_t)) : id_(id), close_(close) {}
  ~Handle() {
    if (id_ >= 0) close_(id_);
  }
  Handle(Handle&& other) noexcept : id_(std::exchange(other.id_, -1)), close_(other.close_) {}
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  operator hid_t() const { return id_; }
  explicit operator bool() const { return id_ >= 0; }

 private:
  hid_t id_;
  herr_t (*close_)(hid_t);
};

/// One golden file, open for reading. Objects are named by path ("steps/0", "/" for the root);
/// numbers of every stored type (floats, integers, booleans) come as double.
class GoldenFile {
 public:
  explicit GoldenFile(const std::filesystem::path& path)
      : name_(path.string()), file_(H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), H5Fclose) {
    check(static_cast<bool>(file_), "{} is not a readable HDF5 file.", name_);
  }

  const std::string& name() const { return name_; }

  bool exists(const std::string& object) const {
    for (auto end = object.find('/', 1); end != std::string::npos; end = object.find('/', end + 1))
      if (H5Lexists(file_, object.substr(0, end).c_str(), H5P_DEFAULT) <= 0) return false;
    return object == "/" || H5Lexists(file_, object.c_str(), H5P_DEFAULT) > 0;
  }

  /// Names of the objects inside a group, in HDF5's name order; empty for a group that is absent.
  std::vector<std::string> children(const std::string& group = "/") const {
    std::vector<std::string> names;
    if (!exists(group)) return names;
    const Handle id(H5Gopen2(file_, group.c_str(), H5P_DEFAULT), H5Gclose);
    const auto append = [](hid_t, const char* name, const H5L_info_t*, void* out) -> herr_t {
      static_cast<std::vector<std::string>*>(out)->emplace_back(name);
      return 0;
    };
    check(id && H5Literate(id, H5_INDEX_NAME, H5_ITER_NATIVE, nullptr, append, &names) >= 0,
          "{}: {} is not a group.", name_, group);
    return names;
  }

  std::vector<std::int64_t> shape(const std::string& dataset) const {
    const Handle id = open_dataset(dataset);
    return dims(Handle(H5Dget_space(id), H5Sclose));
  }

  /// All elements of a dataset, row-major.
  std::vector<double> values(const std::string& dataset) const {
    const Handle id = open_dataset(dataset);
    const Handle type(H5Dget_type(id), H5Tclose);
    return numbers_of(type, dims(Handle(H5Dget_space(id), H5Sclose)), [&](hid_t memory, void* out) {
      return H5Dread(id, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, out);
    });
  }

  bool has_attribute(const std::string& object, const std::string& attribute) const {
    return H5Aexists_by_name(file_, object.c_str(), attribute.c_str(), H5P_DEFAULT) > 0;
  }

  /// An attribute's elements: one for a scalar.
  std::vector<double> numbers(const std::string& object, const std::string& attribute) const {
    const Handle id = open_attribute(object, attribute);
    const Handle type(H5Aget_type(id), H5Tclose);
    return numbers_of(type, dims(Handle(H5Aget_space(id), H5Sclose)),
                      [&](hid_t memory, void* out) { return H5Aread(id, memory, out); });
  }
  double number(const std::string& object, const std::string& attribute) const {
    const auto all = numbers(object, attribute);
    check(all.size() == 1, "{}: attribute {} of {} is not one number.", name_, attribute, object);
    return all[0];
  }
  std::int64_t integer(const std::string& object, const std::string& attribute) const {
    return static_cast<std::int64_t>(number(object, attribute));
  }
  bool flag(const std::string& object, const std::string& attribute) const {
    return number(object, attribute) != 0;
  }
  std::string text(const std::string& object, const std::string& attribute) const {
    const Handle id = open_attribute(object, attribute);
    const Handle type(H5Aget_type(id), H5Tclose);
    check(H5Tget_class(type) == H5T_STRING, "{}: attribute {} of {} is not text.", name_, attribute,
          object);
    if (H5Tis_variable_str(type) > 0) {
      char* raw = nullptr;
      check(H5Aread(id, type, &raw) >= 0 && raw != nullptr, "{}: attribute {} of {} is unreadable.",
            name_, attribute, object);
      std::string out = raw;
      H5free_memory(raw);
      return out;
    }
    std::string out(H5Tget_size(type), '\0');
    check(H5Aread(id, type, out.data()) >= 0, "{}: attribute {} of {} is unreadable.", name_,
          attribute, object);
    return out.substr(0, out.find('\0'));
  }

 private:
  Handle open_dataset(const std::string& dataset) const {
    check(exists(dataset), "{} has no dataset {}.", name_, dataset);
    Handle id(H5Dopen2(file_, dataset.c_str(), H5P_DEFAULT), H5Dclose);
    check(static_cast<bool>(id), "{}: {} is not a dataset.", name_, dataset);
    return id;
  }
  Handle open_attribute(const std::string& object, const std::string& attribute) const {
    check(exists(object) && has_attribute(object, attribute), "{}: {} has no attribute {}.", name_,
          object, attribute);
    return {H5Aopen_by_name(file_, object.c_str(), attribute.c_str(), H5P_DEFAULT, H5P_DEFAULT),
            H5Aclose};
  }
  static std::vector<std::int64_t> dims(const Handle& space) {
    std::vector<hsize_t> extent(static_cast<std::size_t>(H5Sget_simple_extent_ndims(space)));
    H5Sget_simple_extent_dims(space, extent.data(), nullptr);
    return {extent.begin(), extent.end()};
  }
  template <class Read>
  std::vector<double> numbers_of(hid_t type, const std::vector<std::int64_t>& extent,
                                 const Read& read) const {
    const auto count = static_cast<std::size_t>(
        std::accumulate(extent.begin(), extent.end(), std::int64_t{1}, std::multiplies<>()));
    // Booleans are stored as an enumeration of bytes, which HDF5 does not convert to numbers.
    if (H5Tget_class(type) == H5T_ENUM && H5Tget_size(type) == 1) {
      std::vector<std::int8_t> bytes(count);
      check(read(type, bytes.data()) >= 0, "{}: booleans could not be read.", name_);
      return {bytes.begin(), bytes.end()};
    }
    std::vector<double> out(count);
    check(read(H5T_NATIVE_DOUBLE, out.data()) >= 0, "{}: numbers could not be read.", name_);
    return out;
  }

  std::string name_;
  Handle file_;
};

/// Every file of `kind` in a folder, sorted by name. An Error if the folder has no golden file of
/// any kind.
inline std::vector<std::filesystem::path> golden_files_in(const std::filesystem::path& directory,
                                                          std::string_view kind) {
  check(std::filesystem::is_directory(directory), "The golden directory {} does not exist.",
        directory.string());
  std::vector<std::filesystem::path> found;
  bool any = false;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    if (entry.path().extension() != ".h5") continue;
    const GoldenFile file(entry.path());
    if (!file.has_attribute("/", "kind")) continue;
    any = true;
    if (file.text("/", "kind") == kind) found.push_back(entry.path());
  }
  check(any, "{} holds no golden file at all; set IJEPA_GOLDEN_DIR.", directory.string());
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace ijepa::test
