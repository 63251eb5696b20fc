// File: a POSIX file descriptor that closes itself, with whole reads and writes at an offset; the
// two steps that make a new file appear complete or not at all (sync, then rename); and the folders
// that results go to.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

namespace ijepa {

class File {
 public:
  enum class Mode {
    read,
    create,  // new or emptied
    update,  // read and write; made if missing
    append   // the same, but every write goes to the end, wherever other writers have put that
  };

  /// Opens `path`; an Error with the system's reason if that fails.
  File(const std::string& path, Mode mode);
  ~File();
  File(File&& other) noexcept;
  File& operator=(File&& other) noexcept;

  const std::string& path() const { return path_; }
  int descriptor() const { return descriptor_; }
  std::int64_t size() const;  // bytes now

  /// Exactly `bytes` bytes from `offset`; an Error at the end of the file. Any thread.
  void read(std::int64_t offset, void* to, std::size_t bytes) const;
  /// All of them or an Error (a full disk is named as such). Any thread.
  void write(std::int64_t offset, const void* from, std::size_t bytes);
  /// From now on writes of whole blocks of 64 KiB, from memory and to offsets that are multiples of
  /// it, go past the system's page cache, where the file system can do without. The first other one
  /// ends that.
  void bypass_cache();
  void truncate(std::int64_t bytes);
  void sync();  // until the data is on the device
  /// Waits until no other File, of this process or another, has the file locked; lasts until this
  /// one is closed. An Error where the file system has no locks.
  void lock();

 private:
  bool use_cache();

  std::string path_;
  int descriptor_ = -1;
};

/// A file under a temporary name beside its final one (`path` + ".tmp"). publish() syncs it,
/// renames it and syncs the folder, so that `path` is always absent, the old one or complete,
/// whatever interrupts the program; without publish() the temporary file is removed.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& path);
  ~TemporaryFile();
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  File& file() { return file_; }
  void publish();

 private:
  std::string path_;
  File file_;
  bool published_ = false;
};

/// Writes a small text file through a TemporaryFile.
void write_file_atomically(const std::string& path, const std::string& text);

/// The whole of a small file.
std::string read_text_file(const std::string& path);

/// Makes the folder and those above it; nothing for an empty name. An Error says why it cannot, or
/// that the name begins with the ~ of a shell.
void make_folder(const std::string& folder);

/// make_folder(), and an Error if no file can be made in it, or if less than `bytes`, or 128 KiB,
/// are free.
void prepare_output_folder(const std::string& folder, std::int64_t bytes = 0);

}  // namespace ijepa
