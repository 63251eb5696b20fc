#include <algorithm>

#include "ijepa/core/error.hpp"
#include "ijepa/tasks/search/search.hpp"

namespace ijepa {

std::string as_text(const SearchResult& result) {
  constexpr std::size_t most_shown = 10;
  auto text = fmt::format(
      "cosine similarity, how many of {} random pairs are less alike (half are above {:.4f}), "
      "image\n",
      result.scale->pairs(), result.scale->median());
  for (std::size_t q = 0; q < std::min(most_shown, result.hits.size()); ++q) {
    text += result.queries[q] + "\n";
    for (const auto& hit : result.hits[q])
      text += fmt::format("  {:.4f}  {:6.2f} %  {}\n", hit.similarity,
                          100 * result.scale->below(hit.similarity),
                          result.keys[static_cast<std::size_t>(hit.image)]);
  }
  if (result.hits.size() > most_shown)
    text += fmt::format("... and {} more queries\n", result.hits.size() - most_shown);
  for (std::size_t i = 0; i < result.precision.size(); ++i) {
    const auto& p = result.precision[i];
    text += fmt::format("precision@{:<4} {:.1f} %", p.k, 100 * p.share);
    if (!result.beside.empty())
      text += fmt::format(", by the features beside {:.1f} %", 100 * result.beside[i].share);
    text += fmt::format(" (chance {:.1f} %)\n", 100 * result.chance);
  }
  return text;
}

}  // namespace ijepa
