#include "ijepa/data/names.hpp"

#include <fmt/format.h>
#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <memory>

#include "ijepa/data/shards/shard_format.hpp"

namespace ijepa {
namespace {

constexpr std::array left_behind{"__MACOSX",
                                 "@eaDir",
                                 "lost+found",
                                 "$RECYCLE.BIN",
                                 "#recycle",
                                 "@Recycle",
                                 "@__thumb",
                                 "#snapshot",
                                 "@tmp",
                                 "__pycache__",
                                 "System Volume Information"};
constexpr std::size_t max_part_bytes = 200;  // of 255, so that endings may follow

/// Bytes of the UTF-8 character that `text` starts with, 0 if it starts with none (the table of
/// well-formed sequences of the Unicode standard: neither overlong forms nor surrogates).
std::size_t utf8_length(std::string_view text) {
  utf8proc_int32_t character = 0;
  const auto length = utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                                       static_cast<utf8proc_ssize_t>(text.size()), &character);
  return length > 0 ? static_cast<std::size_t>(length) : 0;
}

std::string escaped(char byte) {
  return fmt::format("\\x{:02X}", static_cast<unsigned char>(byte));
}

/// Calls `each` with every part of the path between slashes until it returns true.
template <class Each>
bool any_part(std::string_view path, const Each& each) {
  for (std::size_t begin = 0; begin <= path.size();) {
    const auto end = std::min(path.find('/', begin), path.size());
    if (each(path.substr(begin, end - begin))) return true;
    begin = end + 1;
  }
  return false;
}

std::string shortened(std::string_view part) {
  if (part.size() <= max_part_bytes) return std::string(part);
  std::size_t end = 0;  // never in mid-character
  for (std::size_t next = 0; next <= max_part_bytes - 17;) {
    end = next;
    next += std::max<std::size_t>(utf8_length(part.substr(end)), 1);
  }
  return fmt::format("{}_{:016x}", part.substr(0, end), hash_bytes(part.data(), part.size()));
}

}  // namespace

std::string utf8_name(std::string_view name) {
  std::string out;
  for (std::size_t i = 0; i < name.size();) {
    const std::size_t length = utf8_length(name.substr(i));
    const bool control = static_cast<unsigned char>(name[i]) < 0x20 || name[i] == 0x7F;
    if (length > 0 && !control)
      out.append(name, i, length);
    else
      out += escaped(name[i]);
    i += std::max<std::size_t>(length, 1);
  }
  return out;
}

std::string path_of_text(const std::string& text) {
  std::error_code none;
  if (std::filesystem::exists(text, none)) return text;
  std::string path;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned byte = 0;
    const char* digits = text.data() + i + 2;
    const bool is_byte = i + 3 < text.size() && text[i] == '\\' && text[i + 1] == 'x' &&
                         std::from_chars(digits, digits + 2, byte, 16).ptr == digits + 2;
    path += is_byte ? static_cast<char>(byte) : text[i];
    if (is_byte) i += 3;
  }
  return path;
}

bool is_hidden_name(std::string_view name) {
  if (name == "." || name == "..") return false;
  return name.starts_with('.') ||
         std::find(left_behind.begin(), left_behind.end(), name) != left_behind.end();
}

bool has_hidden_part(std::string_view path) {
  return any_part(path, is_hidden_name);
}

bool leads_out(std::string_view path) {
  return path.starts_with('/') || any_part(path, [](auto part) { return part == ".."; });
}

std::filesystem::path path_of_key(std::string_view key) {
  std::filesystem::path path;
  any_part(key, [&](std::string_view part) {
    if (part == "..")
      path /= escaped('.') + escaped('.');
    else if (!part.empty() && part != ".")
      path /= shortened(part);
    return false;
  });
  return path.empty() ? std::filesystem::path("unnamed") : path;
}

std::string_view without_extension(std::string_view path) {
  const auto name = path.rfind('/') + 1, dot = path.rfind('.');  // npos + 1 is 0
  return dot == std::string_view::npos || dot <= name ? path : path.substr(0, dot);
}

std::optional<std::string> mapped_text(std::string_view text, int how) {
  utf8proc_uint8_t* mapped = nullptr;
  const auto bytes = utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                                  static_cast<utf8proc_ssize_t>(text.size()), &mapped,
                                  static_cast<utf8proc_option_t>(how));
  const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owner(mapped, std::free);
  if (bytes < 0) return std::nullopt;
  return std::string(reinterpret_cast<const char*>(mapped), static_cast<std::size_t>(bytes));
}

std::string look_of(std::string_view name) {
  std::string look =
      mapped_text(name, UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_CASEFOLD | UTF8PROC_IGNORE)
          .value_or(std::string(name));
  for (const std::string blank : {" ", "\xC2\xA0"}) {  // the usual one and the unbreakable one
    while (look.starts_with(blank)) look.erase(0, blank.size());
    while (look.ends_with(blank)) look.erase(look.size() - blank.size());
  }
  return look;
}

std::string look_alike_note(std::string_view name, const std::vector<std::string>& others) {
  const std::string look = look_of(name);
  for (const auto& other : others)
    if (other != name && look_of(other) == look)
      return fmt::format(
          " ({} and {} look alike: another case, blanks at an end or letters composed differently)",
          spelled_out(name), spelled_out(other));
  return "";
}

std::string spelled_out(std::string_view name) {
  std::string out = "\"";
  for (const char c : name)
    out += static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) > 0x7E
               ? escaped(c)
               : std::string(1, c);
  return out + "\"";
}

std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\n\r") == std::string::npos) return text;
  std::string out = "\"";
  for (const char c : text) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + "\"";
}

}  // namespace ijepa
