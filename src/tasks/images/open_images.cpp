#include "ijepa/tasks/images/open_images.hpp"

#include <fmt/ranges.h>
#include <xxhash.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <set>
#include <span>

#include "ijepa/core/error.hpp"
#include "ijepa/core/file.hpp"
#include "ijepa/core/parallel.hpp"
#include "ijepa/data/folder_names.hpp"
#include "ijepa/data/images/image_kind.hpp"
#include "ijepa/data/names.hpp"
#include "ijepa/data/shards/shard_set.hpp"
#include "ijepa/tasks/images/image_folder.hpp"

namespace ijepa {
namespace {

namespace fs = std::filesystem;

/// The first names and the last.
std::string shortened_list(const std::vector<std::string>& names) {
  constexpr std::size_t most = 6;
  if (names.size() <= most) return fmt::format("{}", fmt::join(names, ", "));
  return fmt::format("{}, ..., {}", fmt::join(std::span(names).first(most - 1), ", "),
                     names.back());
}

/// Of a file, or of so many bytes of its start.
std::vector<std::uint8_t> read_bytes(const std::string& path, std::size_t most = SIZE_MAX) {
  const File file(path, File::Mode::read);
  std::vector<std::uint8_t> bytes(std::min(static_cast<std::size_t>(file.size()), most));
  file.read(0, bytes.data(), bytes.size());
  return bytes;
}

class FolderImages final : public Dataset {
 public:
  explicit FolderImages(const std::string& root) : root_(root), found_(find_images(root)) {
    if (found_.paths.empty())
      fail("{} holds neither shards nor images ({}). {}", utf8_name(root), readable_formats,
           what_instead_of_images());
    name_classes();
    fingerprint_ = hash_of_all();
  }

  std::int64_t size() const override { return std::ssize(found_.paths); }
  std::string key(std::int64_t image) const override { return utf8_name(path(image)); }
  int label(std::int64_t image) const override {
    if (class_names_.empty()) return -1;
    const auto at = std::ranges::lower_bound(class_names_, folder_of(path(image)));
    return static_cast<int>(at - class_names_.begin());
  }
  const std::vector<std::string>& class_names() const override { return class_names_; }
  void read(std::int64_t image, std::vector<std::uint8_t>& encoded) const override {
    encoded = read_bytes((root_ / path(image)).string());
  }
  std::uint64_t fingerprint() const override { return fingerprint_; }
  std::vector<std::string> folders() const override {
    std::vector<std::string> names;
    if (!class_names_.empty() && wrapper_.empty())
      for (const auto& name : found_.folders) names.push_back(utf8_name(name));
    return names;
  }
  std::string why_no_classes() const override {
    if (other_folders_.empty())
      return "has images outside class folders; put each into a folder of its class";
    return fmt::format(
        "holds the {} {}, named like splits, parts of a set, images or annotations and not like "
        "classes; name the folder that holds the class folders, or, if these are the classes, pack "
        "them by ijepa-shards --no-splits",
        std::ssize(other_folders_) == 1 ? "folder" : "folders", fmt::join(other_folders_, ", "));
  }
  std::string note() const override {
    std::string note = found_.note();
    const auto add = [&](const std::string& more) { note += (note.empty() ? "" : "; ") + more; };
    if (!class_names_.empty())
      add(fmt::format("{} {} by its folders{}: {}", class_names_.size(),
                      class_names_.size() == 1 ? "class" : "classes",
                      wrapper_.empty() ? "" : " in " + utf8_name(wrapper_),
                      shortened_list(class_names_)));
    else if (!other_folders_.empty())
      add(fmt::format("by their names these folders are no classes: {}",
                      fmt::join(other_folders_, ", ")));
    else if (!first_outside_.empty() && !found_.folders.empty())
      add(fmt::format("{} lies outside of the folders, so that these are no classes",
                      utf8_name(first_outside_)));
    return note;
  }

 private:
  std::string what_instead_of_images() const {
    for (const auto& folder : found_.folders)
      if (holds_shards((root_ / folder).string()))
        return fmt::format("Name one of the shard sets in it, such as {}.",
                           utf8_name((root_ / folder).string()));
    return found_.passed_over == 0 ? "It is empty." : found_.note() + ".";
  }
  const std::string& path(std::int64_t image) const {
    return found_.paths.at(static_cast<std::size_t>(image));
  }
  /// The first folder below the wrapper.
  std::string folder_of(const std::string& path) const {
    return utf8_name(
        path.substr(wrapper_.size(), path.find('/', wrapper_.size()) - wrapper_.size()));
  }

  /// "data/birds/", where all images lie in folders of that one.
  void find_wrapper() {
    for (;;) {
      const auto& first = found_.paths.front();
      const auto end = first.find('/', wrapper_.size());
      if (end == std::string::npos) return;
      const auto longer = first.substr(0, end + 1);
      if (!std::ranges::all_of(found_.paths, [&](const auto& path) {
            return path.starts_with(longer) && path.find('/', longer.size()) != std::string::npos;
          }))
        return;
      wrapper_ = longer;
    }
  }

  void name_classes() {
    find_wrapper();
    const auto outside = std::ranges::find_if(found_.paths, [&](const auto& path) {
      return path.find('/', wrapper_.size()) == std::string::npos;
    });
    if (outside != found_.paths.end()) {
      first_outside_ = *outside;
      return;
    }
    std::set<std::string> names;
    for (const auto& path : found_.paths) names.insert(folder_of(path));
    class_names_.assign(names.begin(), names.end());
    // Train/ Test/ Meta/: one of a set's own name, such as test, may be a class, two are splits.
    const bool are_splits = std::ranges::count_if(class_names_, [](const auto& name) {
                              return is_split_name(name);
                            }) > 1;
    // celeba/celeba/1.jpg: an archive unpacked into a folder of its name.
    const bool twice = class_names_.size() == 1 && wrapper_.ends_with(class_names_[0] + "/");
    if (are_splits || twice || are_no_classes(class_names_))
      std::swap(class_names_, other_folders_);
  }

  /// Names, sizes and up to 4096 bytes in the middle of each file, which differ where the images do
  /// even if all are of one size. A file that cannot be read counts as empty: who reads it says so.
  std::uint64_t hash_of_all() const {
    constexpr int threads = 8;  // more than cores: a shared disk answers slowly
    constexpr std::int64_t sample = 4096;
    std::vector<std::uint64_t> hashes(found_.paths.size());
    parallel_for(hashes.size(), threads, [&](std::size_t i) {
      const auto& name = found_.paths[i];
      std::vector<std::uint8_t> bytes;
      std::int64_t size = 0;
      try {
        const File file((root_ / name).string(), File::Mode::read);
        size = file.size();
        bytes.resize(static_cast<std::size_t>(std::min(size, sample)));
        file.read((size - std::ssize(bytes)) / 2, bytes.data(), bytes.size());
      } catch (const Error&) {
        bytes.clear();
      }
      const auto seed =
          XXH3_64bits_withSeed(name.data(), name.size(), static_cast<XXH64_hash_t>(size));
      hashes[i] = XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
    });
    return XXH3_64bits(hashes.data(), hashes.size() * sizeof(hashes[0]));
  }

  fs::path root_;
  ImageFolder found_;
  std::vector<std::string> class_names_;
  std::vector<std::string> other_folders_;  // with all images, which by their names are no classes
  std::string wrapper_;                     // "birds/", the folder of the class folders
  std::string first_outside_;               // of the folders, if there is one
  std::uint64_t fingerprint_ = 0;
};

class OneImage final : public Dataset {
 public:
  OneImage(std::string path, std::string key) : path_(std::move(path)), key_(std::move(key)) {}
  std::int64_t size() const override { return 1; }
  std::string key(std::int64_t) const override { return key_; }
  int label(std::int64_t) const override { return -1; }
  const std::vector<std::string>& class_names() const override { return no_classes_; }
  void read(std::int64_t, std::vector<std::uint8_t>& encoded) const override {
    encoded = read_bytes(path_);
  }
  std::uint64_t fingerprint() const override {
    const auto bytes = read_bytes(path_);
    return XXH3_64bits_withSeed(bytes.data(), bytes.size(), XXH3_64bits(key_.data(), key_.size()));
  }

 private:
  std::string path_, key_;
  std::vector<std::string> no_classes_;
};

std::unique_ptr<Dataset> open_file(const std::string& path) {
  const auto start = read_bytes(path, signature_bytes);
  if (has_image_name(path) || image_format(start) != ImageFormat::unknown)
    return one_image(path, utf8_name(fs::path(path).filename().string()));
  if (path.ends_with(".h5")) return std::make_unique<ShardSet>(ShardSet::open(path));
  fail("{} is {}: give one image ({}), a folder of images, or shards that ijepa-shards made.",
       utf8_name(path), what_instead(start), readable_formats);
}

}  // namespace

std::vector<std::string> image_files(const std::string& folder) {
  return find_images(folder).paths;
}

std::unique_ptr<Dataset> one_image(const std::string& path, const std::string& key) {
  return std::make_unique<OneImage>(path, key);
}

std::unique_ptr<Dataset> open_images(const std::string& path) {
  std::error_code error;
  const auto status = fs::status(path, error);
  check(fs::exists(status), "There are no images at {}{}.", utf8_name(path),
        error && status.type() != fs::file_type::not_found ? ": " + error.message() : "");
  if (fs::is_regular_file(status)) return open_file(path);
  check(fs::is_directory(status), "{} is neither a file nor a folder.", utf8_name(path));
  if (holds_shards(path)) return std::make_unique<ShardSet>(ShardSet::open(path));
  return std::make_unique<FolderImages>(path);
}

std::int64_t find_image(const Dataset& images, const std::string& wanted) {
  const auto named = utf8_name(wanted);
  for (std::int64_t i = 0; i < images.size(); ++i)
    if (images.key(i) == wanted || images.key(i) == named) return i;
  std::int64_t number = -1;
  const char* end = wanted.data() + wanted.size();
  const auto [stop, error] = std::from_chars(wanted.data(), end, number);
  check(error == std::errc{} && stop == end && number >= 0 && number < images.size(),
        "There is no image {} among the {}.", wanted, images.size());
  return number;
}

}  // namespace ijepa
