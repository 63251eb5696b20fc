// ArchiveSource: the members of a tar (plain, gzip, bzip2, xz or zstd) in the archive's order, read
// through libarchive. A member that is itself a tar is entered and appears as a folder.
#pragma once
#include <memory>
#include <string>

#include "data_tools/source.hpp"

struct archive;

namespace ijepa::tools {

class ArchiveSource : public Source {
 public:
  /// Error: not an archive.
  explicit ArchiveSource(const std::string& path);
  ~ArchiveSource() override;

  /// Error: the archive is damaged or cut short. A damaged inner tar is an entry with a problem.
  bool next(SourceEntry& entry) override;
  Payload fetch() override;

 private:
  struct Free {
    void operator()(archive* a) const;
  };
  using Handle = std::unique_ptr<archive, Free>;

  static Handle make_reader();
  bool next_of_inner(SourceEntry& entry);
  void enter_inner(SourceEntry& entry);

  std::string path_;
  Handle outer_, inner_;    // inner_: the member tar being read
  std::string inner_path_;  // "n01440764.tar"
  std::int64_t bytes_ = 0;  // of the current entry
  std::int64_t members_ = 0;
};

}  // namespace ijepa::tools
