// HDF5 lays the file out in memory; structure and numbers are then written in the order of the
// offsets it chose. After a failed write HDF5 can neither close the file nor itself, so it never
// sees the disk.
#include "checkpoint_part.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <set>
#include <utility>

#include "../../data/shards/hdf5_handle.hpp"
#include "checkpoint_disk.hpp"

namespace ijepa {
namespace {

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

/// Creates the dataset, with its space allocated, and returns where its bytes will lie. A part of a
/// tensor is a row of numbers.
std::uint64_t add_dataset(const std::string& path, hid_t group, const StoredTensor& tensor,
                          std::int64_t count) {
  std::vector<hsize_t> shape(tensor.shape.begin(), tensor.shape.end());
  if (count < tensor.numel()) shape = {static_cast<hsize_t>(count)};
  const std::string what = path + ": " + tensor.group + "/" + tensor.name;
  const Hdf5Handle space(hdf5_check(shape.empty() ? H5Screate(H5S_SCALAR)
                                                  : H5Screate_simple(static_cast<int>(shape.size()),
                                                                     shape.data(), nullptr),
                                    what, "take its shape"),
                         H5Sclose);
  const Hdf5Handle creation(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
  H5Pset_alloc_time(creation, H5D_ALLOC_TIME_EARLY);
  H5Pset_fill_time(creation, H5D_FILL_TIME_NEVER);
  const Hdf5Handle dataset(
      hdf5_check(H5Dcreate2(group, tensor.name.c_str(), hdf5_type(tensor.dtype), space, H5P_DEFAULT,
                            creation, H5P_DEFAULT),
                 what, "make room for it"),
      H5Dclose);
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

/// A limit on the size of files also holds for files in memory, and HDF5 does not recover from it;
/// so it is met here first.
void check_size_limit(const std::string& path, const std::vector<StoredTensor>& tensors,
                      const std::vector<TensorRange>& ranges) {
  constexpr std::size_t structure = std::size_t{1} << 20, structure_per_tensor = 4096;
  std::size_t bytes = structure;
  for (const auto& r : ranges)
    bytes +=
        static_cast<std::size_t>(r.count) * size_of(tensors[r.tensor].dtype) + structure_per_tensor;
  File file(path, File::Mode::update);
  file.truncate(static_cast<std::int64_t>(bytes));
  file.truncate(0);
}

/// Makes the file with all its structure and no numbers, which takes no memory for what is not
/// written, and returns where each range lies.
std::vector<std::uint64_t> lay_out(const std::string& path,
                                   const std::vector<StoredTensor>& tensors,
                                   const std::vector<TensorRange>& ranges) {
  check_size_limit(path, tensors, ranges);
  const Hdf5Quiet quiet;
  const Hdf5Handle access = hdf5_file_access();
  Hdf5Handle file(hdf5_check(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, access), path,
                             "create the file"),
                  H5Fclose);
  std::set<std::string> groups;
  std::vector<std::uint64_t> offsets;
  for (const auto& range : ranges) {
    const StoredTensor& tensor = tensors[range.tensor];
    const bool fresh = groups.insert(tensor.group).second;
    const Hdf5Handle group(hdf5_check(fresh ? H5Gcreate2(file, tensor.group.c_str(), H5P_DEFAULT,
                                                         H5P_DEFAULT, H5P_DEFAULT)
                                            : H5Gopen2(file, tensor.group.c_str(), H5P_DEFAULT),
                                      path + ": " + tensor.group, "make the group"),
                           H5Gclose);
    offsets.push_back(add_dataset(path, group, tensor, range.count));
  }
  hdf5_check(file.close(), path, "lay out the checkpoint");
  return offsets;
}

/// Appends with the checksums of the whole file and of the piece.
void append_hashed(DirectFile& file, std::span<const std::byte> bytes,
                   std::array<Hasher*, 2> hashers) {
  // Stays in a cache between the three readings.
  constexpr std::size_t piece = std::size_t{1} << 20;
  while (!bytes.empty()) {
    const auto now = bytes.first(std::min(piece, bytes.size()));
    for (Hasher* hasher : hashers) hasher->add(now);
    file.append(now);
    bytes = bytes.subspan(now.size());
  }
}

}  // namespace

std::string part_name(std::size_t part) {
  return fmt::format("part_{:05}.h5", part);
}

PartLayout::PartLayout(const std::vector<StoredTensor>& tensors, std::vector<TensorRange> ranges)
    : ranges_(std::move(ranges)) {
  check_names(tensors);
  const MemoryFile memory;
  const auto offsets = lay_out(memory.path(), tensors, ranges_);
  for (std::size_t i = 0; i < ranges_.size(); ++i) {
    const StoredTensor& tensor = tensors[ranges_[i].tensor];
    names_.push_back(tensor.group + "/" + tensor.name);
    segments_.push_back({static_cast<std::int64_t>(offsets[i]),
                         static_cast<std::ptrdiff_t>(i),
                         {},
                         static_cast<std::size_t>(ranges_[i].count) * size_of(tensor.dtype)});
  }
  std::ranges::sort(segments_, {}, &Segment::offset);
  const File image(memory.path(), File::Mode::read);
  std::vector<Segment> whole;
  std::int64_t at = 0;
  const auto add_structure = [&](std::int64_t end) {
    if (end <= at) return;
    std::vector<std::byte> bytes(static_cast<std::size_t>(end - at));
    image.read(at, bytes.data(), bytes.size());
    whole.push_back({at, -1, bytes, bytes.size()});
  };
  for (auto& numbers : segments_) {
    add_structure(numbers.offset);
    at = numbers.offset + static_cast<std::int64_t>(numbers.bytes);
    whole.push_back(std::move(numbers));
  }
  add_structure(image.size());
  segments_ = std::move(whole);
}

WrittenPart PartLayout::write(const std::string& path, const RangeBytes& bytes_of) const {
  DirectFile file(path);
  WrittenPart written;
  written.pieces.resize(ranges_.size());
  Hasher all;
  for (const Segment& segment : segments_) {
    Hasher own;
    if (segment.range < 0) {
      append_hashed(file, segment.structure, {&all, &own});
    } else {
      const auto i = static_cast<std::size_t>(segment.range);
      const auto bytes = bytes_of(i);
      check(bytes.data() != nullptr && bytes.size() == segment.bytes, "{}: {} has no data to save.",
            path, names_[i]);
      append_hashed(file, bytes, {&all, &own});
      written.pieces[i] = {static_cast<std::uint64_t>(segment.offset), own.digest()};
    }
    written.bytes += segment.bytes;
  }
  written.xxh3 = all.digest();
  file.finish();
  return written;
}

void add_part(CheckpointManifest& manifest, const std::vector<TensorRange>& ranges,
              const WrittenPart& written) {
  const std::size_t part = manifest.parts.size();
  manifest.parts.push_back({part_name(part), written.bytes, written.xxh3});
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    const auto& [tensor, first, count] = ranges[i];
    const auto& piece = written.pieces.at(i);
    manifest.tensors.at(tensor).pieces.push_back(
        {part, first, count, piece.file_offset, piece.xxh3});
  }
}

}  // namespace ijepa
