#include "element.hpp"

#include <algorithm>
#include <array>

namespace ijepa {
namespace {

constexpr std::array<ElementRow, 10> element_rows{
    {{Element::f64, 8, "float64", "DoubleStorage", "F64"},
     {Element::f32, 4, "float32", "FloatStorage", "F32"},
     {Element::f16, 2, "float16", "HalfStorage", "F16"},
     {Element::bf16, 2, "bfloat16", "BFloat16Storage", "BF16"},
     {Element::i64, 8, "int64", "LongStorage", "I64"},
     {Element::i32, 4, "int32", "IntStorage", "I32"},
     {Element::i16, 2, "int16", "ShortStorage", "I16"},
     {Element::i8, 1, "int8", "CharStorage", "I8"},
     {Element::u8, 1, "uint8", "ByteStorage", "U8"},
     {Element::boolean, 1, "bool", "BoolStorage", "BOOL"}}};

std::optional<Element> element_where(const char* ElementRow::*column, std::string_view name) {
  const auto row = std::ranges::find(
      element_rows, name, [&](const ElementRow& r) { return std::string_view(r.*column); });
  return row == element_rows.end() ? std::nullopt : std::optional(row->element);
}

}  // namespace

const ElementRow& element_row(Element element) {
  return element_rows.at(static_cast<std::size_t>(element));
}

std::optional<Element> element_of_torch(std::string_view storage) {
  return element_where(&ElementRow::torch, storage);
}

std::optional<Element> element_named(std::string_view name) {
  return element_where(&ElementRow::name, name);
}

std::optional<Element> element_of_safetensors(std::string_view name) {
  return element_where(&ElementRow::safetensors, name);
}

Element element_of(DType type) {
  constexpr std::array<Element, 5> of{Element::f64, Element::f32, Element::bf16, Element::i32,
                                      Element::u8};
  return of.at(static_cast<std::size_t>(type));
}

std::size_t size_of(Element element) {
  return element_row(element).bytes;
}

const char* name_of(Element element) {
  return element_row(element).name;
}

}  // namespace ijepa
