#include "ijepa/comm/agree.hpp"

#include <algorithm>

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

void require_no_problem_on_any_rank(Communicator& comm, const std::string& problem) {
  const auto problems = comm.gather_all(problem);
  const auto is_the_first = [&](const std::string& p) { return p == problems[0]; };
  if (!problems[0].empty() && std::all_of(problems.begin(), problems.end(), is_the_first))
    throw AgreedError(problems[0]);
  std::string list;
  std::size_t found = 0;
  for (std::size_t r = 0; r < problems.size(); ++r) {
    if (problems[r].empty() || ++found > most_shown) continue;
    list += fmt::format("{}rank {}: {}", list.empty() ? "" : "\n", r, problems[r]);
  }
  if (found > most_shown) list += fmt::format("\nand {} ranks more", found - most_shown);
  if (found > 0) throw AgreedError(list);
}

}  // namespace ijepa
