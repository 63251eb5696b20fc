// The element types of weight files and what each format calls them.
#pragma once
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ijepa/core/tensor.hpp"
#include "ijepa/train/weights/weight_file.hpp"

namespace ijepa {

struct ElementRow {
  Element element;
  std::size_t bytes;
  const char* name;
  const char* torch;  // class of its storage
  const char* safetensors;
};
const ElementRow& element_row(Element element);
std::optional<Element> element_of_torch(std::string_view storage);
std::optional<Element> element_named(std::string_view name);  // as name_of() says it
std::optional<Element> element_of_safetensors(std::string_view name);
/// The element type that holds one of ours bit for bit.
Element element_of(DType type);

/// A tensor that a writer of weight files asks for when its turn has come, so that only one of them
/// is in memory.
struct OutTensor {
  FileTensor tensor;
  std::function<void(std::span<std::byte>)> fill;  // with tensor.bytes() bytes
};

}  // namespace ijepa
