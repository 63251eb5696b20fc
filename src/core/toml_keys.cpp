#include "toml_keys.hpp"

#include <algorithm>

#include "ijepa/core/error.hpp"

namespace ijepa {
namespace {

/// Where the quoted text that begins at `at` ends: behind its last quote, or at the end of all.
std::size_t end_of_quoted(std::string_view text, std::size_t at) {
  const char quote = text[at];
  const bool lines = text.substr(at, 3) == std::string(3, quote);
  const std::string close(lines ? 3 : 1, quote);
  for (at += close.size(); at < text.size(); ++at) {
    if (text[at] == '\\' && quote == '"')
      ++at;  // whatever follows is no end
    else if (text[at] == '\n' && !lines)
      return at;
    else if (text.substr(at, close.size()) == close)
      return at + close.size();
  }
  return text.size();
}

}  // namespace

void check_key_parts(std::string_view text, const std::string& file) {
  int parts = 1;
  for (std::size_t at = 0; at < text.size();) {
    const char c = text[at];
    if (c == '"' || c == '\'') {
      at = end_of_quoted(text, at);
      continue;
    }
    if (c == '#') {
      at = std::min(text.find('\n', at), text.size());
      continue;
    }
    if (c == '.')
      ++parts;
    else if (std::string_view("=,[]{}\n").find(c) != std::string_view::npos)
      parts = 1;
    if (parts > most_key_parts)
      fail("{}:{}: a key of more than {} parts is not read.", file,
           1 + std::ranges::count(text.substr(0, at), '\n'), most_key_parts);
    ++at;
  }
}

}  // namespace ijepa
