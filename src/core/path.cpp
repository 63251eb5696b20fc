#include "ijepa/core/path.hpp"

namespace ijepa {
namespace fs = std::filesystem;

std::string real_path(const fs::path& path) {
  std::error_code error;
  const fs::path whole = fs::absolute(path, error);
  if (error) return path.lexically_normal().string();
  const fs::path real = fs::weakly_canonical(whole, error);
  return (error ? whole.lexically_normal() : real).string();
}

bool lies_in(const fs::path& inner, const fs::path& outer) {
  // "in/" and "in" are one folder, and "inside" does not lie in "in".
  const auto below = fs::path(real_path(inner)).lexically_relative(real_path(outer));
  return !below.empty() && *below.begin() != "..";
}

}  // namespace ijepa
