#include "ijepa/tasks/probe_report.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "ijepa/core/file.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/tasks/examples.hpp"

namespace ijepa {
namespace {

ProbeReport example() {
  ProbeReport r{"runs/a/checkpoint-100", "target", 5000, 1000, 10, {}, {}};
  r.rows.push_back({"trained", 192, {0.411, 0.8}, {{0.52, 0.9}, {0.03, 1e-3}, 0.5}});
  r.rows.push_back({"untrained", 192, {0.29, 0.7}, {{0.368, 0.8}, {0.01, 0}, 0.4}});
  return r;
}

TEST(ProbeReport, TableShowsPercentAndChance) {
  const auto table = as_table(example());
  EXPECT_NE(table.find("20-NN top1"), std::string::npos) << table;
  EXPECT_NE(table.find("trained          192        41.1    80.0          52.0    90.0"),
            std::string::npos)
      << table;
  EXPECT_NE(table.find("\nchance                      10.0    50.0"), std::string::npos) << table;
}

TEST(ProbeReport, FilesHoldTheSameNumbers) {
  const test::TemporaryFolder folder;
  const auto out = (folder.path() / "a" / "b").string();
  write_report(example(), out);
  EXPECT_NE(read_text_file(out + "/probe.csv")
                .find("\ntrained,192,41.100,80.000,52.000,90.000,50.000,0.03,0.001\n"),
            std::string::npos);
  const auto json = nlohmann::json::parse(read_text_file(out + "/probe.json"));
  EXPECT_EQ(json["features"].size(), 2U);
  EXPECT_EQ(json["features"][1]["name"], "untrained");
  EXPECT_DOUBLE_EQ(json["features"][1]["linear_top1"], 0.368);
  EXPECT_EQ(json["k"], 20);
}

TEST(ProbeReport, SaysWhenTheFolderCannotBeMade) {
  EXPECT_NE(test::message_of([] {
              write_report(example(), "/dev/null/report");
            }).find("could not be made"),
            std::string::npos);
}

}  // namespace
}  // namespace ijepa
