// Hit sheet: queries and their nearest images as one picture.
#pragma once
#include <string>
#include <vector>

#include "ijepa/data/image.hpp"

namespace ijepa {

enum class Match : std::uint8_t { unknown, same, other };

/// Hits of a query with what is known of their classes.
struct HitGroup {
  std::vector<Image> hits;
  std::vector<Match> matches;
};

/// A row of the sheet: the query, then its hits, by one kind of features or by several.
struct HitRow {
  Image query;
  std::vector<HitGroup> groups;
};

/// A PNG: a row a query, framed black; hits framed green for the query's class, red for another,
/// grey where a class is not known.
void write_hit_sheet(const std::vector<HitRow>& rows, const std::string& path);

}  // namespace ijepa
