// What this build of the programs is and with what it was made.
#pragma once
#include <string>
#include <utility>
#include <vector>

namespace ijepa {

/// Such as "0.2.0".
std::string version();
/// "1ae0076", "1ae0076-dirty" with changes that are in no commit, or "" outside of a checkout.
std::string commit();
/// Name and version of what it was built with, in the order in which they are shown.
const std::vector<std::pair<std::string, std::string>>& built_with();

/// The answer to --version: one line of the program, then one of each part.
std::string version_text(const std::string& program);

}  // namespace ijepa
