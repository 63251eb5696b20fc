#include "data_tools/sources/archive_links.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "ijepa/data/names.hpp"

namespace ijepa::tools {
namespace {

constexpr int most_steps = 40;  // from link to link, as Linux allows
// Names of one file through links in linked folders; hostile archives could make any number.
constexpr std::size_t most_chained = 4096;

bool lies_in(std::string_view path, std::string_view folder) {
  return path == folder || (path.starts_with(folder) && path[folder.size()] == '/');
}

/// Calls `each` with every folder on the way to `path` and with itself, until it returns true.
template <class Each>
bool any_ancestor(const std::string& path, const Each& each) {
  for (std::size_t end = path.find('/');; end = path.find('/', end + 1)) {
    if (each(path.substr(0, end))) return true;
    if (end == std::string::npos) return false;
  }
}

}  // namespace

std::string normal_path(std::string_view name) {
  std::vector<std::string_view> parts;
  for (std::size_t begin = 0; begin < name.size();) {
    const auto end = std::min(name.find('/', begin), name.size());
    const auto part = name.substr(begin, end - begin);
    begin = end + 1;
    if (part.empty() || part == ".") continue;
    if (part == ".." && !parts.empty() && parts.back() != "..")
      parts.pop_back();
    else
      parts.push_back(part);
  }
  std::string path;
  for (const auto part : parts) path.append(path.empty() ? "" : "/").append(part);
  return path;
}

void ArchiveLinks::add(std::string path, std::string target) {
  targets_[std::move(path)] = std::move(target);
}

void ArchiveLinks::remove(const std::string& path) {
  targets_.erase(path);
}

std::string ArchiveLinks::followed(std::string path) const {
  for (int step = 0; step < most_steps; ++step) {
    if (path.size() > longest_path) return path.substr(0, longest_path);  // no member has that name
    const bool again = any_ancestor(path, [&](const std::string& folder) {
      const auto link = targets_.find(folder);
      if (link == targets_.end()) return false;
      path = normal_path(link->second + path.substr(folder.size()));
      return true;
    });
    if (!again) return path;
  }
  return "";
}

void ArchiveLinks::resolve() {
  for (const auto& [link, target] : targets_) {
    const std::string end = leads_out(target) ? target : followed(target);
    if (leads_out(end))
      problems_[link] = "a link that leads out of the archive";
    else if (end.empty() || lies_in(link, end))
      problems_[link] = "a link to itself or a folder above it";
    else
      links_to_[end].push_back(link);
  }
}

std::vector<std::string> ArchiveLinks::names_of(const std::string& member) {
  struct Name {
    std::string path;
    std::set<std::string> through;  // links, none of which is gone through again
  };
  std::vector<Name> names{{member, {}}};
  std::set<std::string> seen{member};
  bool full = false;
  for (std::size_t i = 0; i < names.size() && !full; ++i) {
    const Name from = names[i];
    any_ancestor(from.path, [&](const std::string& folder) {
      const auto links = links_to_.find(folder);
      if (links == links_to_.end()) return false;
      used_.insert(folder);
      for (const auto& link : links->second) {
        std::string other = link + from.path.substr(folder.size());
        if (other.size() > longest_path || from.through.contains(link) ||
            !seen.insert(other).second)
          continue;
        full = i > 0 && names.size() >= most_chained;
        if (full) {
          problems_[other] = fmt::format(
              "one of more than {} names of one file through links, of which others are left out "
              "as well",
              most_chained);
          return true;
        }
        names.push_back({std::move(other), from.through});
        names.back().through.insert(link);
      }
      return false;
    });
  }
  std::vector<std::string> paths;
  for (std::size_t i = 1; i < names.size(); ++i) paths.push_back(std::move(names[i].path));
  return paths;
}

std::vector<ArchiveLinks::Dead> ArchiveLinks::dead() const {
  std::vector<Dead> dead;
  for (const auto& [link, problem] : problems_) dead.push_back({link, problem});
  for (const auto& [target, links] : links_to_)
    if (!used_.contains(target))
      for (const auto& link : links)
        dead.push_back({link, "a link to what the archive does not hold"});
  std::sort(dead.begin(), dead.end(), [](const auto& a, const auto& b) { return a.path < b.path; });
  return dead;
}

}  // namespace ijepa::tools
