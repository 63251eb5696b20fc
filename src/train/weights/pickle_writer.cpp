#include "pickle_writer.hpp"

#include <bit>
#include <cstring>

#include "element.hpp"

namespace ijepa {

PickleWriter::PickleWriter() : bytes_("\x80\x02") {}

template <class T>
void PickleWriter::little_endian(T value) {
  std::array<char, sizeof(T)> bytes{};
  std::memcpy(bytes.data(), &value, sizeof(T));
  bytes_.append(bytes.data(), bytes.size());
}

void PickleWriter::integer(std::int64_t value) {
  if (value >= 0 && value < 256) {
    raw("K");
    little_endian(static_cast<std::uint8_t>(value));
  } else if (value == static_cast<std::int32_t>(value)) {
    raw("J");
    little_endian(static_cast<std::int32_t>(value));
  } else {
    raw("\x8a\x08");
    little_endian(value);
  }
}

void PickleWriter::real(double value) {
  raw("G");
  const auto bits = std::bit_cast<std::uint64_t>(value);
  for (int shift = 56; shift >= 0; shift -= 8) bytes_ += static_cast<char>(bits >> shift);
}

void PickleWriter::text(std::string_view value) {
  raw("X");
  little_endian(static_cast<std::uint32_t>(value.size()));
  raw(value);
}

void PickleWriter::tuple_of(const std::vector<std::int64_t>& values) {
  begin_tuple();
  for (const auto v : values) integer(v);
  end_tuple();
}

void PickleWriter::tensor(const FileTensor& tensor, const std::string& key) {
  const auto elements = static_cast<std::int64_t>(tensor.bytes() / size_of(tensor.element));
  std::vector<std::int64_t> strides(tensor.shape.size(), 1);
  for (std::size_t i = strides.size(); i-- > 1;) strides[i - 1] = strides[i] * tensor.shape[i];
  raw("ctorch._utils\n_rebuild_tensor_v2\n((");
  text("storage");
  raw("ctorch\n");
  raw(element_row(tensor.element).torch);
  raw("\n");
  text(key);
  text("cpu");
  integer(elements);
  raw("tQ");
  integer(0);
  tuple_of(tensor.shape);
  tuple_of(strides);
  boolean(false);
  raw("ccollections\nOrderedDict\n)RtR");
}

std::string PickleWriter::finish() {
  raw(".");
  return std::move(bytes_);
}

}  // namespace ijepa
