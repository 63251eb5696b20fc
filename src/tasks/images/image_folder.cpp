#include "ijepa/tasks/images/image_folder.hpp"

#include <algorithm>
#include <filesystem>

#include "ijepa/core/error.hpp"
#include "ijepa/core/file.hpp"
#include "ijepa/core/path.hpp"
#include "ijepa/data/folder_names.hpp"
#include "ijepa/data/images/image_kind.hpp"
#include "ijepa/data/names.hpp"
#include "ijepa/data/shards/shard_set.hpp"

namespace ijepa {
namespace {

namespace fs = std::filesystem;

/// Why the file is no image; empty if it is one.
std::string why_no_image(const fs::path& path) {
  if (has_image_name(path.string())) return "";
  try {
    const File file(path.string(), File::Mode::read);
    std::vector<std::uint8_t> start(
        std::min(static_cast<std::size_t>(file.size()), signature_bytes));
    file.read(0, start.data(), start.size());
    return image_format(start) == ImageFormat::unknown ? std::string(what_instead(start)) : "";
  } catch (const Error& e) {
    return e.what();
  }
}

/// Error for Hugging Face's cache of a data set, in which each file has two names.
void check_no_cache(const fs::path& folder) {
  std::error_code error;
  const fs::path snapshots = folder / "snapshots";
  if (!fs::is_directory(snapshots, error) || !fs::is_directory(folder / "blobs", error)) return;
  std::vector<std::string> revisions;
  for (fs::directory_iterator it(snapshots, error), end; !error && it != end; it.increment(error))
    revisions.push_back(it->path().string());
  fail("{} is a cache of Hugging Face: name the folder of images in it, such as {}.",
       utf8_name(folder.string()),
       utf8_name(revisions.empty() ? snapshots.string() : *std::ranges::min_element(revisions)));
}

class Walk {
 public:
  explicit Walk(const std::string& root) : root_(root) { enter(""); }

  ImageFolder take() {
    std::ranges::sort(found_.paths);
    std::ranges::sort(found_.folders);
    return std::move(found_);
  }

 private:
  /// `below`: the folder's path below the root, with a slash at its end.
  void enter(const std::string& below) {
    std::error_code error;
    const fs::path folder = root_ / below;
    above_.push_back(fs::canonical(folder, error));
    std::vector<std::string> names;
    if (!error)
      for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error))
        names.push_back(it->path().filename().string());
    check(!error, "Cannot list {}: {}.", utf8_name(folder.string()), error.message());
    std::ranges::sort(names);
    for (const auto& name : names) take(below, name);
    above_.pop_back();
  }

  void take(const std::string& below, const std::string& name) {
    const std::string path = below + name;
    if (is_hidden_name(name)) return pass_over(path, "hidden");
    std::error_code error;
    const auto status = fs::status(root_ / path, error);
    if (fs::is_directory(status)) {
      const auto identity = fs::canonical(root_ / path, error);
      if (std::ranges::find(above_, identity) != above_.end())
        return pass_over(path, "a link to a folder above it");
      if (below.empty()) found_.folders.push_back(name);
      return enter(path + "/");
    }
    if (!fs::is_regular_file(status))
      return pass_over(path, fs::exists(status) ? "not a file" : "a link to nothing");
    const auto reason = why_no_image(root_ / path);
    if (!reason.empty()) return pass_over(path, reason);
    found_.paths.push_back(path);
    if (is_mask(path) && found_.masks++ == 0) found_.first_mask = utf8_name(path);
  }

  /// A folder in the root may be a class of such a name, one in it not.
  static bool is_mask(const std::string& path) {
    if (is_named_as_mask(path)) return true;
    auto begin = path.find('/');
    for (std::size_t end; begin != std::string::npos; begin = end) {
      end = path.find('/', ++begin);
      if (end != std::string::npos && is_annotation_name(path.substr(begin, end - begin)))
        return true;
    }
    return false;
  }

  void pass_over(const std::string& path, const std::string& reason) {
    if (found_.passed_over++ == 0)
      found_.first_passed_over = fmt::format("{} ({})", utf8_name(path), reason);
  }

  fs::path root_;
  std::vector<fs::path> above_;  // the folders on the way down, as they really are
  ImageFolder found_;
};

}  // namespace

std::string ImageFolder::note() const {
  std::string text;
  if (passed_over == 1)
    text = fmt::format("1 file is no image and was passed over: {}", first_passed_over);
  if (passed_over > 1)
    text = fmt::format("{} files are no images and were passed over; the first is {}", passed_over,
                       first_passed_over);
  // Where nearly all are, that is how the images are called.
  if (masks > 0 && 4 * (std::ssize(paths) - masks) >= masks)
    text += fmt::format(
        "{}{} of {} images are masks or annotations by their names and are taken as images; the "
        "first is {}",
        text.empty() ? "" : ". ", masks, paths.size(), first_mask);
  return text;
}

ImageFolder find_images(const std::string& folder) {
  check_no_cache(folder);
  return Walk(folder).take();
}

void check_no_image_of(const std::string& input, const std::string& out) {
  std::error_code error;
  if (!fs::is_directory(input, error) || holds_shards(input)) return;
  check(
      !lies_in(out, input),
      "The folder for the results, {}, lies in the input {}: the pictures in it would be images of "
      "the next call. Name one outside.",
      utf8_name(out), utf8_name(input));
}

}  // namespace ijepa
