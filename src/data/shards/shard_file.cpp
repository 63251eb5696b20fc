#include "ijepa/data/shards/shard_file.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <limits>

#include "hdf5_handle.hpp"
#include "ijepa/core/error.hpp"

namespace ijepa {
namespace {

std::uint64_t attribute(hid_t file, const std::string& path, const char* name) {
  return hdf5_number<std::uint64_t>(file, path, name, H5T_NATIVE_UINT64);
}

constexpr std::array<std::size_t, shard_table_count> fixed_widths{8, 8, 4, 8, 0};  // keys: any

}  // namespace

ShardFile::ShardFile(const std::string& path) : path_(path) {
  const File file(path, File::Mode::read);
  check_guard(file);
  read_structure();
  map_tables(file);
}

void ShardFile::check_guard(const File& file) {
  const auto bytes = static_cast<std::uint64_t>(file.size());
  check(bytes >= ShardGuard::block_bytes,
        "{} has only {} bytes: it is not a shard or was cut short.", path_, bytes);
  file.read(0, &guard_, sizeof guard_);
  check(guard_.magic == ShardGuard::expected_magic,
        "{} is not a shard written by ijepa-shards, or its first bytes are damaged.", path_);
  check(guard_.guard_hash == guard_hash_of(guard_), "{}: the header is damaged.", path_);
  check(guard_.version == 1, "{} has shard format version {}; this program reads version 1.", path_,
        guard_.version);
  check(guard_.file_bytes == bytes, "{} has {} bytes instead of {}: it was cut short or extended.",
        path_, bytes, guard_.file_bytes);
  check(guard_.head_bytes >= ShardGuard::block_bytes && guard_.head_bytes <= bytes,
        "{}: the header is damaged.", path_);
  std::vector<std::uint8_t> head(guard_.head_bytes - ShardGuard::block_bytes);
  file.read(ShardGuard::block_bytes, head.data(), head.size());
  check(hash_bytes(head.data(), head.size()) == guard_.head_hash, "{}: the metadata is damaged.",
        path_);
}

void ShardFile::read_structure() {
  const Hdf5Quiet quiet;
  const Hdf5Handle access = hdf5_file_access();
  const Hdf5Handle file(
      hdf5_check(H5Fopen(path_.c_str(), H5F_ACC_RDONLY, access), path_, "open it"), H5Fclose);
  const std::uint64_t shard = attribute(file, path_, "shard");
  const std::uint64_t num_shards = attribute(file, path_, "num_shards");
  check(num_shards <= 1'000'000 && shard < num_shards, "{} says it is shard {} of {}.", path_,
        shard, num_shards);
  shard_ = static_cast<int>(shard);
  num_shards_ = static_cast<int>(num_shards);
  set_id_ = attribute(file, path_, "set_id");
  content_hash_ = attribute(file, path_, "content_hash");
  class_names_hash_ = attribute(file, path_, "class_names_hash");
  images_ = column_of(file, "images");
  class_names_ = column_of(file, "class_names");
  check(images_.width == 1, "{}: the images are no bytes.", path_);
  for (std::size_t t = 0; t < shard_table_count; ++t) {
    tables_[t] = column_of(file, shard_table_names[t]);
    check(tables_[t].count == tables_[0].count, "{}: table {} has {} rows, not {}.", path_,
          shard_table_names[t], tables_[t].count, tables_[0].count);
    check(fixed_widths[t] == 0 || tables_[t].width == fixed_widths[t],
          "{}: table {} has elements of {} bytes.", path_, shard_table_names[t], tables_[t].width);
  }
  size_ = static_cast<std::int64_t>(tables_[0].count);
}

ShardFile::Column ShardFile::column_of(std::int64_t file_id, const char* name) const {
  const Hdf5Handle d = hdf5_dataset(file_id, path_, name);
  const Hdf5Handle space(hdf5_check(H5Dget_space(d), path_, name), H5Sclose);
  const Hdf5Handle type(hdf5_check(H5Dget_type(d), path_, name), H5Tclose);
  check(H5Sget_simple_extent_ndims(space) == 1, "{}: dataset {} is not one-dimensional.", path_,
        name);
  hsize_t count = 0;
  H5Sget_simple_extent_dims(space, &count, nullptr);
  Column c{0, count, H5Tget_size(type)};
  if (count == 0) return c;
  const haddr_t offset = H5Dget_offset(d);
  check(offset != HADDR_UNDEF, "{}: dataset {} is not contiguous.", path_, name);
  c.offset = offset;
  check(c.width > 0 && offset >= guard_.head_bytes && offset <= guard_.file_bytes &&
            count <= (guard_.file_bytes - offset) / c.width,
        "{}: dataset {} lies outside the file.", path_, name);
  return c;
}

void ShardFile::map_tables(const File& file) {
  if (size_ == 0) return;
  std::uint64_t first = std::numeric_limits<std::uint64_t>::max(), end = 0;
  for (const auto& t : tables_) {
    first = std::min(first, t.offset);
    end = std::max(end, t.offset + t.count * t.width);
  }
  const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  mapped_from_ = first / page * page;
  const std::size_t bytes = end - mapped_from_;
  void* start = ::mmap(nullptr, bytes, PROT_READ, MAP_SHARED, file.descriptor(),
                       static_cast<off_t>(mapped_from_));
  check(start != MAP_FAILED, "{}: cannot map {} bytes of tables: {}.", path_, bytes,
        std::strerror(errno));
  map_ = {static_cast<const std::uint8_t*>(start), Unmap{bytes}};
}

void ShardFile::Unmap::operator()(const std::uint8_t* start) const {
  ::munmap(const_cast<std::uint8_t*>(start), bytes);
}

template <class T>
T ShardFile::value(ShardTable table, std::int64_t image) const {
  check(image >= 0 && image < size_, "{}: there is no image {} among {}.", path_, image, size_);
  const Column& c = tables_[static_cast<std::size_t>(table)];
  T v{};
  // HDF5 promises no alignment of a dataset in the file.
  std::memcpy(
      &v, map_.get() + (c.offset - mapped_from_) + static_cast<std::uint64_t>(image) * sizeof(T),
      sizeof(T));
  return v;
}

std::int32_t ShardFile::label(std::int64_t image) const {
  const auto label = value<std::int32_t>(ShardTable::labels, image);
  check(label >= -1 && label < static_cast<std::int64_t>(class_names_.count),
        "{}: image {} has label {} of {} classes: the table is damaged.", path_, image, label,
        class_names_.count);
  return label;
}

std::uint64_t ShardFile::checksum(std::int64_t image) const {
  return value<std::uint64_t>(ShardTable::checksums, image);
}

std::string_view ShardFile::key(std::int64_t image) const {
  check(image >= 0 && image < size_, "{}: there is no image {} among {}.", path_, image, size_);
  const Column& c = tables_[static_cast<std::size_t>(ShardTable::keys)];
  const auto* text = reinterpret_cast<const char*>(map_.get() + (c.offset - mapped_from_) +
                                                   static_cast<std::uint64_t>(image) * c.width);
  return {text, ::strnlen(text, c.width)};
}

std::uint64_t ShardFile::image_bytes(std::int64_t image) const {
  return value<std::uint64_t>(ShardTable::sizes, image);
}

std::int64_t ShardFile::image_offset(std::int64_t image) const {
  const auto offset = value<std::uint64_t>(ShardTable::offsets, image);
  const auto bytes = image_bytes(image);
  check(offset <= images_.count && bytes <= images_.count - offset,
        "{}: image {} ({}) lies outside the file: the table is damaged.", path_, image, key(image));
  return static_cast<std::int64_t>(images_.offset + offset);
}

std::vector<std::string> ShardFile::read_class_names() const {
  const File file(path_, File::Mode::read);
  std::vector<char> column(class_names_.count * class_names_.width);
  if (!column.empty())
    file.read(static_cast<std::int64_t>(class_names_.offset), column.data(), column.size());
  check(hash_bytes(column.data(), column.size()) == class_names_hash_,
        "{}: the class names are damaged.", path_);
  std::vector<std::string> names;
  for (std::uint64_t i = 0; i < class_names_.count; ++i) {
    const char* text = column.data() + i * class_names_.width;
    names.emplace_back(text, ::strnlen(text, class_names_.width));
  }
  return names;
}

void ShardFile::verify_tables() const {
  std::vector<std::uint64_t> checksums;
  checksums.reserve(static_cast<std::size_t>(size_));
  for (std::int64_t i = 0; i < size_; ++i) {
    checksums.push_back(checksum(i));
    static_cast<void>(image_offset(i));
    static_cast<void>(label(i));
  }
  check(hash_bytes(checksums.data(), checksums.size() * 8) == content_hash_,
        "{}: the table of checksums is damaged.", path_);
}

}  // namespace ijepa
