#include "data_tools/folder_source.hpp"

#include <algorithm>
#include <functional>

#include "ijepa/core/error.hpp"
#include "ijepa/data/names.hpp"

namespace ijepa::tools {
namespace fs = std::filesystem;

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
  entry = {levels_.back().prefix + utf8_name(name), 0, false, false, "", ""};
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
    if (error) entry = {entry.path, 0, false, false, "cannot be read: " + error.message(), ""};
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
    entry = {without_archive_name(archive_path_), 0, true, true, "", ""};
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
    entry = {archive_path_,
             0,
             false,
             false,
             "an archive damaged in mid-file: what follows in it is lost",
             ""};
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

}  // namespace ijepa::tools
