// HDF5 lays the file out in memory; structure and numbers are then written by pwrite at the offsets
// it chose. After a failed write HDF5 can neither close the file nor itself, so it never sees the
// disk.
#include "checkpoint_part.hpp"

#include <hdf5.h>
#include <unistd.h>
#include <xxhash.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <map>
#include <set>
#include <utility>

#include "ijepa/core/file.hpp"

namespace ijepa {
namespace {

class Handle {
 public:
  Handle(hid_t id, herr_t (*closer)(hid_t), const std::string& what) : id_(id), close_(closer) {
    check(id >= 0, "HDF5 cannot create {}: {}.", what, errno != 0 ? std::strerror(errno) : "error");
  }
  ~Handle() {
    if (id_ >= 0) close_(id_);
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;

  operator hid_t() const { return id_; }  // NOLINT(google-explicit-constructor): used as one
  herr_t close() { return close_(std::exchange(id_, -1)); }

 private:
  hid_t id_;
  herr_t (*close_)(hid_t);
};

/// HDF5's own messages on standard error are switched off here: the Error says what failed.
class QuietHdf5 {
 public:
  QuietHdf5() {
    H5Eget_auto2(H5E_DEFAULT, &report_, &data_);
    H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
  }
  ~QuietHdf5() { H5Eset_auto2(H5E_DEFAULT, report_, data_); }
  QuietHdf5(const QuietHdf5&) = delete;
  QuietHdf5& operator=(const QuietHdf5&) = delete;

 private:
  H5E_auto2_t report_ = nullptr;
  void* data_ = nullptr;
};

/// In the order of DType. HDF5 1.10 has no bfloat16: its bits are kept as uint16, and the manifest
/// knows what they mean.
hid_t hdf5_type(DType type) {
  const std::array<hid_t, 5> types{H5T_NATIVE_DOUBLE, H5T_NATIVE_FLOAT, H5T_NATIVE_UINT16,
                                   H5T_NATIVE_INT32, H5T_NATIVE_UINT8};
  return types.at(static_cast<std::size_t>(type));
}

void check_names(const std::vector<StoredTensor>& tensors) {
  std::set<std::pair<std::string, std::string>> seen;
  for (const auto& t : tensors) {
    for (const auto& name : {t.group, t.name}) {
      check(!name.empty() && name != "." && name.find('/') == std::string::npos,
            "\"{}\" cannot be the name of a tensor or group in a checkpoint.", name);
    }
    check(seen.emplace(t.group, t.name).second, "The checkpoint would hold {}/{} twice.", t.group,
          t.name);
  }
}

/// Creates the dataset, with its space allocated, and returns where its bytes will lie.
std::uint64_t add_dataset(hid_t group, const StoredTensor& tensor) {
  const std::vector<hsize_t> shape(tensor.shape.begin(), tensor.shape.end());
  const std::string what = tensor.group + "/" + tensor.name;
  const Handle space(shape.empty()
                         ? H5Screate(H5S_SCALAR)
                         : H5Screate_simple(static_cast<int>(shape.size()), shape.data(), nullptr),
                     H5Sclose, what);
  const Handle creation(H5Pcreate(H5P_DATASET_CREATE), H5Pclose, what);
  H5Pset_alloc_time(creation, H5D_ALLOC_TIME_EARLY);
  H5Pset_fill_time(creation, H5D_FILL_TIME_NEVER);
  const Handle dataset(H5Dcreate2(group, tensor.name.c_str(), hdf5_type(tensor.dtype), space,
                                  H5P_DEFAULT, creation, H5P_DEFAULT),
                       H5Dclose, what);
  const haddr_t offset = H5Dget_offset(dataset);
  check(offset != HADDR_UNDEF, "HDF5 gave {} no place in the file.", what);
  return offset;
}

/// A file in memory with a name, as HDF5 wants one; the name goes when the object does.
class MemoryFile {
 public:
  MemoryFile() : path_(folder() + "/ijepa_checkpoint_XXXXXX") {
    const int file = ::mkstemp(path_.data());
    check(file >= 0, "Cannot make the temporary file {}: {}.", path_, std::strerror(errno));
    ::close(file);
  }
  ~MemoryFile() { ::unlink(path_.c_str()); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  const std::string& path() const { return path_; }

 private:
  static std::string folder() {
    const char* shared = "/dev/shm";
    return ::access(shared, W_OK) == 0 ? shared : std::filesystem::temp_directory_path().string();
  }
  std::string path_;
};

/// The file with all its structure and no numbers. What is not written takes no memory.
File lay_out(std::vector<StoredTensor>& tensors) {
  const MemoryFile memory;
  const std::string& path = memory.path();
  errno = 0;
  const QuietHdf5 quiet;
  const Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose, path);
  H5Pset_file_locking(access, false, true);
  Handle file(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, access), H5Fclose, path);
  std::set<std::string> groups;
  for (auto& tensor : tensors) {
    const bool fresh = groups.insert(tensor.group).second;
    const Handle group(
        fresh ? H5Gcreate2(file, tensor.group.c_str(), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT)
              : H5Gopen2(file, tensor.group.c_str(), H5P_DEFAULT),
        H5Gclose, tensor.group);
    tensor.pieces.at(0).file_offset = add_dataset(group, tensor);
  }
  check(file.close() >= 0, "HDF5 cannot lay out the checkpoint in {}: {}.", path,
        std::strerror(errno));
  return File(path, File::Mode::read);
}

void copy(const File& from, std::int64_t begin, std::int64_t end, File& to) {
  std::vector<std::byte> bytes(static_cast<std::size_t>(end - begin));
  from.read(begin, bytes.data(), bytes.size());
  to.write(begin, bytes.data(), bytes.size());
}

/// Everything between the numbers.
void copy_structure(const File& image, const std::vector<StoredTensor>& tensors, File& file) {
  std::map<std::int64_t, std::int64_t> taken;  // first byte to end
  for (const auto& t : tensors) {
    const auto begin = static_cast<std::int64_t>(t.pieces[0].file_offset);
    taken[begin] = begin + static_cast<std::int64_t>(t.bytes());
  }
  std::int64_t at = 0;
  for (const auto& [begin, end] : taken) {
    copy(image, at, begin, file);
    at = end;
  }
  copy(image, at, image.size(), file);
}

/// A limit on the size of files also holds for files in memory, and HDF5 does not recover from it;
/// so it is met here first.
void check_size_limit(File& file, const std::vector<StoredTensor>& tensors) {
  constexpr std::size_t structure = std::size_t{1} << 20, structure_per_tensor = 4096;
  std::size_t bytes = structure;
  for (const auto& t : tensors) bytes += t.bytes() + structure_per_tensor;
  file.truncate(static_cast<std::int64_t>(bytes));
  file.truncate(0);
}

}  // namespace

std::vector<StoredTensor> write_part(const std::string& path, std::vector<StoredTensor> tensors,
                                     const TensorBytes& bytes_of) {
  check_names(tensors);
  for (auto& t : tensors) t.pieces = {{0, 0, t.numel(), 0, 0}};
  File file(path, File::Mode::create);
  check_size_limit(file, tensors);
  copy_structure(lay_out(tensors), tensors, file);
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    TensorPiece& piece = tensors[i].pieces[0];
    const auto bytes = bytes_of(i);
    check(bytes.data() != nullptr && bytes.size() == tensors[i].bytes(),
          "{}/{} has no data to save.", tensors[i].group, tensors[i].name);
    piece.xxh3 = XXH3_64bits(bytes.data(), bytes.size());
    file.write(static_cast<std::int64_t>(piece.file_offset), bytes.data(), bytes.size());
  }
  file.sync();
  return tensors;
}

}  // namespace ijepa
