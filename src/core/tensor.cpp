#include "ijepa/core/tensor.hpp"

namespace ijepa {

std::string describe(const Tensor& t) {
  if (t.empty()) return "no tensor";
  std::string text = fmt::format("{} (", name_of(t.dtype));
  for (int i = 0; i < t.rank; ++i)
    text += fmt::format("{}{}", i > 0 ? ", " : "", t.shape[static_cast<std::size_t>(i)]);
  return text + ")";
}

}  // namespace ijepa
