// Source: the files of a folder or an archive as one stream in a fixed order. Packing reads it once
// to count and once more a group of shards; neither needs random access.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace ijepa::tools {

/// One file, or a folder (which matters only as a class without images).
struct SourceEntry {
  std::string path;  // "train/cat/1.jpg": relative, '/' between parts, no leading "./"
  std::int64_t bytes = 0;
  bool is_directory = false;
  bool is_archive = false;   // a directory that is in truth a tar
  std::string problem = {};  // why its bytes cannot be had, else empty
  std::string label = {};    // that lies beside it (TwinSource), else empty
};

/// The bytes of an entry, or the file that holds them (so that a worker thread reads it).
struct Payload {
  std::vector<std::uint8_t> bytes;
  std::string file;     // empty: `bytes` is complete
  std::string problem;  // why the bytes cannot be had, else empty
};

class Source {
 public:
  virtual ~Source() = default;
  /// Moves to the next entry; false at the end. Error: the input is damaged from here on.
  virtual bool next(SourceEntry& entry) = 0;
  /// The bytes of the current entry; at most once an entry.
  virtual Payload fetch() = 0;
};

/// A folder, a tar (plain or compressed), a zip or a 7z, chosen by what `path` is. In all, tars
/// that are members (the class tars of ILSVRC2012 and ImageNet-22k) are read as folders named like
/// them. Error: nothing there, or no archive: what it is instead.
std::unique_ptr<Source> open_source(const std::string& path);

/// The problem of an archive's entry.
inline constexpr const char* lost_in_archive =
    "an archive damaged in mid-file: what follows in it is lost";
inline constexpr const char* lost_in_inner_archive =
    "an archive damaged in mid-file or followed by bytes that are none: what is behind is lost";

/// True for "n01440764.tar", "x.tar.gz", ...
bool has_archive_name(const std::string& path);
/// The name without the tar's endings: "a/n01440764.tar.gz" to "a/n01440764".
std::string without_archive_name(const std::string& path);

}  // namespace ijepa::tools
