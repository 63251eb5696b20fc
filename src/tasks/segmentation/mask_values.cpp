#include "ijepa/tasks/segmentation/mask_values.hpp"

#include <algorithm>
#include <cstring>
#include <tuple>

#include "ijepa/core/error.hpp"

namespace ijepa {
namespace {

constexpr std::size_t kept = 4096, sent = 64;

bool commoner(const UnknownValue& a, const UnknownValue& b) {
  return std::tuple(-a.pixels, a.code) < std::tuple(-b.pixels, b.code);
}

}  // namespace

std::string value_text(MaskKind masks, std::uint32_t code) {
  if (masks == MaskKind::index) return fmt::format("{}", code);
  const auto c = colour_of(code);
  return fmt::format("({}, {}, {})", c[0], c[1], c[2]);
}

void UnknownValues::merge(const UnknownValue& value) {
  auto [at, fresh] = values_.emplace(value.code, value);
  if (!fresh) {
    const auto place = [](const UnknownValue& v) { return std::tuple(v.pair, v.y, v.x); };
    const auto pixels = at->second.pixels + value.pixels;
    if (place(value) < place(at->second)) at->second = value;
    at->second.pixels = pixels;
  }
  if (values_.size() <= 2 * kept) return;
  const auto best = commonest(kept);
  values_.clear();
  for (const auto& v : best) values_.emplace(v.code, v);
}

void UnknownValues::add(const UnknownValue& value) {
  pixels_ += value.pixels;
  merge(value);
}

void UnknownValues::add(const UnknownValues& others) {
  pixels_ += others.pixels_;
  for (const auto& [code, value] : others.values_) merge(value);
}

std::vector<UnknownValue> UnknownValues::commonest(std::size_t count) const {
  std::vector<UnknownValue> all;
  for (const auto& [code, value] : values_) all.push_back(value);
  const auto n = std::min(count, all.size());
  std::ranges::partial_sort(all, all.begin() + static_cast<std::ptrdiff_t>(n), commoner);
  all.resize(n);
  return all;
}

std::string UnknownValues::packed() const {
  const auto best = commonest(sent);
  std::string bytes(reinterpret_cast<const char*>(&pixels_), sizeof pixels_);
  for (const auto& value : best) bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
  return bytes;
}

void UnknownValues::add_packed(const std::string& bytes) {
  std::int64_t pixels = 0;
  std::memcpy(&pixels, bytes.data(), sizeof pixels);
  pixels_ += pixels;
  for (auto at = sizeof pixels; at < bytes.size(); at += sizeof(UnknownValue)) {
    UnknownValue value;
    std::memcpy(&value, bytes.data() + at, sizeof value);
    merge(value);
  }
}

}  // namespace ijepa
