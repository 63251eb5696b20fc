#include "ijepa/tasks/probing/probe_report.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>

#include "ijepa/core/file.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/tasks/probing/examples.hpp"

namespace ijepa {
namespace {

LinearProbeResult result(const Accuracy& test, const Head& head, double validation) {
  LinearProbeResult r;
  r.grid.push_back({{1, HeadNorm::none, {0.5, 0}},
                    {{0, 0}, std::numeric_limits<double>::infinity()},
                    {{0, 0}, std::numeric_limits<double>::infinity()}});
  r.grid.push_back({head, {{validation, 0.9}, 1.25}, {test, 1.5}});
  r.best = 1;
  r.test = test;
  r.confusion = {{600, 400}, {300, 100}, {2, 2}};
  r.confusion.counts.values = {300, 300, 300, 100};
  return r;
}

ProbeReport example() {
  ProbeReport r;
  r.checkpoint = "runs/a/checkpoint-100";
  r.encoder = "target";
  r.views = "kept";
  r.precision = "float32";
  r.train_images = 5000;
  r.test_images = 1000;
  r.classes = {"a", "b"};
  r.train = "shards/train";
  r.test = "shards/test";
  r.knn.k = {20, 5};
  r.rows.push_back({"trained",
                    192,
                    {{0.411, 0.8}, {0.4, 0.7}},
                    result({0.52, 0.9}, {4, HeadNorm::batch, {0.03, 1e-3}}, 0.5)});
  r.rows.push_back({"untrained",
                    192,
                    {{0.29, 0.7}, {0.28, 0.6}},
                    result({0.368, 0.8}, {1, HeadNorm::none, {0.01, 0}}, 0.4)});
  return r;
}

TEST(ProbeReport, TableShowsPercentChanceAndTheBestHeads) {
  const auto table = as_table(example());
  EXPECT_NE(table.find("20-NN top1    top5   5-NN top1"), std::string::npos) << table;
  EXPECT_NE(
      table.find(
          "trained          192        41.1    80.0        40.0    70.0          52.0    90.0\n"),
      std::string::npos)
      << table;
  EXPECT_NE(table.find("\nchance                      50.0   100.0"), std::string::npos) << table;
  EXPECT_NE(table.find("the best of 2 by"), std::string::npos) << table;
  EXPECT_NE(table.find("trained     last 4 layers, batch norm, rate 0.03, decay 0.001\n"),
            std::string::npos)
      << table;
}

TEST(ProbeReport, FilesHoldTheSameNumbers) {
  const test::TemporaryFolder folder;
  const auto out = (folder.path() / "a" / "b").string();
  write_report(example(), out);
  EXPECT_NE(read_text_file(out + "/probe.csv")
                .find("\ntrained,192,41.100,80.000,40.000,70.000,52.000,90.000,50.000,4,batch,0.03,"
                      "0.001\n"),
            std::string::npos);
  const auto grid = read_text_file(out + "/grid.csv");
  EXPECT_NE(grid.find("\ntrained,1,none,0.5,0,0.000,inf,0.000,0.000,inf,0\n"), std::string::npos)
      << grid;
  EXPECT_NE(grid.find("\nuntrained,1,none,0.01,0,40.000,1.25,36.800,80.000,1.5,1\n"),
            std::string::npos)
      << grid;
  EXPECT_EQ(read_text_file(out + "/per_class.csv"),
            "class,images,trained,untrained\na,600,50.000,50.000\nb,400,25.000,25.000\n");
  EXPECT_EQ(read_text_file(out + "/confusion.csv"), "truth,a,b\na,300,300\nb,300,100\n");
  EXPECT_TRUE(std::filesystem::exists(out + "/confusion.png"));
  const auto json = nlohmann::json::parse(read_text_file(out + "/probe.json"));
  EXPECT_EQ(json["features"].size(), 2U);
  EXPECT_EQ(json["features"][1]["name"], "untrained");
  EXPECT_DOUBLE_EQ(json["features"][1]["linear_top1"], 0.368);
  EXPECT_DOUBLE_EQ(json["features"][0]["knn"][1]["top1"], 0.4);
  EXPECT_TRUE(json["features"][0]["grid"][0]["test_loss"].is_null());
  EXPECT_EQ(json["k"], (std::vector{20, 5}));
}

TEST(ProbeReport, SaysWhenTheFolderCannotBeMade) {
  EXPECT_NE(test::message_of([] {
              write_report(example(), "/dev/null/report");
            }).find("Cannot create the folder"),
            std::string::npos);
}

}  // namespace
}  // namespace ijepa
