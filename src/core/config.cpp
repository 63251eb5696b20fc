#include "ijepa/core/config.hpp"

#include <toml++/toml.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <fstream>
#include <numeric>
#include <sstream>

#include "config_text.hpp"
#include "ijepa/core/error.hpp"

namespace ijepa {
namespace {

/// What a TOML node is, in the words of the messages.
std::string describe_node(const toml::node& node) {
  if (node.is_table()) return "a section";
  if (const auto* array = node.as_array()) {
    return fmt::format("an array of {} values", array->size());
  }
  if (const auto text = node.value_exact<std::string>()) return "the text " + quote(*text);
  if (const auto flag = node.value_exact<bool>()) return *flag ? "true" : "false";
  if (const auto whole = node.value_exact<std::int64_t>())
    return fmt::format("the integer {}", *whole);
  if (const auto real = node.value_exact<double>()) return "the number " + number(*real);
  return "a date or time";
}

/// Edit distance of Levenshtein with single-letter insertions, deletions and substitutions.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t substituted = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({row[j] + 1, row[j + 1] + 1, substituted});
    }
  }
  return row[b.size()];
}

std::string_view last_part(std::string_view path) {
  return path.substr(path.rfind('.') + 1);
}

/// The nearest of `names`, as "; did you mean X?", or a pointer to `page` when none is near. The
/// right key in the wrong section counts as one edit.
std::string suggestion(const std::string& wrong, const std::vector<std::string>& names,
                       const std::string& page) {
  // Names as long as a file can make them cannot be near anything, and would take quadratic time.
  constexpr std::size_t longest_name = 100;
  std::size_t best = std::max<std::size_t>(2, last_part(wrong).size() / 3) + 1;
  std::string nearest;
  for (const auto& name : names) {
    if (wrong.size() > longest_name) break;
    const std::size_t whole = edit_distance(wrong, name);
    const std::size_t moved = 1 + edit_distance(last_part(wrong), last_part(name));
    const std::size_t distance = std::min(whole, moved);
    if (distance < best) best = distance, nearest = name;
  }
  if (nearest.empty()) return page.empty() ? "." : fmt::format("; {} lists all keys", page);
  return fmt::format("; did you mean {}?", nearest);
}

/// Reads one parsed document into fields; `origin` names it ("file.toml" or "--set").
class Reader {
 public:
  Reader(const Fields& fields, std::string origin) : fields_(fields), origin_(std::move(origin)) {}

  void read(const toml::table& table, const std::string& prefix = "") const {
    for (const auto& [key, node] : table) {
      const std::string path = prefix + std::string(key.str());
      const std::string where = place(node.source().begin.line);
      if (const Field* field = find(path)) {
        store(*field, node, where);
      } else if (is_section(path)) {
        const auto* inner = node.as_table();
        check(inner != nullptr, "{}: {} is a section, written [{}], but here it is {}.", where,
              path, path, describe_node(node));
        read(*inner, path + ".");
      } else {
        fail("{}: {} is not a known key{}", where, path, suggestion(path, names(), fields_.page()));
      }
    }
  }

  void store(const Field& field, const toml::node& node, const std::string& where) const {
    const bool stored =
        std::visit([&](const auto& slot) { return put(slot, field, node, where); }, field.slot);
    check(stored, "{}: {} must be {}, but here it is {}.", where, field.path, type_name(field.slot),
          describe_node(node));
  }

  const Field* find(const std::string& path) const {
    const auto& all = fields_.fields();
    const auto at = std::find_if(all.begin(), all.end(), [&](auto& f) { return f.path == path; });
    return at == all.end() ? nullptr : &*at;
  }

  bool is_section(const std::string& path) const {
    const auto& all = fields_.sections();
    return std::any_of(all.begin(), all.end(), [&](auto& s) { return s.first == path; });
  }

  std::vector<std::string> names() const {
    std::vector<std::string> all;
    for (const auto& field : fields_.fields()) all.push_back(field.path);
    for (const auto& section : fields_.sections()) all.push_back(section.first);
    return all;
  }

 private:
  std::string place(std::uint32_t line) const {
    return origin_ == "--set" ? origin_ : fmt::format("{}:{}", origin_, line);
  }

  // Each put() is false when the node has another type, and throws when the value is not allowed.
  bool put(bool* slot, const Field&, const toml::node& node, const std::string&) const {
    const auto value = node.value_exact<bool>();
    if (value) *slot = *value;
    return value.has_value();
  }
  bool put(std::int64_t* slot, const Field& field, const toml::node& node,
           const std::string& where) const {
    const auto value = node.value_exact<std::int64_t>();
    if (!value) return false;
    check_range(field, static_cast<double>(*value), fmt::format("{}", *value), where);
    *slot = *value;
    return true;
  }
  bool put(double* slot, const Field& field, const toml::node& node,
           const std::string& where) const {
    if (!node.is_number()) return false;
    const double value = *node.value<double>();
    check_range(field, value, number(value), where);
    *slot = value;
    return true;
  }
  bool put(std::string* slot, const Field&, const toml::node& node, const std::string&) const {
    const auto value = node.value_exact<std::string>();
    if (value) *slot = *value;
    return value.has_value();
  }
  bool put(std::span<double> slot, const Field& field, const toml::node& node,
           const std::string& where) const {
    const auto* array = node.as_array();
    if (array == nullptr || array->size() != slot.size()) return false;
    for (const auto& item : *array) {
      if (!item.is_number()) return false;
      check_range(field, *item.value<double>(), number(*item.value<double>()), where);
    }
    for (std::size_t i = 0; i < slot.size(); ++i) slot[i] = *(*array)[i].value<double>();
    return true;
  }
  bool put(std::vector<double>* slot, const Field& field, const toml::node& node,
           const std::string& where) const {
    const auto* array = node.as_array();
    if (array == nullptr || array->empty()) return false;
    std::vector<double> values(array->size());
    if (!put(std::span<double>(values), field, node, where)) return false;
    *slot = std::move(values);
    return true;
  }
  bool put(const Choice& choice, const Field& field, const toml::node& node,
           const std::string& where) const {
    const auto value = node.value_exact<std::string>();
    if (!value) return false;
    const auto at = std::find(choice.names.begin(), choice.names.end(), *value);
    check(at != choice.names.end(), "{}: {} = {} is not one of {}.", where, field.path,
          quote(*value), fmt::join(choice.names, ", "));
    choice.set(static_cast<std::size_t>(at - choice.names.begin()));
    return true;
  }

  bool put(const SectionList& rows, const Field&, const toml::node& node,
           const std::string&) const {
    const auto* array = node.as_array();
    if (array == nullptr ||
        !std::all_of(array->begin(), array->end(), [](auto& row) { return row.is_table(); }))
      return false;
    rows.resize(array->size());
    for (std::size_t i = 0; i < array->size(); ++i) {
      const Fields row = rows.fields(i);
      Reader(row, origin_).read(*(*array)[i].as_table());
    }
    return true;
  }

  static void check_range(const Field& field, double value, const std::string& shown,
                          const std::string& where) {
    check(std::isfinite(value) && field.range.contains(value),
          "{}: {} = {} is not allowed; it must be {}.", where, field.path, shown,
          field.range.text().empty() ? "finite" : field.range.text());
  }

  const Fields& fields_;
  std::string origin_;
};

constexpr std::size_t most_text_bytes = std::size_t{1} << 20;

std::string trimmed(const std::string& text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string::npos) return "";
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

/// The library's explanation on one line.
std::string one_line(std::string_view text) {
  std::istringstream words{std::string(text)};
  std::string word, line;
  while (words >> word) line += (line.empty() ? "" : " ") + word;
  return line;
}

}  // namespace

void read_toml(const Fields& fields, std::string_view text, const std::string& file) {
  check(text.size() <= most_text_bytes, "{} is no configuration: it has more than {} bytes.", file,
        most_text_bytes);
  check_key_parts(text, file);
  toml::table table;
  try {
    table = toml::parse(text, file);
  } catch (const toml::parse_error& error) {
    fail("{}:{}: this is not valid TOML: {}.", file, error.source().begin.line,
         one_line(error.description()));
  }
  Reader(fields, file).read(table);
}

void read_toml_file(const Fields& fields, const std::string& file) {
  std::ifstream stream(file, std::ios::binary);
  check(stream.is_open(), "The configuration {} cannot be opened: {}.", file, std::strerror(errno));
  std::string text(most_text_bytes + 1, '\0');  // a device or pipe may have no end
  stream.read(text.data(), std::ssize(text));
  text.resize(static_cast<std::size_t>(stream.gcount()));
  // Reading a folder opens well and fails here.
  check(!stream.bad() && !text.empty(), "The configuration {} cannot be read or is empty.", file);
  read_toml(fields, text, file);
}

std::string value_of(const Fields& fields, const std::string& path) {
  const Reader reader(fields, "");
  const Field* field = reader.find(path);
  check(field != nullptr, "{} is not a known key{}", path,
        suggestion(path, reader.names(), fields.page()));
  if (const auto* text = std::get_if<std::string*>(&field->slot)) return **text;
  if (const auto* choice = std::get_if<Choice>(&field->slot)) return choice->names[choice->get()];
  return value_text(field->slot);
}

void apply_override(const Fields& fields, const std::string& assignment) {
  const auto equals = assignment.find('=');
  check(equals != std::string::npos && equals > 0,
        "--set {}: write --set section.key=value, for example --set optim.epochs=10.", assignment);
  const std::string path = trimmed(assignment.substr(0, equals));
  std::string value = trimmed(assignment.substr(equals + 1));
  const Reader reader(fields, "--set");
  const Field* field = reader.find(path);
  check(!reader.is_section(path),
        "--set: {} is a section; name one of its keys, as in {}.key=value.", path, path);
  check(field != nullptr, "--set: {} is not a known key{}", path,
        suggestion(path, reader.names(), fields.page()));
  const bool is_text = std::holds_alternative<std::string*>(field->slot) ||
                       std::holds_alternative<Choice>(field->slot);
  const bool quoted = value.starts_with('"') || value.starts_with('\'');
  if (is_text && !quoted) value = quote(value);
  check_key_parts(value, "--set");
  toml::table table;
  try {
    table = toml::parse("value = " + value);
  } catch (const toml::parse_error&) {
    check(
        !is_text || quoted,
        "--set: {} is no text in UTF-8, which settings are. Of a file or folder with such a name, "
        "give a link to it.",
        path);
    fail("--set: {} must be {}, but here it is {}.", path, type_name(field->slot), value);
  }
  // A line break inside the value could otherwise bring in further keys.
  check(table.size() == 1 && table.contains("value"), "--set: {} takes one value.", path);
  reader.store(*field, *table.get("value"), "--set");
}

}  // namespace ijepa
