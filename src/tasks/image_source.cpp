#include "ijepa/tasks/image_source.hpp"

#include <xxhash.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <set>

#include "ijepa/core/error.hpp"
#include "ijepa/core/file.hpp"
#include "ijepa/data/shard_set.hpp"

namespace ijepa {
namespace {

namespace fs = std::filesystem;

class ShardImages final : public ImageSource {
 public:
  explicit ShardImages(const std::string& path) : shards_(ShardSet::open(path)) {}

  std::int64_t size() const override { return shards_.size(); }
  std::string key(std::int64_t image) const override { return shards_.key(image); }
  int label(std::int64_t image) const override { return shards_.label(image); }
  const std::vector<std::string>& class_names() const override { return shards_.class_names(); }
  void read(std::int64_t image, std::vector<std::uint8_t>& encoded) const override {
    shards_.read(image, encoded);
    check(shards_.checksum_matches(image, encoded), "Image {} ({}) is damaged: wrong checksum.",
          image, shards_.key(image));
  }
  std::uint64_t fingerprint() const override { return shards_.fingerprint(); }

 private:
  ShardSet shards_;
};

bool is_image_name(const fs::path& path) {
  std::string ending = path.extension().string();
  std::ranges::transform(ending, ending.begin(), [](unsigned char c) { return std::tolower(c); });
  return ending == ".jpg" || ending == ".jpeg" || ending == ".png";
}

class FolderImages final : public ImageSource {
 public:
  explicit FolderImages(const fs::path& root) : root_(root), keys_(image_files(root.string())) {
    check(!keys_.empty(), "{} holds neither shards nor JPEG or PNG files.", root.string());
    name_classes();
  }

  std::int64_t size() const override { return std::ssize(keys_); }
  std::string key(std::int64_t image) const override {
    return keys_.at(static_cast<std::size_t>(image));
  }
  int label(std::int64_t image) const override {
    if (class_names_.empty()) return -1;
    const auto at = std::ranges::lower_bound(class_names_, class_of(key(image)));
    return static_cast<int>(at - class_names_.begin());
  }
  const std::vector<std::string>& class_names() const override { return class_names_; }
  void read(std::int64_t image, std::vector<std::uint8_t>& encoded) const override {
    const File file((root_ / key(image)).string(), File::Mode::read);
    encoded.resize(static_cast<std::size_t>(file.size()));
    file.read(0, encoded.data(), encoded.size());
  }
  std::uint64_t fingerprint() const override {
    std::uint64_t hash = 0;
    for (const auto& key : keys_)
      hash = XXH3_64bits_withSeed(key.data(), key.size(), hash + fs::file_size(root_ / key));
    return hash;
  }

 private:
  static std::string class_of(const std::string& key) { return key.substr(0, key.find('/')); }
  void name_classes() {
    if (std::ranges::any_of(keys_, [](const auto& k) { return k.find('/') == std::string::npos; }))
      return;
    std::set<std::string> names;
    for (const auto& key : keys_) names.insert(class_of(key));
    class_names_.assign(names.begin(), names.end());
  }

  fs::path root_;
  std::vector<std::string> keys_, class_names_;
};

bool holds_shards(const fs::path& folder) {
  const fs::directory_iterator files(folder);
  return std::any_of(begin(files), end(files), [](const auto& f) {
    return f.path().extension() == ".h5" && f.path().filename().string().starts_with("shard_");
  });
}

}  // namespace

std::vector<std::string> image_files(const std::string& folder) {
  std::vector<std::string> keys;
  std::error_code error;
  for (fs::recursive_directory_iterator it(folder, error), end; !error && it != end;
       it.increment(error))
    if (it->is_regular_file() && is_image_name(it->path()))
      keys.push_back(it->path().lexically_relative(folder).generic_string());
  check(!error, "Cannot list {}: {}.", folder, error.message());
  std::ranges::sort(keys);
  return keys;
}

std::unique_ptr<ImageSource> open_images(const std::string& path) {
  check(fs::exists(path), "There are no images at {}.", path);
  if (fs::is_directory(path) && !holds_shards(path)) return std::make_unique<FolderImages>(path);
  return std::make_unique<ShardImages>(path);
}

std::int64_t find_image(const ImageSource& images, const std::string& wanted) {
  for (std::int64_t i = 0; i < images.size(); ++i)
    if (images.key(i) == wanted) return i;
  std::int64_t number = -1;
  const char* end = wanted.data() + wanted.size();
  const auto [stop, error] = std::from_chars(wanted.data(), end, number);
  check(error == std::errc{} && stop == end && number >= 0 && number < images.size(),
        "There is no image {} among the {}.", wanted, images.size());
  return number;
}

}  // namespace ijepa
