#include "ijepa/comm/agree.hpp"

#include <algorithm>
#include <new>

namespace ijepa {
namespace {

constexpr std::size_t most_shown = 8;

/// "1, 3 and 120 more".
std::string rank_list(const std::vector<std::size_t>& ranks) {
  const std::size_t shown = std::min(ranks.size(), most_shown);
  std::string list;
  for (std::size_t i = 0; i < shown; ++i) list += fmt::format("{}{}", i > 0 ? ", " : "", ranks[i]);
  if (shown < ranks.size()) list += fmt::format(" and {} more", ranks.size() - shown);
  return list;
}

}  // namespace

void require_equal_on_all_ranks(Communicator& comm, const std::string& what,
                                const std::string& value) {
  const auto values = comm.gather_all(value);
  std::vector<std::size_t> different;
  for (std::size_t r = 0; r < values.size(); ++r) {
    if (values[r] != values[0]) different.push_back(r);
  }
  if (different.empty()) return;
  throw AgreedError(
      fmt::format("The ranks disagree on {}: rank 0 has \"{}\", rank {} has \"{}\" (different from "
                  "rank 0: {}). "
                  "All ranks need the same program, configuration and data.",
                  what, values[0], different[0], values[different[0]], rank_list(different)));
}

std::string joined_problems(const std::vector<std::string>& by_rank) {
  const auto is_the_first = [&](const std::string& p) { return p == by_rank[0]; };
  if (std::all_of(by_rank.begin(), by_rank.end(), is_the_first)) return by_rank[0];
  std::string list;
  std::size_t found = 0;
  for (std::size_t r = 0; r < by_rank.size(); ++r) {
    if (by_rank[r].empty() || ++found > most_shown) continue;
    list += fmt::format("{}rank {}: {}", list.empty() ? "" : "\n", r, by_rank[r]);
  }
  if (found > most_shown) list += fmt::format("\nand {} ranks more", found - most_shown);
  return list;
}

void require_no_problem_on_any_rank(Communicator& comm, const std::string& problem) {
  const std::string all = joined_problems(comm.gather_all(problem));
  if (!all.empty()) throw AgreedError(all);
}

}  // namespace ijepa
