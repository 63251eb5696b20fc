// Hit sheet: queries and their nearest images as one picture.
#pragma once
#include <string>
#include <vector>

#include "ijepa/data/images/image.hpp"

namespace ijepa {

enum class Match : std::uint8_t { unknown, same, other };

struct NamedImage {
  Image picture;
  std::string key, class_name;  // class_name empty: not known
};

struct ShownHit {
  NamedImage image;
  Match match = Match::unknown;      // of its class with the query's
  double similarity = 0, below = 0;  // the share of random pairs that are less alike
};

/// A row of the sheet: the query, then its hits, by one kind of features or by several.
struct HitRow {
  NamedImage query;
  std::vector<std::vector<ShownHit>> groups;
};

/// A PNG: a row a query, framed black; hits framed green for the query's class, red for another,
/// grey where a class is not known, above their classes, keys and similarities. `groups` names the
/// kinds of features.
void write_hit_sheet(const std::vector<HitRow>& rows, const std::vector<std::string>& groups,
                     const std::string& path);

}  // namespace ijepa
