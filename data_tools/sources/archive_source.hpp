// ArchiveSource: the members of a tar (plain, gzip, bzip2, xz or zstd; joined ones too), zip or 7z
// in its order, by libarchive. A member that is itself a tar is entered and appears as a folder.
// What links name follows at the end, in a second reading. A member's memory grows with what comes
// of it; names above 4096 bytes are cut and a problem of their entry.
#pragma once
#include <locale.h>

#include <deque>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

#include "data_tools/sources/archive_links.hpp"
#include "data_tools/sources/source.hpp"

struct archive;
struct archive_entry;

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
  struct FreeLocale {
    void operator()(locale_t locale) const;
  };
  struct InnerInput {
    archive* outer = nullptr;
    std::vector<std::uint8_t> buffer;
  };

  static Handle make_reader(bool zip_too);
  void open();
  bool ends_here() const;
  bool next_member(SourceEntry& entry);
  bool next_of_inner(SourceEntry& entry);
  void enter_inner(SourceEntry& entry);
  bool take_link(archive_entry* member, const std::string& prefix, const SourceEntry& entry);
  bool next_linked(SourceEntry& entry);
  std::vector<std::uint8_t> read_member();

  std::string path_;
  std::unique_ptr<std::remove_pointer_t<locale_t>, FreeLocale>
      locale_;  // for names; null: as it is
  Handle outer_;
  std::unique_ptr<InnerInput> inner_input_;
  Handle inner_;               // the member tar being read; closes before what it reads from
  std::string inner_path_;     // "n01440764.tar"
  SourceEntry member_;         // the current one
  bool size_unknown_ = false;  // of the current one: a zip that was written as a stream
  std::int64_t members_ = 0;

  ArchiveLinks links_;
  bool for_links_ = false;          // the second reading
  std::deque<std::string> linked_;  // further names of the current member
  std::vector<std::uint8_t> held_;  // its bytes
  bool is_held_ = false;
  std::deque<ArchiveLinks::Dead> dead_;
};

}  // namespace ijepa::tools
