#include "ijepa/data/shards/shard_writer.hpp"

#include <algorithm>
#include <cstring>

#include "hdf5_handle.hpp"
#include "ijepa/core/error.hpp"
#include "ijepa/data/shards/shard_format.hpp"

namespace ijepa {
namespace {

// After a failed write HDF5 1.10 cannot close the file, and would crash trying to when the program
// ends. Every handle is closed explicitly, so nothing else is left to its clean-up at exit.
[[maybe_unused]] const herr_t no_clean_up_at_exit = H5dont_atexit();

// All metadata lies in one block at the front of the file: the guard's hash covers one range, and
// opening a shard reads one small piece of it.
constexpr hsize_t metadata_bytes = 16384;
constexpr std::size_t buffer_bytes = std::size_t{4} << 20;

/// The columns of the file, built from the records.
struct Columns {
  std::vector<std::uint64_t> offsets, sizes, checksums;
  std::vector<std::int32_t> labels;
  std::string keys;
  std::size_t key_width = 1;
  std::uint64_t total = 0;
};

Columns columns_of(const std::string& path, std::span<const ShardRecord> records) {
  Columns c;
  std::vector<std::string> keys;
  for (const auto& r : records) {
    check(r.key.size() <= max_key_bytes, "{}: the key {} is longer than {} bytes.", path, r.key,
          max_key_bytes);
    keys.push_back(r.key);
    c.offsets.push_back(c.total);
    c.sizes.push_back(r.bytes);
    c.labels.push_back(r.label);
    c.checksums.push_back(r.checksum);
    c.total += r.bytes;
  }
  c.key_width = width_of_texts(keys);
  c.keys = padded_texts(keys, c.key_width);
  return c;
}

class Hdf5Output {
 public:
  explicit Hdf5Output(const std::string& path) : path_(path), file_(create(path)) {}

  void attribute(const char* name, std::uint64_t value) {
    hdf5_write_attribute(file_, path_, name, H5T_STD_U64LE, &value);
  }

  /// A contiguous dataset; with null `data` its bytes are left to be written later.
  Hdf5Handle dataset(const char* name, hid_t type, hsize_t count, const void* data) {
    const Hdf5Handle space(H5Screate_simple(1, &count, nullptr), H5Sclose);
    const Hdf5Handle properties(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
    H5Pset_layout(properties, H5D_CONTIGUOUS);
    H5Pset_alloc_time(properties, H5D_ALLOC_TIME_EARLY);
    H5Pset_fill_time(properties, H5D_FILL_TIME_NEVER);
    H5Pset_obj_track_times(properties, false);  // a time would make two runs differ
    Hdf5Handle d(
        hdf5_check(H5Dcreate2(file_, name, type, space, H5P_DEFAULT, properties, H5P_DEFAULT),
                   path_, "create a dataset"),
        H5Dclose);
    if (data != nullptr && count > 0)
      hdf5_check(H5Dwrite(d, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data), path_, "write a table");
    return d;
  }

  void texts(const char* name, std::size_t width, hsize_t count, const void* data) {
    dataset(name, hdf5_text_type(width), count, data);
  }

  void close() { hdf5_check(file_.close(), path_, "finish the file"); }

 private:
  static Hdf5Handle create(const std::string& path) {
    const Hdf5Handle access = hdf5_file_access();
    H5Pset_meta_block_size(access, metadata_bytes);
    // Version 1.8 metadata: read by every HDF5 since 2008, compact, and checksummed.
    H5Pset_libver_bounds(access, H5F_LIBVER_V18, H5F_LIBVER_V18);
    const Hdf5Handle creation(H5Pcreate(H5P_FILE_CREATE), H5Pclose);
    H5Pset_userblock(creation, ShardGuard::block_bytes);
    H5Pset_obj_track_times(creation, false);
    return {hdf5_check(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, creation, access), path,
                       "create the file"),
            H5Fclose};
  }

  std::string path_;
  Hdf5Handle file_;
};

void write_class_names(Hdf5Output& out, const std::vector<std::string>& names) {
  const auto width = width_of_texts(names);
  const auto column = padded_texts(names, width);
  out.attribute("class_names_hash", hash_bytes(column.data(), column.size()));
  out.texts("class_names", width, names.size(), column.data());
}

/// Writes everything but the images and the guard; returns the file offset of the images, or -1
/// when there are none.
std::int64_t write_structure(const std::string& path, const ShardInfo& info, const Columns& c) {
  const Hdf5Quiet quiet;
  Hdf5Output out(path);
  const auto n = static_cast<hsize_t>(c.sizes.size());
  out.attribute("format_version", 1);
  out.attribute("shard", static_cast<std::uint64_t>(info.shard));
  out.attribute("num_shards", static_cast<std::uint64_t>(info.num_shards));
  out.attribute("set_id", info.set_id);
  out.attribute("content_hash", hash_bytes(c.checksums.data(), c.checksums.size() * 8));
  write_class_names(out, info.class_names);
  out.dataset("offsets", H5T_STD_U64LE, n, c.offsets.data());
  out.dataset("sizes", H5T_STD_U64LE, n, c.sizes.data());
  out.dataset("labels", H5T_STD_I32LE, n, c.labels.data());
  out.dataset("checksums", H5T_STD_U64LE, n, c.checksums.data());
  out.texts("keys", c.key_width, n, c.keys.data());
  std::int64_t images_at = -1;
  {
    const Hdf5Handle images = out.dataset("images", H5T_STD_U8LE, c.total, nullptr);
    if (c.total > 0) images_at = static_cast<std::int64_t>(H5Dget_offset(images));
  }
  out.close();
  return images_at;
}

}  // namespace

ShardWriter::ShardWriter(const std::string& path, const ShardInfo& info,
                         std::span<const ShardRecord> records)
    : path_(path), temporary_(path) {
  Columns columns = columns_of(path, records);
  position_ = write_structure(temporary_.file().path(), info, columns);
  head_bytes_ = ShardGuard::block_bytes + static_cast<std::int64_t>(metadata_bytes);
  // Were metadata to spill behind the first block, the guard would not cover it.
  check(columns.total == 0 || position_ >= head_bytes_, "{}: unexpected layout of metadata.", path);
  head_bytes_ = std::min(head_bytes_, temporary_.file().size());
  sizes_ = std::move(columns.sizes);
  buffer_.reserve(buffer_bytes);
}

void ShardWriter::append(std::span<const std::uint8_t> encoded) {
  check(next_ < sizes_.size() && encoded.size() == sizes_[next_],
        "{}: image {} of {} does not have the size of its record.", path_, next_, sizes_.size());
  ++next_;
  if (buffer_.size() + encoded.size() > buffer_bytes) flush();
  buffer_.insert(buffer_.end(), encoded.begin(), encoded.end());
}

void ShardWriter::flush() {
  if (buffer_.empty()) return;
  temporary_.file().write(position_, buffer_.data(), buffer_.size());
  position_ += static_cast<std::int64_t>(buffer_.size());
  buffer_.clear();
}

void ShardWriter::finish() {
  check(next_ == sizes_.size(), "{}: {} of {} images were given.", path_, next_, sizes_.size());
  flush();
  std::vector<std::uint8_t> head(static_cast<std::size_t>(head_bytes_ - ShardGuard::block_bytes));
  temporary_.file().read(ShardGuard::block_bytes, head.data(), head.size());
  ShardGuard guard;
  guard.file_bytes = static_cast<std::uint64_t>(temporary_.file().size());
  guard.head_bytes = static_cast<std::uint64_t>(head_bytes_);
  guard.head_hash = hash_bytes(head.data(), head.size());
  guard.guard_hash = guard_hash_of(guard);
  std::vector<char> block(static_cast<std::size_t>(ShardGuard::block_bytes), '\0');
  std::memcpy(block.data(), &guard, sizeof guard);
  temporary_.file().write(0, block.data(), block.size());
  temporary_.publish();
}

}  // namespace ijepa
