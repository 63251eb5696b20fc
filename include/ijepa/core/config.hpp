// Typed settings: one list of fields a struct reads TOML, checks types and ranges, refuses unknown
// keys, applies `--set a.b=c`, prints what ran and writes the reference page. A struct takes part
// by a free function describe(Settings&, Fields&) that names every member once.
#pragma once
#include <array>
#include <cstdint>
#include <functional>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace ijepa {

/// Bounds of a number, inclusive unless marked.
struct Range {
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
  bool low_excluded = false;
  bool high_excluded = false;

  bool contains(double value) const {
    return (low_excluded ? value > low : value >= low) &&
           (high_excluded ? value < high : value <= high);
  }
  /// "0 to 1", "at least 0, below 1", "above 0", or "" without bounds.
  std::string text() const;
};
constexpr Range at_least(double low) {
  return {.low = low};
}
constexpr Range above(double low) {
  return {.low = low, .low_excluded = true};
}
constexpr Range between(double low, double high) {
  return {.low = low, .high = high};
}
/// At least zero and below `high`.
constexpr Range below(double high) {
  return {.low = 0, .high = high, .high_excluded = true};
}
/// Above zero and at most `high`.
constexpr Range up_to(double high) {
  return {.low = 0, .high = high, .low_excluded = true};
}

/// A member that takes one of a few named values.
struct Choice {
  std::vector<std::string> names;
  std::function<std::size_t()> get;  // index into names
  std::function<void(std::size_t)> set;
};

class Fields;

/// A member that is a list of structs, each described like any other: [[key]] in TOML.
struct SectionList {
  std::function<std::size_t()> count;
  std::function<Fields(std::size_t)> fields;  // of one of them
  std::function<void(std::size_t)> resize;    // to so many with default values
};

/// Where the value of a field lives: a member of the described struct, or a row of numbers of a
/// fixed length or of any.
using Slot = std::variant<bool*, std::int64_t*, double*, std::string*, std::span<double>,
                          std::vector<double>*, Choice, SectionList>;

struct Field {
  std::string path;  // "section.key"
  Slot slot;
  Range range;
  std::string help;
};

/// The fields of one described struct, in the order in which they are printed. Refers to the
/// struct.
class Fields {
 public:
  void operator()(std::string_view key, bool& value, std::string_view help) {
    add(key, &value, {}, help);
  }
  void operator()(std::string_view key, std::int64_t& value, Range range, std::string_view help) {
    add(key, &value, range, help);
  }
  void operator()(std::string_view key, double& value, Range range, std::string_view help) {
    add(key, &value, range, help);
  }
  void operator()(std::string_view key, std::string& value, std::string_view help) {
    add(key, &value, {}, help);
  }
  template <std::size_t n>
  void operator()(std::string_view key, std::array<double, n>& values, Range range,
                  std::string_view help) {
    add(key, std::span<double>(values), range, help);
  }

  void operator()(std::string_view key, std::vector<double>& values, Range range,
                  std::string_view help) {
    add(key, &values, range, help);
  }

  /// `table` lists the names a file may use and what each stands for.
  template <class T>
  void choice(std::string_view key, T& value, std::vector<std::pair<std::string, T>> table,
              std::string_view help) {
    Choice choice;
    for (const auto& row : table) choice.names.push_back(row.first);
    choice.get = [&value, table] {
      std::size_t i = 0;
      while (i + 1 < table.size() && table[i].second != value) ++i;
      return i;
    };
    choice.set = [&value, table](std::size_t i) { value = table[i].second; };
    choice_of(key, std::move(choice), help);
  }
  /// The same where a choice is not kept as one value.
  void choice_of(std::string_view key, Choice choice, std::string_view help) {
    add(key, std::move(choice), {}, help);
  }

  /// A list of structs that have a describe() of their own, without sections. Comes last in its
  /// section, as TOML wants it.
  template <class Row>
  void rows(std::string_view key, std::vector<Row>& values, std::string_view help);

  /// Adds the fields of `part` under `key.`; `help` introduces the section in the reference page.
  template <class Part>
  void section(std::string_view key, Part& part, std::string_view help) {
    const std::string outer = prefix_;
    prefix_ += std::string(key) + ".";
    sections_.emplace_back(prefix_.substr(0, prefix_.size() - 1), help);
    describe(part, *this);
    prefix_ = outer;
  }

  /// Where all keys are listed, for who is told that one is unknown: "docs/configuration.md".
  void listed_in(std::string_view page) { page_ = page; }

  const std::string& page() const { return page_; }
  const std::vector<Field>& fields() const { return fields_; }
  /// Dotted name and help of every section.
  const std::vector<std::pair<std::string, std::string>>& sections() const { return sections_; }

 private:
  void add(std::string_view key, Slot slot, Range range, std::string_view help) {
    fields_.push_back({prefix_ + std::string(key), std::move(slot), range, std::string(help)});
  }

  std::string prefix_, page_;
  std::vector<Field> fields_;
  std::vector<std::pair<std::string, std::string>> sections_;
};

/// Reads TOML `text` into the fields; those it does not name keep their values. Throws Error with
/// `file`, the line, the key and what was expected for broken syntax, unknown keys (with the
/// nearest right name), wrong types and values out of range. Integers are accepted where a float is
/// wanted. Refused, too: above 1 MiB, keys of more than 8 parts, values of more than 256 levels.
void read_toml(const Fields& fields, std::string_view text, const std::string& file);

/// The same for a file on disk.
void read_toml_file(const Fields& fields, const std::string& file);

/// Applies one "a.b=c" as given to --set: c is a TOML value, but text needs no quotes.
void apply_override(const Fields& fields, const std::string& assignment);

/// The value of one field, text without quotes. An Error suggests the nearest right name.
std::string value_of(const Fields& fields, const std::string& path);

/// Every field as TOML that read_toml() turns into identical values.
std::string to_toml(const Fields& fields);

/// The reference page: a table of key, type, default, allowed values and meaning for each section.
std::string to_markdown(const Fields& fields);

/// The fields of `settings`, which must outlive the result.
template <class Settings>
Fields fields_of(Settings& settings) {
  Fields fields;
  describe(settings, fields);
  return fields;
}

template <class Row>
void Fields::rows(std::string_view key, std::vector<Row>& values, std::string_view help) {
  add(key,
      SectionList{.count = [&values] { return values.size(); },
                  .fields = [&values](std::size_t i) { return fields_of(values[i]); },
                  .resize = [&values](std::size_t n) { values.assign(n, Row{}); }},
      {}, help);
}

/// Defaults, then the file, then the overrides in their order.
template <class Settings>
Settings load_settings(const std::string& file, const std::vector<std::string>& overrides) {
  Settings settings;
  const Fields fields = fields_of(settings);
  read_toml_file(fields, file);
  for (const auto& assignment : overrides) apply_override(fields, assignment);
  return settings;
}

}  // namespace ijepa
