#include "data_tools/archive_source.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <sys/stat.h>

#include "ijepa/core/error.hpp"
#include "ijepa/data/names.hpp"

namespace ijepa::tools {
namespace {

constexpr std::size_t read_block_bytes = std::size_t{1} << 20;

std::string reason_of(archive* a) {
  const char* text = archive_error_string(a);
  return text != nullptr ? text : "no reason given";
}

/// The path as we use it: no leading "/" or "./", no trailing "/".
std::string member_path(archive_entry* member) {
  const char* raw = archive_entry_pathname_utf8(member);
  if (raw == nullptr) raw = archive_entry_pathname(member);
  std::string path = utf8_name(raw != nullptr ? raw : "(a name that cannot be read)");
  while (path.starts_with("./") || path.starts_with("/")) path.erase(0, path.find('/') + 1);
  while (path.ends_with("/")) path.pop_back();
  return path == "." ? "" : path;
}

SourceEntry entry_of(archive_entry* member, const std::string& prefix) {
  SourceEntry entry{prefix + member_path(member), archive_entry_size(member), false, ""};
  const auto type = archive_entry_filetype(member);
  entry.is_directory = type == AE_IFDIR;
  if (archive_entry_hardlink(member) != nullptr || type == AE_IFLNK)
    entry.problem = "a link inside an archive";
  else if (!entry.is_directory && type != AE_IFREG)
    entry.problem = "not a file";
  else if (archive_entry_is_encrypted(member))
    entry.problem = "encrypted";
  return entry;
}

/// libarchive's read callback for an inner archive: the next piece of the outer one's member.
la_ssize_t read_outer(archive* inner, void* outer_handle, const void** piece) {
  auto* outer = static_cast<archive*>(outer_handle);
  std::size_t bytes = 0;
  la_int64_t offset = 0;
  const int status = archive_read_data_block(outer, piece, &bytes, &offset);
  if (status == ARCHIVE_EOF) return 0;
  if (status == ARCHIVE_OK) return static_cast<la_ssize_t>(bytes);
  archive_set_error(inner, archive_errno(outer), "%s", archive_error_string(outer));
  return -1;
}

}  // namespace

void ArchiveSource::Free::operator()(archive* a) const {
  archive_read_free(a);
}

ArchiveSource::Handle ArchiveSource::make_reader() {
  Handle handle(archive_read_new());
  archive_read_support_filter_all(handle.get());
  archive_read_support_format_tar(handle.get());
  archive_read_support_format_gnutar(handle.get());
  return handle;
}

ArchiveSource::ArchiveSource(const std::string& path) : path_(path), outer_(make_reader()) {
  // The result first: check()'s arguments would be evaluated in any order.
  const int status = archive_read_open_filename(outer_.get(), path.c_str(), read_block_bytes);
  check(status == ARCHIVE_OK, "{} cannot be read as a tar: {}.", path, reason_of(outer_.get()));
}

ArchiveSource::~ArchiveSource() = default;

bool ArchiveSource::next(SourceEntry& entry) {
  if (inner_ != nullptr && next_of_inner(entry)) return true;
  for (;;) {
    archive_entry* member = nullptr;
    const int status = archive_read_next_header(outer_.get(), &member);
    if (status == ARCHIVE_EOF) return false;
    if (status != ARCHIVE_OK && status != ARCHIVE_WARN)
      fail("{} {}: {}.", path_,
           members_ == 0 ? std::string("cannot be read as a tar")
                         : fmt::format("is damaged or cut short after {} members", members_),
           reason_of(outer_.get()));
    ++members_;
    entry = entry_of(member, "");
    bytes_ = entry.bytes;
    if (entry.path.empty()) continue;
    if (entry.problem.empty() && !entry.is_directory && has_archive_name(entry.path))
      enter_inner(entry);
    return true;
  }
}

void ArchiveSource::enter_inner(SourceEntry& entry) {
  inner_ = make_reader();
  if (archive_read_open(inner_.get(), outer_.get(), nullptr, read_outer, nullptr) != ARCHIVE_OK) {
    entry.problem = "not a readable archive";
    inner_.reset();
    return;
  }
  inner_path_ = entry.path;
  entry = {without_archive_name(inner_path_), 0, true, ""};
}

bool ArchiveSource::next_of_inner(SourceEntry& entry) {
  const std::string prefix = without_archive_name(inner_path_) + "/";
  archive_entry* member = nullptr;
  for (;;) {
    const int status = archive_read_next_header(inner_.get(), &member);
    if (status == ARCHIVE_EOF) break;
    if (status != ARCHIVE_OK && status != ARCHIVE_WARN) {
      // No text of libarchive's: it depends on which members were read and which passed over.
      entry = {inner_path_, 0, false, "an archive damaged in mid-file: what follows in it is lost"};
      inner_.reset();
      return true;
    }
    entry = entry_of(member, prefix);
    bytes_ = entry.bytes;
    if (entry.path.size() > prefix.size()) return true;
  }
  inner_.reset();
  return false;
}

Payload ArchiveSource::fetch() {
  archive* from = inner_ != nullptr ? inner_.get() : outer_.get();
  Payload payload;
  payload.bytes.resize(static_cast<std::size_t>(bytes_));
  std::size_t done = 0;
  while (done < payload.bytes.size()) {
    const auto n =
        archive_read_data(from, payload.bytes.data() + done, payload.bytes.size() - done);
    // An inner archive may be damaged while the outer one goes on.
    if (n <= 0 && inner_ != nullptr) return {{}, "", "its archive is damaged"};
    check(n > 0, "{} is damaged or cut short in member {}: {}.", path_, members_,
          n < 0 ? reason_of(from) : "the data ends early");
    done += static_cast<std::size_t>(n);
  }
  return payload;
}

}  // namespace ijepa::tools
