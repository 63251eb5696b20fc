// Small torch archives with any pickle inside, for tests of what is refused.
#pragma once
#include <zip.h>

#include <string>
#include <utility>
#include <vector>

#include "ijepa/core/error.hpp"

namespace ijepa::test {

/// The error's text, or "no error".
template <class F>
std::string error_of(F&& f) {
  try {
    f();
  } catch (const Error& e) {
    return e.what();
  }
  return "no error";
}

/// A pickle's string.
inline std::string text(const std::string& value) {
  return std::string("X") + static_cast<char>(value.size()) + std::string(3, '\0') + value;
}

/// A pickle's tensor of float32 in the storage `key` of `elements`, shape (rows).
inline std::string tensor(const std::string& key, int elements, int rows) {
  const auto number = [](int n) { return std::string("K") + static_cast<char>(n); };
  return "ctorch._utils\n_rebuild_tensor_v2\n((" + text("storage") + "ctorch\nFloatStorage\n" +
         text(key) + text("cpu") + number(elements) + "tQK" + std::string(1, '\0') + "(" +
         number(rows) + "t(K\x01t\x89" + "ccollections\nOrderedDict\n)RtR";
}

/// A pickle's tensor of float32 that shows a part of a storage.
inline std::string view(const std::string& key, int elements, int offset,
                        const std::vector<int>& shape, const std::vector<int>& strides) {
  const auto number = [](int n) { return std::string("K") + static_cast<char>(n); };
  std::string sizes = "(", steps = "(";
  for (const int n : shape) sizes += number(n);
  for (const int n : strides) steps += number(n);
  return "ctorch._utils\n_rebuild_tensor_v2\n((" + text("storage") + "ctorch\nFloatStorage\n" +
         text(key) + text("cpu") + number(elements) + "tQ" + number(offset) + sizes + "t" + steps +
         "t\x89" + "ccollections\nOrderedDict\n)RtR";
}

/// A pickle of a dictionary with what lies between.
inline std::string dictionary(const std::string& inside) {
  return "\x80\x02}(" + inside + "u.";
}

using Entries = std::vector<std::pair<std::string, std::string>>;

/// A zip of the entries, stored or packed.
inline void write_zip(const std::string& path, const Entries& entries,
                      zip_int32_t method = ZIP_CM_STORE) {
  int code = 0;
  zip_t* archive = zip_open(path.c_str(), ZIP_CREATE | ZIP_TRUNCATE, &code);
  check(archive != nullptr, "No zip {}.", path);
  for (const auto& [name, bytes] : entries) {
    auto* source = zip_source_buffer(archive, bytes.data(), bytes.size(), 0);
    const auto index = zip_file_add(archive, name.c_str(), source, 0);
    zip_set_file_compression(archive, static_cast<zip_uint64_t>(index), method, 0);
  }
  check(zip_close(archive) == 0, "The zip {} was not written.", path);
}

}  // namespace ijepa::test
