#include "film_matrix.hpp"

#include <cmath>
#include <cstdint>

#include "ijepa/core/error.hpp"
#include "ijepa/core/file.hpp"

namespace ijepa {
namespace {

/// A range of the file's bytes. Reads beyond it give zeros.
struct BoxRange {
  const File* file;
  std::int64_t begin, end;

  std::uint64_t number(std::int64_t at, int bytes) const {
    std::array<std::uint8_t, 8> raw{};
    if (at < 0 || at > end - begin - bytes) return 0;
    file->read(begin + at, raw.data(), static_cast<std::size_t>(bytes));
    std::uint64_t value = 0;
    for (int i = 0; i < bytes; ++i) value = value << 8 | raw[static_cast<std::size_t>(i)];
    return value;
  }
};

constexpr std::uint32_t name_of(const char (&text)[5]) {
  std::uint32_t name = 0;
  for (int i = 0; i < 4; ++i) name = name << 8 | static_cast<std::uint8_t>(text[i]);
  return name;
}

/// Calls visit(name, content) for each box until it returns true, and returns whether it did.
template <class Visit>
bool for_boxes(const BoxRange& outer, const Visit& visit) {
  for (std::int64_t at = 0; at + 8 <= outer.end - outer.begin;) {
    auto size = static_cast<std::int64_t>(outer.number(at, 4));
    const auto name = static_cast<std::uint32_t>(outer.number(at + 4, 4));
    std::int64_t head = 8;
    if (size == 1) {
      size = static_cast<std::int64_t>(outer.number(at + 8, 8));
      head = 16;
    } else if (size == 0) {  // up to the end
      size = outer.end - outer.begin - at;
    }
    if (size < head || size > outer.end - outer.begin - at) return false;
    const auto begin = outer.begin + at;
    if (visit(name, BoxRange{outer.file, begin + head, begin + size})) return true;
    at += size;
  }
  return false;
}

bool is_film(const BoxRange& media) {
  return for_boxes(media, [](std::uint32_t name, const BoxRange& box) {
    return name == name_of("hdlr") && box.number(8, 4) == name_of("vide");
  });
}

int orientation_in(const BoxRange& track_header) {
  const bool long_times = track_header.number(0, 1) == 1;
  const std::int64_t at = long_times ? 52 : 40;
  const auto entry = [&](int i) {
    const auto raw = static_cast<std::int32_t>(track_header.number(at + std::int64_t{4} * i, 4));
    return raw / 65536.0;
  };
  return orientation_of({entry(0), entry(1), entry(3), entry(4)});
}

/// Of a track if it is a film.
std::optional<int> of_track(const BoxRange& track) {
  std::optional<int> orientation;
  bool film = false;
  for_boxes(track, [&](std::uint32_t name, const BoxRange& box) {
    if (name == name_of("tkhd")) orientation = orientation_in(box);
    if (name == name_of("mdia")) film = is_film(box);
    return false;
  });
  return film ? orientation : std::nullopt;
}

}  // namespace

int orientation_of(const std::array<double, 4>& abcd) {
  const auto [a, b, c, d] = abcd;
  if (std::abs(b) + std::abs(c) > std::abs(a) + std::abs(d))
    return b > 0 ? (c > 0 ? 5 : 6) : (c > 0 ? 8 : 7);
  return a >= 0 ? (d >= 0 ? 1 : 4) : (d >= 0 ? 2 : 3);
}

std::optional<int> film_orientation(const std::string& path) {
  const File file(path, File::Mode::read);
  std::optional<int> found;
  for_boxes({&file, 0, file.size()}, [&](std::uint32_t name, const BoxRange& movie) {
    return name == name_of("moov") &&
           for_boxes(movie, [&](std::uint32_t inner, const BoxRange& track) {
             if (inner == name_of("trak")) found = of_track(track);
             return found.has_value();
           });
  });
  return found;
}

}  // namespace ijepa
