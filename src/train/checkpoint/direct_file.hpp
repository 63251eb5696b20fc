// DirectFile: a new file written once, from front to back, past the system's page cache: copying
// gigabytes into it would take processor time from training and push its data out.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>
#include <string>

#include "ijepa/core/file.hpp"

namespace ijepa {

class DirectFile {
 public:
  /// Made or emptied. Where the file system cannot do without its cache, that is used.
  explicit DirectFile(const std::string& path);

  /// The next bytes of the file; an Error as File::write.
  void append(std::span<const std::byte> bytes);
  /// Writes what is left and returns when all of it is on the device.
  void finish();

 private:
  struct Free {
    void operator()(std::byte* memory) const { std::free(memory); }
  };

  void flush();

  File file_;
  std::unique_ptr<std::byte, Free> block_;  // the bytes from offset_ on
  std::size_t used_ = 0;
  std::int64_t offset_ = 0;
};

}  // namespace ijepa
