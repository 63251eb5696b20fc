#include <zip.h>

#include <filesystem>
#include <memory>
#include <utility>

#include "ijepa/core/error.hpp"
#include "torch_archive.hpp"

namespace ijepa {
namespace {

/// One tensor as a source that libzip reads from when it writes the archive.
class TensorSource {
 public:
  explicit TensorSource(const OutTensor& out) : out_(out) {}

  static zip_int64_t call(void* self, void* data, zip_uint64_t length, zip_source_cmd_t command) {
    return static_cast<TensorSource*>(self)->answer(data, length, command);
  }
  const std::string& problem() const { return problem_; }

 private:
  zip_int64_t answer(void* data, zip_uint64_t length, zip_source_cmd_t command) {
    switch (command) {
      case ZIP_SOURCE_OPEN:
        return open();
      case ZIP_SOURCE_READ:
        return read(data, length);
      case ZIP_SOURCE_STAT:
        return stat(static_cast<zip_stat_t*>(data));
      case ZIP_SOURCE_ERROR:
        return zip_error_to_data(&error_, data, length);
      case ZIP_SOURCE_CLOSE:
        bytes_ = {};
        return 0;
      case ZIP_SOURCE_FREE:
        return 0;
      default:
        return ZIP_SOURCE_SUPPORTS_READABLE;
    }
  }
  /// An exception must not pass through the C library: it is kept for after the write.
  zip_int64_t open() {
    try {
      bytes_.resize(out_.tensor.bytes());
      out_.fill(bytes_);
      at_ = 0;
      return 0;
    } catch (const std::exception& e) {
      problem_ = e.what();
      zip_error_set(&error_, ZIP_ER_READ, 0);
      return -1;
    }
  }
  zip_int64_t read(void* data, zip_uint64_t length) {
    const auto n = std::min<std::size_t>(length, bytes_.size() - at_);
    std::copy_n(bytes_.data() + at_, n, static_cast<std::byte*>(data));
    at_ += n;
    return static_cast<zip_int64_t>(n);
  }
  zip_int64_t stat(zip_stat_t* s) const {
    zip_stat_init(s);
    s->valid = ZIP_STAT_SIZE;
    s->size = out_.tensor.bytes();
    return sizeof *s;
  }

  const OutTensor& out_;
  std::vector<std::byte> bytes_;
  std::size_t at_ = 0;
  std::string problem_;
  zip_error_t error_{};
};

class Archive {
 public:
  explicit Archive(const std::string& path) : path_(path) {
    int code = 0;
    zip_ = zip_open(path.c_str(), ZIP_CREATE | ZIP_EXCL, &code);
    check(zip_ != nullptr, "Cannot create {}: libzip gives error {}.", path, code);
  }
  ~Archive() {
    if (zip_ != nullptr) zip_discard(zip_);
  }
  Archive(const Archive&) = delete;
  Archive& operator=(const Archive&) = delete;

  zip_t* get() { return zip_; }
  void add(const std::string& name, zip_source_t* source) {
    check(source != nullptr, "Cannot write {}: {}.", path_, zip_strerror(zip_));
    const auto index = zip_file_add(zip_, name.c_str(), source, ZIP_FL_ENC_UTF_8);
    if (index < 0) zip_source_free(source);
    // No times, so that the same weights give the same bytes.
    const bool done =
        index >= 0 &&
        zip_set_file_compression(zip_, static_cast<zip_uint64_t>(index), ZIP_CM_STORE, 0) == 0 &&
        zip_file_set_dostime(zip_, static_cast<zip_uint64_t>(index), 0, 33, 0) == 0;
    check(done, "Cannot write {} of {}: {}.", name, path_, zip_strerror(zip_));
  }
  void add_text(const std::string& name, const std::string& text) {
    add(name, zip_source_buffer(zip_, text.data(), text.size(), 0));
  }
  /// Writes everything to a file beside the path and renames it.
  bool close() {
    if (zip_close(zip_) != 0) return false;
    zip_ = nullptr;
    return true;
  }

 private:
  std::string path_;
  zip_t* zip_ = nullptr;
};

}  // namespace

void write_torch_archive(const std::string& path, const std::string& pickle,
                         const std::vector<OutTensor>& tensors, const std::string& description) {
  const std::string folder = std::filesystem::path(path).stem().string(), version = "3\n";
  std::vector<std::unique_ptr<TensorSource>> sources;
  Archive archive(path);
  archive.add_text(folder + "/data.pkl", pickle);
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    sources.push_back(std::make_unique<TensorSource>(tensors[i]));
    archive.add(folder + "/data/" + std::to_string(i),
                zip_source_function(archive.get(), TensorSource::call, sources.back().get()));
  }
  archive.add_text(folder + "/version", version);
  if (!description.empty()) archive.add_text(folder + "/" + description_entry, description);
  if (archive.close()) return;
  for (const auto& source : sources) check(source->problem().empty(), "{}", source->problem());
  fail("Cannot write {}: {}.", path, zip_strerror(archive.get()));
}

}  // namespace ijepa
