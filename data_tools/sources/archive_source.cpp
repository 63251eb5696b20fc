#include "data_tools/sources/archive_source.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>

#include "ijepa/core/error.hpp"
#include "ijepa/core/file.hpp"
#include "ijepa/data/names.hpp"

namespace ijepa::tools {
namespace {

constexpr std::size_t read_block_bytes = std::size_t{1} << 20;
// More than any image that is packed; only members of unknown size are cut off there.
constexpr std::size_t max_unknown_bytes = std::size_t{512} << 20;
constexpr std::int64_t largest_size = std::int64_t{1} << 38;  // so that sums of sizes have room

std::string reason_of(archive* a) {
  const char* text = archive_error_string(a);
  return text != nullptr ? text : "no reason given";
}

/// The path as we use it: as unpacking gives it, without a trailing "/".
std::string member_path(archive_entry* member) {
  const char* raw = archive_entry_pathname_utf8(member);
  if (raw == nullptr) raw = archive_entry_pathname(member);
  return normal_path(utf8_name(raw != nullptr ? raw : "(a name that cannot be read)"));
}

bool has_name(archive_entry* member) {
  return archive_entry_pathname_utf8(member) != nullptr ||
         archive_entry_pathname(member) != nullptr;
}

/// zip and 7z say in which letters their names are, which libarchive translates into those of the
/// thread's locale. (Names of tars stay as their bytes are only in the locale of a program's
/// start.)
bool names_have_letters(const std::string& path) {
  const File file(path, File::Mode::read);
  std::array<char, 4> start{};
  const auto bytes = std::min<std::int64_t>(file.size(), std::ssize(start));
  file.read(0, start.data(), static_cast<std::size_t>(bytes));
  const std::string_view text(start.data(), start.size());
  return text.starts_with("PK") || text == "7z\xBC\xAF" || path.ends_with(".zip");
}

/// Tars that were joined by cat would end with the first one's end.
void read_joined(archive* a) {
  archive_read_set_format_option(a, "tar", "read_concatenated_archives", "1");
}

locale_t utf8_locale() {
  for (const char* name : {"C.UTF-8", "C.utf8", "en_US.UTF-8"})
    if (const locale_t made = ::newlocale(LC_CTYPE_MASK, name, nullptr); made != nullptr)
      return made;
  return nullptr;
}

/// This thread has another locale while it lives.
class InLocale {
 public:
  explicit InLocale(locale_t other) : before_(::uselocale(other)) {}
  ~InLocale() { ::uselocale(before_); }
  InLocale(const InLocale&) = delete;
  InLocale& operator=(const InLocale&) = delete;

 private:
  locale_t before_;
};

SourceEntry entry_of(archive_entry* member, const std::string& prefix) {
  SourceEntry entry{.path = prefix + member_path(member),
                    .bytes = std::clamp<std::int64_t>(archive_entry_size(member), 0, largest_size)};
  const auto type = archive_entry_filetype(member);
  entry.is_directory = type == AE_IFDIR;
  if (leads_out(entry.path.substr(prefix.size())))
    entry.problem = "leads out of the archive";
  else if (!entry.is_directory && type != AE_IFREG && archive_entry_hardlink(member) == nullptr)
    entry.problem = "not a file";
  else if (!has_name(member))
    entry.problem = "its name is in letters that cannot be read";
  else if (archive_entry_is_encrypted(member))
    entry.problem = "encrypted";
  if (entry.path.size() > prefix.size() + longest_path) {
    entry.path = utf8_name(entry.path.substr(0, prefix.size() + longest_path));
    entry.problem = fmt::format("its name is longer than {} bytes", longest_path);
  }
  return entry;
}

/// libarchive's read callback for an inner archive: the next piece of the outer one's member.
template <class Input>
la_ssize_t read_outer(archive* inner, void* input, const void** piece) {
  auto* from = static_cast<Input*>(input);
  from->buffer.resize(read_block_bytes);
  *piece = from->buffer.data();
  // Not blocks as they lie in the archive: a sparse member has holes between them.
  const auto bytes = archive_read_data(from->outer, from->buffer.data(), from->buffer.size());
  if (bytes >= 0) return bytes;
  archive_set_error(inner, archive_errno(from->outer), "%s", archive_error_string(from->outer));
  return -1;
}

}  // namespace

void ArchiveSource::Free::operator()(archive* a) const {
  archive_read_free(a);
}

ArchiveSource::Handle ArchiveSource::make_reader(bool zip_too) {
  Handle handle(archive_read_new());
  archive_read_support_filter_all(handle.get());
  archive_read_support_format_tar(handle.get());
  archive_read_support_format_gnutar(handle.get());
  if (zip_too) {
    archive_read_support_format_zip(handle.get());
    archive_read_support_format_7zip(handle.get());
  }
  return handle;
}

void ArchiveSource::FreeLocale::operator()(locale_t locale) const {
  ::freelocale(locale);
}

ArchiveSource::ArchiveSource(const std::string& path) : path_(path) {
  if (names_have_letters(path)) locale_.reset(utf8_locale());
  open();
}

ArchiveSource::~ArchiveSource() = default;

void ArchiveSource::open() {
  outer_ = make_reader(true);
  read_joined(outer_.get());
  members_ = 0;
  // The result first: check()'s arguments would be evaluated in any order.
  const int status = archive_read_open_filename(outer_.get(), path_.c_str(), read_block_bytes);
  check(status == ARCHIVE_OK, "{} cannot be read as a tar or zip: {}.", path_,
        reason_of(outer_.get()));
}

/// Whether the first tar ends after the members that were read: what is behind it is no other tar,
/// but what an end may have behind it, such as the rest of its last block.
bool ArchiveSource::ends_here() const {
  const Handle first = make_reader(true);
  if (archive_read_open_filename(first.get(), path_.c_str(), read_block_bytes) != ARCHIVE_OK)
    return false;
  archive_entry* member = nullptr;
  std::int64_t members = 0;
  int status = archive_read_next_header(first.get(), &member);
  for (; status == ARCHIVE_OK || status == ARCHIVE_WARN; ++members)
    status = archive_read_next_header(first.get(), &member);
  return status == ARCHIVE_EOF && members == members_;
}

bool ArchiveSource::next(SourceEntry& entry) {
  const InLocale names(locale_.get());
  if (!for_links_) {
    if (next_member(entry)) return true;
    if (links_.empty()) return false;
    links_.resolve();
    for_links_ = true;
    open();
  }
  return next_linked(entry);
}

/// Whether the member is a link, which is kept for the second reading (or, there, passed over).
bool ArchiveSource::take_link(archive_entry* member, const std::string& prefix,
                              const SourceEntry& entry) {
  const char* target = archive_entry_hardlink(member);
  const bool symbolic = archive_entry_filetype(member) == AE_IFLNK;
  if (entry.path.size() >= prefix.size() + longest_path) return false;  // cut off
  // A hard link may bring its bytes along (pax, cpio).
  if (leads_out(entry.path) || (!symbolic && (target == nullptr || entry.bytes > 0))) {
    if (!for_links_ && !entry.is_directory) links_.remove(entry.path);
    return false;
  }
  if (for_links_) return true;
  std::string path;
  if (symbolic) {
    target = archive_entry_symlink(member);
    const std::string text = target != nullptr ? target : "";
    const auto slash = entry.path.rfind('/');
    const auto folder = slash == std::string::npos ? "" : entry.path.substr(0, slash + 1);
    // Below a member tar too a link may not leave that tar.
    const auto inside = normal_path(folder.substr(std::min(prefix.size(), folder.size())) + text);
    path = text.starts_with('/') || leads_out(inside) ? "../" + inside : prefix + inside;
  } else {
    const auto inside = normal_path(target);
    path = leads_out(inside) ? inside : prefix + inside;
  }
  links_.add(entry.path, utf8_name(path.substr(0, longest_path)));
  return true;
}

bool ArchiveSource::next_member(SourceEntry& entry) {
  if (inner_ != nullptr && next_of_inner(entry)) return true;
  for (;;) {
    archive_entry* member = nullptr;
    const int status = archive_read_next_header(outer_.get(), &member);
    if (status == ARCHIVE_EOF) return false;
    if (status != ARCHIVE_OK && status != ARCHIVE_WARN) {
      if (members_ > 0 && ends_here()) return false;
      fail("{} {}: {}.", path_,
           members_ == 0 ? std::string("cannot be read as a tar or zip")
                         : fmt::format("is damaged or cut short after {} members", members_),
           reason_of(outer_.get()));
    }
    ++members_;
    entry = entry_of(member, "");
    if (entry.path.empty() || take_link(member, "", entry)) continue;
    if (entry.problem.empty() && !entry.is_directory && has_archive_name(entry.path) &&
        !has_hidden_part(entry.path))
      enter_inner(entry);
    member_ = entry;
    size_unknown_ = archive_entry_size_is_set(member) == 0;
    return true;
  }
}

void ArchiveSource::enter_inner(SourceEntry& entry) {
  inner_ = make_reader(false);
  read_joined(inner_.get());
  inner_input_ = std::make_unique<InnerInput>(InnerInput{outer_.get(), {}});
  if (archive_read_open(inner_.get(), inner_input_.get(), nullptr, read_outer<InnerInput>,
                        nullptr) != ARCHIVE_OK) {
    entry.problem = "not a readable archive";
    inner_.reset();
    return;
  }
  inner_path_ = entry.path;
  entry = {.path = without_archive_name(inner_path_), .is_directory = true, .is_archive = true};
}

bool ArchiveSource::next_of_inner(SourceEntry& entry) {
  const std::string prefix = without_archive_name(inner_path_) + "/";
  archive_entry* member = nullptr;
  for (;;) {
    const int status = archive_read_next_header(inner_.get(), &member);
    if (status == ARCHIVE_EOF) break;
    if (status != ARCHIVE_OK && status != ARCHIVE_WARN) {
      // No text of libarchive's: it depends on which members were read and which passed over.
      entry = {.path = inner_path_, .problem = lost_in_inner_archive};
      inner_.reset();
      member_ = entry;
      return true;
    }
    entry = entry_of(member, prefix);
    if (entry.path.size() <= prefix.size() || take_link(member, prefix, entry)) continue;
    member_ = entry;
    size_unknown_ = archive_entry_size_is_set(member) == 0;
    return true;
  }
  inner_.reset();
  return false;
}

/// The next name that a link gives to a member of the second reading; then the links that lead to
/// none.
bool ArchiveSource::next_linked(SourceEntry& entry) {
  while (linked_.empty() && outer_ != nullptr) {
    SourceEntry member;
    if (next_member(member)) {
      is_held_ = false;
      if (member.is_directory || !member.problem.empty()) continue;
      const auto names = links_.names_of(member.path);
      linked_.assign(names.begin(), names.end());
    } else {
      outer_.reset();
      const auto dead = links_.dead();
      dead_.assign(dead.begin(), dead.end());
    }
  }
  if (!linked_.empty()) {
    entry = {.path = linked_.front(), .bytes = member_.bytes};
    linked_.pop_front();
    return true;
  }
  if (dead_.empty()) return false;
  entry = {.path = dead_.front().path, .problem = dead_.front().problem};
  dead_.pop_front();
  return true;
}

Payload ArchiveSource::fetch() {
  const auto give = [this] {
    if (!for_links_) return Payload{read_member(), "", ""};
    // Several links may name this one member.
    if (!is_held_) held_ = read_member();
    is_held_ = true;
    return Payload{held_, "", ""};
  };
  // An inner archive may be damaged while the outer one goes on.
  if (inner_ == nullptr) return give();
  try {
    return give();
  } catch (const Error&) {
    return {{}, "", "its archive is damaged"};
  }
}

std::vector<std::uint8_t> ArchiveSource::read_member() {
  archive* from = inner_ != nullptr ? inner_.get() : outer_.get();
  const auto size = size_unknown_ ? max_unknown_bytes : static_cast<std::size_t>(member_.bytes);
  std::vector<std::uint8_t> bytes;
  std::size_t done = 0;
  while (done < size) {
    // As much more as there was: a header may claim any size, and memory follows what comes.
    bytes.resize(std::min(size, done + std::max(done, read_block_bytes)));
    const auto n = archive_read_data(from, bytes.data() + done, bytes.size() - done);
    if (n == 0 && size_unknown_) break;
    check(n > 0, "{} is damaged or cut short in member {}: {}.", path_, members_,
          n < 0 ? reason_of(from) : "the data ends early");
    done += static_cast<std::size_t>(n);
  }
  bytes.resize(done);
  return bytes;
}

}  // namespace ijepa::tools
