// ArchiveLinks: the hard and symbolic links of an archive, and which further names each member has
// through them. What unpacking would give as good files are images like the others.
#pragma once
#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace ijepa::tools {

/// Longer than any path of a system. Following names and links looks at each folder on the way.
constexpr std::size_t longest_path = 4096;

/// The member's name as the path that unpacking gives it: no leading "/", "./" or "//", "a/../b" as
/// "b". What would lead out keeps its "..".
std::string normal_path(std::string_view name);

class ArchiveLinks {
 public:
  struct Dead {
    std::string path, problem;
  };

  /// A link at `path` to the member `target`, both as normal_path() gives them.
  void add(std::string path, std::string target);
  /// A later member of the same name takes the link's place.
  void remove(const std::string& path);
  bool empty() const { return targets_.empty(); }

  /// After the last add(): follows links to links.
  void resolve();
  /// The names that links give to the member, a file: all that one link gives, and through links in
  /// linked folders 4096 together, the first left out being a Dead.
  std::vector<std::string> names_of(const std::string& member);
  /// Links that led to no member asked for.
  std::vector<Dead> dead() const;

 private:
  std::string followed(std::string path) const;

  std::map<std::string, std::string> targets_;                // by link
  std::map<std::string, std::vector<std::string>> links_to_;  // by where it leads in the end
  std::map<std::string, std::string> problems_;               // by name that is no file
  std::set<std::string> used_;                                // of these, those asked for
};

}  // namespace ijepa::tools
