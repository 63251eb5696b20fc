// bench_features: images a second of a frozen encoder as ijepa-probe and ijepa-infer run it, on
// random images, and what 24 linear heads in the same pass cost beside one.
#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "ijepa/core/rng.hpp"
#include "ijepa/tasks/encoder_features.hpp"
#include "ijepa/tasks/probing/linear_probe.hpp"
#include "ijepa/train/recipe.hpp"

namespace ijepa {
namespace {

struct Settings {
  std::string model = "vit_small";
  std::int64_t image = 224, patch = 16, classes = 1000, images = 64;
  int threads = 2, rounds = 3;
};

EncoderConfig encoder_of(const Settings& s) {
  PretrainRecipe r;
  r.model.encoder.name = s.model;
  r.model.encoder.patch = s.patch;
  r.model.encoder.image_height = r.model.encoder.image_width = s.image;
  r.mask.min_keep = 1;
  r.data.shards = r.run.dir = "none";  // nothing is read or written
  resolve(r);
  return r.model.encoder;
}

/// `heads` of the paper's grid, or its first one alone.
std::vector<Head> heads_of(std::size_t count) {
  const auto paper = paper_protocol();
  std::vector<Head> heads;
  for (const std::int64_t layers : {1, 4})
    for (const auto norm : {HeadNorm::none, HeadNorm::batch})
      for (const double rate : paper.learning_rates)
        for (const double decay : paper.weight_decays)
          heads.push_back({layers, norm, {rate, decay}});
  heads.resize(count);
  return heads;
}

class Bench {
 public:
  Bench(const Settings& settings, Precision precision)
      : settings_(settings),
        config_(encoder_of(settings)),
        device_(make_device({.name = "cpu", .threads = settings.threads})),
        model_(config_, PredictorConfig{.width = config_.width, .mlp_hidden = config_.width}),
        store_(*device_, model_.layout(), precision, StoreUse::inference) {
    store_.initialise(1);
    Rng rng(1, Purpose::test);
    pixels_.resize(static_cast<std::size_t>(settings.images * settings.image * settings.image * 3));
    for (auto& p : pixels_) p = static_cast<std::uint8_t>(rng.bits());
    for (std::int64_t i = 0; i < settings.images; ++i)
      labels_.push_back(
          static_cast<std::int32_t>(rng.below(static_cast<std::uint64_t>(settings.classes))));
  }

  /// Images a second, the best round; `heads` of them learn from each round's features.
  double rate(std::size_t heads) {
    const std::int64_t layers = heads > 1 ? 4 : 1;
    EncoderFeatures features("bench", *device_, model_, store_, EncoderChoice::target, {}, layers);
    HeadGrid grid(features.width(), layers, settings_.classes, heads_of(heads),
                  {HeadOptimizer::lars, 0.9, 0});
    double best = 0;
    for (int round = 0; round <= settings_.rounds; ++round) {
      const auto start = std::chrono::steady_clock::now();
      const auto x = extract(features);
      if (heads > 0) grid.step(x.view(), labels_, settings_.images, 1, *comm_);
      const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - start;
      if (round > 0) best = std::max(best, static_cast<double>(settings_.images) / spent.count());
    }
    return best;
  }

 private:
  Matrix<float> extract(EncoderFeatures& features) {
    Matrix<float> x(settings_.images, features.width());
    const Size size{static_cast<int>(settings_.image), static_cast<int>(settings_.image)};
    const auto batch = images_at_once(config_);
    for (std::int64_t first = 0; first < settings_.images; first += batch) {
      const auto count = std::min(batch, settings_.images - first);
      const auto* rgb = pixels_.data() + first * settings_.image * settings_.image * 3;
      features.apply({rgb, count, size}, x.view().slice(first, count));
    }
    return x;
  }

  Settings settings_;
  EncoderConfig config_;
  std::unique_ptr<Device> device_;
  IJepa model_;
  ParamStore store_;
  std::unique_ptr<Communicator> comm_ = local_communicator();
  std::vector<std::uint8_t> pixels_;
  std::vector<std::int32_t> labels_;
};

}  // namespace
}  // namespace ijepa

int main(int argc, char** argv) {
  using namespace ijepa;
  CLI::App app{"Features of a frozen encoder: images a second alone, with one head, with 24."};
  Settings s;
  app.option_defaults()->always_capture_default();
  app.add_option("--model", s.model, "preset");
  app.add_option("--image", s.image, "side in pixels");
  app.add_option("--patch", s.patch, "side of a patch");
  app.add_option("--classes", s.classes, "of the heads");
  app.add_option("--images", s.images, "of a round, and of a step of the heads");
  app.add_option("--rounds", s.rounds, "the best counts");
  app.add_option("--threads", s.threads, "compute threads");
  CLI11_PARSE(app, argc, argv);
  fmt::print("type,features_per_second,with_one_head,with_24_heads,time_ratio_24_to_1\n");
  for (const auto& [name, precision] :
       {std::pair{"float32", Precision::float32()}, std::pair{"bfloat16", Precision::bfloat16()}}) {
    Bench bench(s, precision);
    const double alone = bench.rate(0), one = bench.rate(1), all = bench.rate(24);
    fmt::print("{},{:.2f},{:.2f},{:.2f},{:.3f}\n", name, alone, one, all, one / all);
    std::fflush(stdout);
  }
  return 0;
}
