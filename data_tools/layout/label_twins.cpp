#include "data_tools/layout/label_twins.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <string_view>

#include "ijepa/core/error.hpp"
#include "ijepa/core/file.hpp"
#include "ijepa/data/names.hpp"

namespace ijepa::tools {
namespace {

constexpr std::int64_t max_label_bytes = 256;
constexpr std::size_t max_classes = 100'000;
constexpr std::int64_t max_held_bytes = std::int64_t{256} << 20;

/// "tar/00000012" of "tar/00000012.seg.png".
std::string stem_of(const std::string& path) {
  const auto slash = path.rfind('/');
  const auto begin = slash == std::string::npos ? 0 : slash + 1;
  return path.substr(0, path.find('.', begin));
}

bool holds_label(const SourceEntry& entry) {
  return !entry.is_directory && entry.problem.empty() && is_label_twin(entry.path) &&
         entry.bytes <= max_label_bytes && !has_hidden_part(entry.path);
}

/// The label that the bytes are, "" for none.
std::string text_of(const Payload& payload) {
  std::string text(payload.bytes.begin(), payload.bytes.end());
  if (!payload.problem.empty()) return "";
  try {
    if (!payload.file.empty()) text = read_text_file(payload.file);
  } catch (const Error&) {
    return "";  // the packer names the file that cannot be read
  }
  constexpr const char* blanks = " \t\r\n";
  const auto begin = text.find_first_not_of(blanks);
  if (begin == std::string::npos) return "";
  return utf8_name(text.substr(begin, text.find_last_not_of(blanks) + 1 - begin));
}

std::string_view without_ending(std::string_view path) {
  return path.substr(0, path.rfind('.'));
}

/// By the longest name that a label and the file have in common; a single label is that of all.
std::string label_of(std::string_view path,
                     const std::map<std::string, std::string, std::less<>>& labels) {
  if (labels.size() == 1) return labels.begin()->second;
  while (path.find('.', path.rfind('/') + 1) != std::string_view::npos) {
    path = without_ending(path);
    if (const auto at = labels.find(path); at != labels.end()) return at->second;
  }
  return "";
}

bool is_number(const std::string& text) {
  return !text.empty() && text.size() < 10 &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

bool is_label_twin(const std::string& path) {
  return path.ends_with(".cls");
}

void TwinClasses::add(const SourceEntry& entry, Source& source) {
  if (entry.is_directory) return;
  if (auto stem = stem_of(entry.path); stem != stem_) {
    alone_ = alone();
    stem_ = std::move(stem);
    of_stem_ = 0;
    has_other_ = false;
  }
  if (holds_label(entry))
    ++of_stem_;
  else
    has_other_ = true;
  if (too_many_ || !holds_label(entry)) return;
  if (auto text = text_of(source.fetch()); !text.empty()) names_.insert(std::move(text));
  too_many_ = names_.size() > max_classes;
  if (too_many_) names_.clear();
}

std::vector<std::string> TwinClasses::names() const {
  std::vector<std::string> names(names_.begin(), names_.end());
  if (std::all_of(names.begin(), names.end(), is_number))
    std::stable_sort(names.begin(), names.end(),
                     [](const auto& a, const auto& b) { return std::stol(a) < std::stol(b); });
  return names;
}

bool TwinSource::next(SourceEntry& entry) {
  if (group_.empty() && !ended_) read_group();
  if (group_.empty()) return false;
  current_ = std::move(group_.front());
  group_.pop_front();
  entry = current_.entry;
  return true;
}

Payload TwinSource::fetch() {
  return std::move(current_.payload);
}

void TwinSource::read_group() {
  std::map<std::string, std::string, std::less<>> labels;  // by their paths without .cls
  std::int64_t bytes = 0;
  for (;;) {
    if (!has_ahead_) {
      ended_ = !source_->next(ahead_.entry);
      if (ended_) break;
      ahead_.payload = {};
      // What is too large for an image is not held; it is listed by its size.
      if (!ahead_.entry.is_directory && ahead_.entry.problem.empty() &&
          ahead_.entry.bytes <= max_held_bytes)
        ahead_.payload = source_->fetch();
    }
    has_ahead_ = true;
    // Some archives tell a member's size only behind it.
    const auto held = std::max<std::int64_t>(ahead_.entry.bytes, std::ssize(ahead_.payload.bytes));
    // A group that is no group, as of files named ".jpg", is cut: memory is bounded.
    if (!group_.empty() && (stem_of(ahead_.entry.path) != stem_of(group_.front().entry.path) ||
                            bytes + held > max_held_bytes))
      break;
    if (holds_label(ahead_.entry))
      labels[std::string(without_ending(ahead_.entry.path))] = text_of(ahead_.payload);
    bytes += held;
    group_.push_back(std::move(ahead_));
    has_ahead_ = false;
  }
  for (auto& held : group_) held.entry.label = label_of(held.entry.path, labels);
}

}  // namespace ijepa::tools
