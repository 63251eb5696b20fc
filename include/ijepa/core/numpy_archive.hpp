// The archive of arrays that numpy.savez writes (.npz), told from other zips.
#pragma once
#include <cstddef>
#include <string_view>

namespace ijepa {

/// By a file's first bytes: a zip whose first entry is an array (NAME.npy). Names that are longer
/// than `start` shows are not known.
inline bool is_numpy_archive(std::string_view start) {
  constexpr std::size_t name_at = 30, length_at = 26;  // of a zip's local header
  if (!start.starts_with("PK\3\4") || start.size() < name_at) return false;
  const auto byte = [&](std::size_t at) {
    return static_cast<std::size_t>(static_cast<unsigned char>(start[at]));
  };
  return start.substr(name_at, byte(length_at) + 256 * byte(length_at + 1)).ends_with(".npy");
}

}  // namespace ijepa
