// FolderSource: the files below a folder, depth first, names in byte order. Links are followed.
// Only the names of the folders on the way down are in memory, never the whole tree.
#pragma once
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "data_tools/archive_source.hpp"
#include "data_tools/source.hpp"

namespace ijepa::tools {

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

}  // namespace ijepa::tools
