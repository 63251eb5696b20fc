// Ops has no pure functions but one, so a device that lacks an operation compiles, and is met in
// the middle of a step: what each device overrides is read from its header. `override` itself makes
// the compiler hold the parameters to it.
#include <gtest/gtest.h>

#include <regex>
#include <set>
#include <string>

#include "ijepa/core/file.hpp"
#include "tests/support/source_folder.hpp"

namespace ijepa::test {
namespace {

/// The first group of every match in a file of the sources.
std::set<std::string> names_in(const std::string& file, const std::string& pattern) {
  const std::string text = read_text_file((source_folder() / file).string());
  const std::regex regex(pattern);
  std::set<std::string> names;
  for (std::sregex_iterator match(text.begin(), text.end(), regex), end; match != end; ++match)
    names.insert((*match)[1]);
  return names;
}

TEST(Devices, HaveEveryOperation) {
  std::set<std::string> operations =
      names_in("include/ijepa/device/ops.hpp", R"(\bvirtual void (\w+)\()");
  EXPECT_EQ(operations.erase("perform"), 1U) << "wrappers alone override it";
  EXPECT_GE(operations.size(), 25U);
  for (const char* header : {"src/device/cpu/cpu_ops.hpp", "src/device/cuda/cuda_ops.hpp"})
    EXPECT_EQ(names_in(header, R"(\bvoid (\w+)\([^()]*\) override\b)"), operations) << header;
}

}  // namespace
}  // namespace ijepa::test
