#include "config_text.hpp"

#include <algorithm>
#include <cmath>

#include "ijepa/core/error.hpp"
#include "ijepa/core/field_text.hpp"

namespace ijepa {
namespace {

template <class... F>
struct Overload : F... {
  using F::operator()...;
};
template <class... F>
Overload(F...) -> Overload<F...>;

std::string section_of(const std::string& path) {
  const auto dot = path.rfind('.');
  return dot == std::string::npos ? "" : path.substr(0, dot);
}

std::string key_of(const std::string& path) {
  return path.substr(path.rfind('.') + 1);
}

FieldText text_of(const Field& field) {
  FieldText text{field.path, value_text(field.slot), type_name(field.slot), field.range.text(), {},
                 field.help};
  if (std::holds_alternative<bool*>(field.slot)) text.choices = {"true", "false"};
  if (const auto* choice = std::get_if<Choice>(&field.slot)) {
    text.choices = choice->names;
    text.type = "text";
    text.allowed = fmt::format("{}", fmt::join(choice->names, ", "));
  }
  return text;
}

std::string help_of(const Fields& fields, const std::string& section) {
  for (const auto& [name, help] : fields.sections())
    if (name == section) return help;
  return "";
}

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

std::string value_text(const Slot& slot) {
  return std::visit(
      Overload{[](const bool* v) { return std::string(*v ? "true" : "false"); },
               [](const std::int64_t* v) { return fmt::format("{}", *v); },
               [](const double* v) { return number(*v); },
               [](const std::string* v) { return quote(*v); },
               [](std::span<double> v) {
                 std::vector<std::string> items;
                 for (const double x : v) items.push_back(number(x));
                 return fmt::format("[{}]", fmt::join(items, ", "));
               },
               [](const std::vector<double>* v) {
                 return value_text(std::span<double>(const_cast<double*>(v->data()), v->size()));
               },
               [](const Choice& v) { return quote(v.names[v.get()]); },
               [](const SectionList& v) { return fmt::format("{} rows", v.count()); }},
      slot);
}

std::string Range::text() const {
  const std::string lower = fmt::format("{} {}", low_excluded ? "above" : "at least", low);
  const std::string upper = fmt::format("{} {}", high_excluded ? "below" : "at most", high);
  if (!std::isfinite(low)) return std::isfinite(high) ? upper : "";
  if (!std::isfinite(high)) return lower;
  return low_excluded || high_excluded ? lower + ", " + upper : fmt::format("{} to {}", low, high);
}

std::string quote(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto code = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += {'\\', c};
    } else if (code < 0x20 || code == 0x7f) {
      out += fmt::format("\\u{:04X}", code);
    } else {
      out += c;
    }
  }
  return out + "\"";
}

std::string number(double value) {
  const std::string digits = fmt::format("{}", value);
  // "nan" and "inf" are TOML floats as they stand.
  return digits.find_first_of(".en") == std::string::npos ? digits + ".0" : digits;
}

std::string type_name(const Slot& slot) {
  return std::visit(
      Overload{
          [](const bool*) { return std::string("true or false"); },
          [](const std::int64_t*) { return std::string("a whole number"); },
          [](const double*) { return std::string("a number"); },
          [](const std::string*) { return std::string("text in quotes"); },
          [](std::span<double> v) { return fmt::format("an array of {} numbers", v.size()); },
          [](const std::vector<double>*) { return std::string("an array of numbers"); },
          [](const Choice& v) {
            return fmt::format("one of the texts {}", fmt::join(v.names, ", "));
          },
          [](const SectionList&) { return std::string("a list of sections in double brackets"); }},
      slot);
}

std::string to_toml(const Fields& fields) {
  std::string out, section;
  for (const auto& field : fields.fields()) {
    const std::string current = section_of(field.path);
    if (current != section) out += fmt::format("{}[{}]\n", out.empty() ? "" : "\n", current);
    section = current;
    if (const auto* rows = std::get_if<SectionList>(&field.slot)) {
      for (std::size_t i = 0; i < rows->count(); ++i)
        out += fmt::format("\n[[{}]]\n{}", field.path, to_toml(rows->fields(i)));
      continue;
    }
    out += fmt::format("{} = {}\n", key_of(field.path), value_text(field.slot));
  }
  return out;
}

std::vector<FieldText> field_texts(const Fields& fields) {
  std::vector<FieldText> texts;
  for (const auto& field : fields.fields()) texts.push_back(text_of(field));
  return texts;
}

std::string to_markdown(const Fields& fields) {
  std::string out, section = "\n";  // no section has this name
  for (const auto& field : field_texts(fields)) {
    const std::string current = section_of(field.path);
    if (current != section) {
      out += fmt::format("\n## [{}]\n\n{}\n\n", current, help_of(fields, current));
      out += "| key | default | type | allowed | meaning |\n|---|---|---|---|---|\n";
    }
    section = current;
    out += fmt::format("| `{}` | `{}` | {} | {} | {} |\n", key_of(field.path), field.value,
                       field.type, field.allowed, field.help);
  }
  return out;
}

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
