// RunFolder: the logs of a run as a trainer leaves them, made up for those who read them.
#pragma once
#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "ijepa/train/logs/metrics_log.hpp"
#include "ijepa/train/recipe/recipe.hpp"
#include "tests/support/temporary_folder.hpp"

namespace ijepa::test {

class RunFolder {
 public:
  /// RUNS/NAME of a run of `total` steps, ten an epoch, of which `done` are there.
  RunFolder(const std::filesystem::path& runs, const std::string& name, std::int64_t done,
            std::int64_t total, const PretrainRecipe& recipe = small_recipe())
      : path_(runs / name) {
    std::filesystem::create_directories(path_);
    std::ofstream(path_ / "config.toml") << recipe_text(recipe);
    event(fmt::format(R"("event":"start","step":0,"total_steps":{},"steps_per_epoch":10,)"
                      R"("ranks":2,"host":"n1","device":"CPU")",
                      total));
    MetricsLog log((path_ / "metrics.csv").string(), {}, Log());
    for (std::int64_t step = 1; step <= done; ++step) {
      StepMetrics m;
      m.epoch = 1 + (step - 1) / 10, m.iteration = (step - 1) % 10, m.step = step;
      m.loss = 1.0 / static_cast<double>(step), m.images_per_second = 100, m.data_wait = 0.02;
      log.append(m);
    }
  }

  static PretrainRecipe small_recipe() {
    PretrainRecipe r;
    r.model.encoder.name = "vit_tiny";
    r.data.shards = "shards/train";
    r.run.dir = "runs/first";
    resolve(r);
    return r;
  }

  void event(const std::string& fields) const {
    append("events.jsonl", "{\"time\":\"2026-01-02T03:04:05Z\"," + fields + "}\n");
  }
  void health(std::int64_t step, double rankme) const {
    event(fmt::format(R"("event":"health","step":{},"images":256,"width":192,"rankme":{},)"
                      R"("rankme_centred":9,"feature_std":0.05,"raw_std":1,"pairwise_cosine":0.5,)"
                      R"("position_share":0.3,"cross_sample_gap":0.4,"loss":0.2,"zero_loss":0.42,)"
                      R"("position_mean_loss":0.4,"loss_to_zero":0.5,"loss_to_position_mean":0.5)",
                      step, rankme));
  }
  void append(const char* file, const std::string& text) const {
    std::ofstream(path_ / file, std::ios::app | std::ios::binary) << text;
  }

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace ijepa::test
