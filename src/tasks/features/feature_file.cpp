#include "ijepa/tasks/features/feature_file.hpp"

#include <xxhash.h>

#include <algorithm>
#include <filesystem>

#include "../../data/shards/hdf5_handle.hpp"
#include "ijepa/core/file.hpp"

namespace ijepa {
namespace {

constexpr std::int64_t version = 2;
constexpr std::size_t longest_text = 4096;
constexpr std::uintmax_t most_packed = 16;  // our files are not, but others may pack them anew

/// Writes to memory: HDF5 does not recover from a disk that is full, the file written of it does.
class PartWriter {
 public:
  explicit PartWriter(std::string path)
      : path_(std::move(path)),
        access_(H5Pcreate(H5P_FILE_ACCESS), H5Pclose),
        file_(create(path_, access_), H5Fclose) {}

  void add(const char* name, hid_t type, const std::vector<hsize_t>& shape, const void* data) {
    const Hdf5Handle space(
        hdf5_check(H5Screate_simple(static_cast<int>(shape.size()), shape.data(), nullptr), path_,
                   name),
        H5Sclose);
    const Hdf5Handle creation(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
    H5Pset_obj_track_times(creation, false);  // equal features give equal files
    const Hdf5Handle dataset(
        hdf5_check(H5Dcreate2(file_, name, type, space, H5P_DEFAULT, creation, H5P_DEFAULT), path_,
                   name),
        H5Dclose);
    hdf5_check(H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data), path_, name);
  }
  void attribute(const char* name, hid_t type, const void* data) {
    hdf5_write_attribute(file_, path_, name, type, data);
  }
  void attribute(const char* name, const std::string& text) {
    attribute(name, hdf5_text_type(std::max<std::size_t>(text.size(), 1)), text.c_str());
  }

  void publish() {
    hdf5_check(H5Fflush(file_, H5F_SCOPE_GLOBAL), path_, "lay out the features");
    const auto bytes = hdf5_check(H5Fget_file_image(file_, nullptr, 0), path_, "lay out");
    std::vector<std::byte> image(static_cast<std::size_t>(bytes));
    hdf5_check(H5Fget_file_image(file_, image.data(), image.size()), path_, "lay out");
    TemporaryFile out(path_);
    out.file().write(0, image.data(), image.size());
    out.publish();
  }

 private:
  static hid_t create(const std::string& path, hid_t access) {
    H5Pset_fapl_core(access, std::size_t{1} << 20, false);
    return hdf5_check(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, access), path,
                      "lay out the features");
  }

  std::string path_;
  Hdf5Handle access_, file_;
};

class PartReader {
 public:
  explicit PartReader(const std::string& path)
      : path_(path),
        access_(hdf5_file_access()),
        file_(hdf5_check(H5Fopen(path.c_str(), H5F_ACC_RDONLY, access_), path, "open"), H5Fclose) {}

  std::int64_t number(const char* name) const {
    return hdf5_number<std::int64_t>(file_, path_, name, H5T_NATIVE_INT64);
  }
  std::string text(const char* name) const {
    const Hdf5Handle id(hdf5_check(H5Aopen(file_, name, H5P_DEFAULT), path_, name), H5Aclose);
    const Hdf5Handle type(H5Aget_type(id), H5Tclose);
    const Hdf5Handle space(hdf5_check(H5Aget_space(id), path_, name), H5Sclose);
    const auto size = H5Tget_size(type);
    check(H5Tget_class(type) == H5T_STRING && H5Tis_variable_str(type) == 0 &&
              size <= longest_text && H5Sget_simple_extent_npoints(space) == 1,
          "{}: {} is no text.", path_, name);
    std::string value(size, '\0');
    hdf5_check(H5Aread(id, type, value.data()), path_, name);
    return value.c_str();
  }
  bool has(const char* name) const { return H5Lexists(file_, name, H5P_DEFAULT) > 0; }
  /// Of a dataset with so many dimensions, which may be read whole: its numbers or texts are at
  /// most `most_packed` times as many bytes as the file.
  std::vector<std::int64_t> shape(const char* name, std::size_t fewest, std::size_t most) const {
    const Hdf5Handle id = open(name);
    const Hdf5Handle type(hdf5_check(H5Dget_type(id), path_, name), H5Tclose);
    const Hdf5Handle space(H5Dget_space(id), H5Sclose);
    std::vector<hsize_t> extent(
        static_cast<std::size_t>(std::max(0, H5Sget_simple_extent_ndims(space))));
    H5Sget_simple_extent_dims(space, extent.data(), nullptr);
    hsize_t bytes = std::max<std::size_t>(H5Tget_size(type), sizeof(float));
    bool sound = extent.size() >= fewest && extent.size() <= most;
    // A size of 0 does not excuse the others.
    for (const auto n : extent)
      sound = sound && !__builtin_mul_overflow(bytes, std::max<hsize_t>(n, 1), &bytes);
    check(sound && bytes <= most_packed * std::filesystem::file_size(path_), "{}: {} is damaged.",
          path_, name);
    return {extent.begin(), extent.end()};
  }
  void read(const char* name, hid_t type, void* out) const {
    const Hdf5Handle id = open(name);
    hdf5_check(H5Dread(id, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, out), path_, name);
  }
  Matrix<float> matrix(const char* name) const {
    const auto extent = shape(name, 2, 3);
    std::int64_t rows = 1;
    for (std::size_t i = 0; i + 1 < extent.size(); ++i) rows *= extent[i];
    Matrix<float> m(rows, extent.back());
    read(name, H5T_NATIVE_FLOAT, m.values.data());
    return m;
  }
  std::vector<std::string> keys() const {
    const Hdf5Handle id = open("keys");
    const Hdf5Handle type(H5Dget_type(id), H5Tclose);
    const auto width = H5Tget_size(type);
    check(
        H5Tget_class(type) == H5T_STRING && H5Tis_variable_str(type) == 0 && width <= longest_text,
        "{}: keys are no texts of one size.", path_);
    const auto count = static_cast<std::size_t>(shape("keys", 1, 1)[0]);
    std::string all(count * width, '\0');
    read("keys", type, all.data());
    std::vector<std::string> keys;
    for (std::size_t i = 0; i < count; ++i) {
      const auto key = all.substr(i * width, width);
      keys.push_back(key.substr(0, key.find('\0')));
    }
    return keys;
  }

 private:
  Hdf5Handle open(const char* name) const { return hdf5_dataset(file_, path_, name); }

  std::string path_;
  Hdf5Handle access_, file_;
};

/// XXH3-64 of all that a part holds, each kind seeded with the hash of those before it.
std::string checksum(const FeatureRows& rows) {
  XXH64_hash_t hash = static_cast<XXH64_hash_t>(rows.first);
  const auto add = [&](const void* data, std::size_t bytes) {
    hash = XXH3_64bits_withSeed(data, bytes, hash);
  };
  for (const auto& key : rows.keys) add(key.data(), key.size());
  add(rows.labels.data(), rows.labels.size() * sizeof(rows.labels[0]));
  for (const auto* m : {&rows.pooled, &rows.tokens})
    add(m->values.data(), m->values.size() * sizeof(m->values[0]));
  return fmt::format("{:016x}", hash);
}

}  // namespace

void write_feature_part(const std::string& path, const FeatureIdentity& identity,
                        const FeatureRows& rows) {
  const Hdf5Quiet quiet;
  PartWriter out(path);
  const auto n = rows.keys.size();
  const auto width = width_of_texts(rows.keys);
  out.add("keys", hdf5_text_type(width), {n}, padded_texts(rows.keys, width).data());
  out.add("labels", H5T_STD_I32LE, {n}, rows.labels.data());
  if (rows.pooled.rows > 0)
    out.add("features", H5T_IEEE_F32LE, {n, static_cast<hsize_t>(rows.pooled.cols)},
            rows.pooled.values.data());
  if (rows.tokens.rows > 0)
    out.add("tokens", H5T_IEEE_F32LE,
            {n, static_cast<hsize_t>(rows.tokens.rows) / n, static_cast<hsize_t>(rows.tokens.cols)},
            rows.tokens.values.data());
  out.attribute("format_version", H5T_STD_I64LE, &version);
  out.attribute("first", H5T_STD_I64LE, &rows.first);
  out.attribute("encoder", identity.encoder);
  out.attribute("images", identity.images);
  out.attribute("xxh3", checksum(rows));
  out.publish();
}

std::optional<std::int64_t> images_in_part(const std::string& path,
                                           const FeatureIdentity& identity) {
  if (!std::filesystem::exists(path)) return std::nullopt;
  const Hdf5Quiet quiet;
  FeatureIdentity found;
  std::int64_t images = 0;
  try {
    const PartReader part(path);
    if (part.number("format_version") != version) return std::nullopt;
    found = {part.text("encoder"), part.text("images")};
    images = part.shape("labels", 1, 1)[0];
  } catch (const Error&) {
    return std::nullopt;
  }
  check(found == identity,
        "{} holds features of another checkpoint, encoder or image set, or of another precision: "
        "choose another folder.",
        path);
  return images;
}

std::string encoder_of_parts(const std::string& folder) {
  namespace fs = std::filesystem;
  const Hdf5Quiet quiet;
  if (!fs::is_directory(folder)) return {};
  // Any of them: ranks write them in any order, and a folder holds those of one encoder alone.
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() != ".h5") continue;
    try {
      return PartReader(entry.path().string()).text("encoder");
    } catch (const Error&) {
      continue;  // damaged: it is made again
    }
  }
  return {};
}

FeatureRows read_feature_part(const std::string& path) {
  const Hdf5Quiet quiet;
  const PartReader part(path);
  check(part.number("format_version") == version, "{} is of another version of the format.", path);
  FeatureRows rows;
  rows.first = part.number("first");
  rows.keys = part.keys();
  rows.labels.resize(static_cast<std::size_t>(part.shape("labels", 1, 1)[0]));
  part.read("labels", H5T_NATIVE_INT32, rows.labels.data());
  if (part.has("features")) rows.pooled = part.matrix("features");
  if (part.has("tokens")) rows.tokens = part.matrix("tokens");
  check(rows.keys.size() == rows.labels.size() &&
            (rows.pooled.rows == 0 || rows.pooled.rows == std::ssize(rows.keys)) &&
            (rows.tokens.rows == 0 ||
             (!rows.keys.empty() && rows.tokens.rows % std::ssize(rows.keys) == 0)),
        "{} has {} keys, {} labels, {} rows of features and {} of tokens.", path, rows.keys.size(),
        rows.labels.size(), rows.pooled.rows, rows.tokens.rows);
  check(part.text("xxh3") == checksum(rows), "{} is damaged: its checksum is wrong.", path);
  return rows;
}

}  // namespace ijepa
