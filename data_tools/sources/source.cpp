#include "data_tools/sources/source.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "data_tools/sources/archive_source.hpp"
#include "ijepa/core/error.hpp"
#include "ijepa/core/file.hpp"
#include "ijepa/data/images/image_kind.hpp"
#include "ijepa/data/names.hpp"

namespace ijepa::tools {
namespace fs = std::filesystem;
namespace {

/// The files below a folder, depth first, names in byte order. Links are followed. Only the names
/// of the folders on the way down are in memory, never the whole tree.
class FolderSource : public Source {
 public:
  explicit FolderSource(const std::string& root);
  bool next(SourceEntry& entry) override;
  Payload fetch() override;

 private:
  struct Level {
    std::filesystem::path folder;
    std::filesystem::path identity;  // canonical, to notice a link that leads back up
    std::string prefix;              // "train/cat/" or ""
    std::vector<std::string> names;  // still to come, the next one last
  };

  bool leads_back_up(const std::filesystem::path& folder) const;
  void enter(const std::filesystem::path& folder, const std::string& prefix);
  void enter_archive(SourceEntry& entry);
  bool next_of_archive(SourceEntry& entry);

  std::filesystem::path current_;
  std::vector<Level> levels_;
  std::unique_ptr<ArchiveSource> archive_;  // the member tar being read
  std::string archive_path_;                // "cat.tar", as in its entry
};

FolderSource::FolderSource(const std::string& root) {
  enter(root, "");
}

bool FolderSource::leads_back_up(const fs::path& folder) const {
  const auto identity = fs::canonical(folder);
  return std::any_of(levels_.begin(), levels_.end(),
                     [&](const Level& above) { return above.identity == identity; });
}

void FolderSource::enter(const fs::path& folder, const std::string& prefix) {
  Level level{folder, fs::canonical(folder), prefix, {}};
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; it != end && !error; it.increment(error))
    level.names.push_back(it->path().filename().string());
  // lost+found may be read by root alone.
  check(!error || has_hidden_part(prefix), "Cannot list the folder {}: {}.", folder.string(),
        error.message());
  std::sort(level.names.begin(), level.names.end(), std::greater<>());
  levels_.push_back(std::move(level));
}

bool FolderSource::next(SourceEntry& entry) {
  if (archive_ != nullptr && next_of_archive(entry)) return true;
  while (!levels_.empty() && levels_.back().names.empty()) levels_.pop_back();
  if (levels_.empty()) return false;
  const std::string name = std::move(levels_.back().names.back());
  levels_.back().names.pop_back();
  current_ = levels_.back().folder / name;
  entry = {.path = levels_.back().prefix + utf8_name(name)};
  std::error_code error;
  const auto status = fs::status(current_, error);
  if (fs::is_directory(status)) {
    entry.is_directory = !leads_back_up(current_);
    if (entry.is_directory)
      enter(current_, entry.path + "/");
    else
      entry.problem = "a link to a folder above it";
  } else if (!fs::is_regular_file(status)) {
    entry.problem = fs::exists(status)                                  ? "not a file"
                    : error == std::errc::too_many_symbolic_link_levels ? "a link to itself"
                                                                        : "a link to nothing";
  } else if (has_archive_name(entry.path) && !has_hidden_part(entry.path)) {
    enter_archive(entry);
  } else {
    entry.bytes = static_cast<std::int64_t>(fs::file_size(current_, error));
    if (error) entry = {.path = entry.path, .problem = "cannot be read: " + error.message()};
  }
  return true;
}

void FolderSource::enter_archive(SourceEntry& entry) {
  archive_path_ = entry.path;
  const fs::path unpacked = without_archive_name(current_.string());
  std::error_code error;
  if (fs::is_directory(unpacked, error) && !fs::is_empty(unpacked, error) && !error) {
    entry.problem = "an archive that lies unpacked beside it";
    return;
  }
  try {
    archive_ = std::make_unique<ArchiveSource>(current_.string());
    entry = {.path = without_archive_name(archive_path_), .is_directory = true, .is_archive = true};
  } catch (const Error&) {
    entry.problem = "not a readable archive";
  }
}

bool FolderSource::next_of_archive(SourceEntry& entry) {
  try {
    if (archive_->next(entry)) {
      entry.path = without_archive_name(archive_path_) + "/" + entry.path;
      return true;
    }
    archive_.reset();
    return false;
  } catch (const Error&) {
    archive_.reset();
    entry = {.path = archive_path_, .problem = lost_in_archive};
    return true;
  }
}

Payload FolderSource::fetch() {
  if (archive_ == nullptr) return {{}, current_.string(), ""};
  try {
    return archive_->fetch();
  } catch (const Error&) {
    return {{}, "", "its archive is damaged"};
  }
}

/// A zip, and what may begin a tar or be packed around it.
bool may_be_archive(std::string_view kind) {
  return kind.starts_with("a zip") || kind.starts_with("gzip") || kind == "text" ||
         kind == unknown_kind;
}

/// "a parquet file: export its images to files first", "one image"; "" for archives, and what is
/// not known.
std::string kind_of_file(const std::string& path) {
  const File file(path, File::Mode::read);
  std::array<std::uint8_t, signature_bytes> buffer{};
  const auto bytes = static_cast<std::size_t>(
      std::clamp<std::int64_t>(file.size(), 0, static_cast<std::int64_t>(buffer.size())));
  file.read(0, buffer.data(), bytes);
  const std::span<const std::uint8_t> head(buffer.data(), bytes);
  if (image_format(head) != ImageFormat::unknown) return "one image";
  const auto kind = what_instead(head);
  return may_be_archive(kind) ? "" : std::string(kind);
}

constexpr std::array archive_endings{".tar",  ".tar.gz", ".tgz", ".tar.bz2",
                                     ".tbz2", ".tar.xz", ".txz", ".tar.zst"};

std::size_t archive_ending_length(const std::string& path) {
  std::size_t longest = 0;
  for (const std::string ending : archive_endings)
    if (path.size() > ending.size() && path.ends_with(ending))
      longest = std::max(longest, ending.size());
  return longest;
}

}  // namespace

bool has_archive_name(const std::string& path) {
  return archive_ending_length(path) > 0;
}

std::string without_archive_name(const std::string& path) {
  return path.substr(0, path.size() - archive_ending_length(path));
}

std::unique_ptr<Source> open_source(const std::string& path) {
  check(std::filesystem::exists(path), "There is no input at {}.", path);
  if (std::filesystem::is_directory(path)) return std::make_unique<FolderSource>(path);
  if (const std::string kind = kind_of_file(path); !kind.empty())
    fail("{} is {}; a folder, tar or zip of images is expected.", path, kind);
  return std::make_unique<ArchiveSource>(path);
}

}  // namespace ijepa::tools
