#include "ijepa/comm/placement.hpp"

#include <algorithm>
#include <charconv>
#include <map>
#include <set>

#include "roll_call.hpp"

namespace ijepa {
namespace {

constexpr char separator = '\t';

std::vector<std::string> split(const std::string& text, char at) {
  std::vector<std::string> parts(1);
  for (const char c : text) {
    if (c == at) {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

std::string to_text(const RankPlace& place) {
  return fmt::format("{1}{0}{2}{0}{3}{0}{4}", separator, place.host, fmt::join(place.cores, ","),
                     place.device, place.gpu);
}

RankPlace parse(const std::string& text) {
  const auto fields = split(text, separator);
  check(fields.size() == 4, "A rank describes itself as \"{}\".", text);
  RankPlace place{fields[0], {}, fields[2], fields[3]};
  for (const std::string& number : split(fields[1], ',')) {
    int core = 0;
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), core);
    if (error == std::errc{}) place.cores.push_back(core);
  }
  return place;
}

/// Ranks with one line of the table, and what they have between them.
struct Line {
  std::vector<int> ranks;
  std::vector<std::string> hosts;
  std::set<int> cores;
  std::size_t cores_each = 0;
  std::string device;
};

std::string text_of(const Line& line) {
  constexpr std::size_t most_hosts = 4;
  std::string hosts = line.hosts[0];
  for (std::size_t i = 1; i < std::min(line.hosts.size(), most_hosts); ++i)
    hosts += ", " + line.hosts[i];
  if (line.hosts.size() > most_hosts) hosts += fmt::format(", ... {}", line.hosts.back());
  if (line.hosts.size() > 1) hosts = fmt::format("{} hosts ({})", line.hosts.size(), hosts);
  const std::vector<int> cores(line.cores.begin(), line.cores.end());
  return fmt::format(
      "rank{} {}: {}, {}, on core{} {}{}", line.ranks.size() > 1 ? "s" : "",
      rank_ranges(line.ranks), hosts, line.device, cores.size() == 1 ? "" : "s", rank_ranges(cores),
      line.cores_each == cores.size() ? "" : fmt::format(", {} each", line.cores_each));
}

/// The ranks of one host that have the same device and as many cores.
std::vector<Line> lines_of_hosts(const std::vector<RankPlace>& places) {
  std::vector<Line> lines;
  std::map<std::tuple<std::string, std::string, std::size_t>, std::size_t> index;
  for (std::size_t rank = 0; rank < places.size(); ++rank) {
    const RankPlace& p = places[rank];
    const auto [at, is_new] = index.try_emplace({p.host, p.device, p.cores.size()}, lines.size());
    if (is_new) lines.push_back({{}, {p.host}, {}, p.cores.size(), p.device});
    Line& line = lines[at->second];
    line.ranks.push_back(static_cast<int>(rank));
    line.cores.insert(p.cores.begin(), p.cores.end());
  }
  return lines;
}

}  // namespace

std::vector<RankPlace> gather_places(Communicator& comm, const RankPlace& mine) {
  std::vector<RankPlace> places;
  for (const std::string& text : comm.gather_all(to_text(mine))) places.push_back(parse(text));
  return places;
}

int local_rank_of(const std::vector<RankPlace>& places, int rank) {
  const auto begin = places.begin(), own = begin + rank;
  return static_cast<int>(
      std::count_if(begin, own, [&](const RankPlace& p) { return p.host == own->host; }));
}

int ranks_on_host(const std::vector<RankPlace>& places, int rank) {
  const std::string& host = places[static_cast<std::size_t>(rank)].host;
  return static_cast<int>(std::count_if(places.begin(), places.end(),
                                        [&](const RankPlace& p) { return p.host == host; }));
}

std::vector<int> share_of_cores(const std::vector<RankPlace>& places, int rank, int threads) {
  const RankPlace& own = places[static_cast<std::size_t>(rank)];
  std::size_t neighbours = 0;
  for (const RankPlace& p : places) {
    if (p.host != own.host) continue;
    ++neighbours;
    if (p.cores != own.cores) return {};  // the launcher has told them apart
  }
  const std::size_t n = own.cores.size();
  if (neighbours < 2 || n / neighbours < static_cast<std::size_t>(std::max(threads, 1))) return {};
  const auto l = static_cast<std::size_t>(local_rank_of(places, rank));
  const auto at = [&](std::size_t part) {
    return own.cores.begin() + static_cast<std::ptrdiff_t>(n * part / neighbours);
  };
  return {at(l), at(l + 1)};
}

std::string shared_gpu_problem(const std::vector<RankPlace>& places) {
  std::map<std::pair<std::string, std::string>, std::size_t> users;
  for (std::size_t rank = 0; rank < places.size(); ++rank) {
    const RankPlace& p = places[rank];
    if (p.gpu.empty()) continue;
    const auto [at, is_new] = users.try_emplace({p.host, p.gpu}, rank);
    if (!is_new)
      return fmt::format(
          "Ranks {} and {} on {} would use the same GPU ({}): start as many ranks on a node as it "
          "has GPUs for them (Slurm: --ntasks-per-node equal to --gpus-per-node).",
          at->second, rank, p.host, p.gpu);
  }
  return {};
}

std::vector<std::string> table_of(const std::vector<RankPlace>& places) {
  std::vector<Line> lines;
  for (const Line& next : lines_of_hosts(places)) {
    const auto same = std::find_if(lines.begin(), lines.end(), [&](const Line& line) {
      return line.device == next.device && line.cores == next.cores &&
             line.cores_each == next.cores_each &&
             line.ranks.size() / line.hosts.size() == next.ranks.size();
    });
    if (same == lines.end()) {
      lines.push_back(next);
      continue;
    }
    same->ranks.insert(same->ranks.end(), next.ranks.begin(), next.ranks.end());
    same->hosts.push_back(next.hosts[0]);
  }
  std::vector<std::string> texts;
  for (const Line& line : lines) texts.push_back(text_of(line));
  return texts;
}

}  // namespace ijepa
