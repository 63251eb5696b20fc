// bench_features: time of a frozen encoder as ijepa-probe and ijepa-infer run it, on random images,
// and what 24 linear heads in the same pass cost beside one. Rounds of each take turns, and the
// processor's time counts, since the machine may be shared.
#include <fmt/core.h>

#include <algorithm>
#include <CLI/CLI.hpp>
#include <iostream>
#include <string>
#include <vector>

#include "../spent.hpp"
#include "ijepa/core/rng.hpp"
#include "ijepa/tasks/network/pretrained_encoder.hpp"
#include "ijepa/tasks/probing/linear_probe.hpp"
#include "ijepa/train/recipe/recipe.hpp"

namespace ijepa {
namespace {

struct Settings {
  std::string model = "vit_small";
  std::int64_t image = 224, patch = 16, classes = 1000, images = 64, batch = 0;
  int threads = 1, rounds = 5;
  std::string turns;  // a type: rounds of extraction are asked for by lines of standard input
};

double median(std::vector<double> values) {
  const auto middle = values.begin() + std::ssize(values) / 2;
  std::ranges::nth_element(values, middle);
  return *middle;
}

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
        encoder_(*device_, config_,
                 {static_cast<int>(settings.image), static_cast<int>(settings.image)},
                 StoreUse::inference, precision) {
    encoder_.store().initialise(1);
    Rng rng(1, Purpose::test);
    pixels_.resize(static_cast<std::size_t>(settings.images * settings.image * settings.image * 3));
    for (auto& p : pixels_) p = static_cast<std::uint8_t>(rng.bits());
    for (std::int64_t i = 0; i < settings.images; ++i)
      labels_.push_back(
          static_cast<std::int32_t>(rng.below(static_cast<std::uint64_t>(settings.classes))));
  }

  /// One round: features of all images, and a step of the grid's heads on them, if there is one.
  Spent round(EncoderFeatures& features, HeadGrid* grid) {
    const auto start = now();
    const auto x = extract(features);
    if (grid != nullptr) grid->step(x.view(), labels_, settings_.images, 1, *comm_);
    const auto end = now();
    return {end.wall - start.wall, end.processor - start.processor};
  }

  EncoderFeatures features(std::int64_t layers) const {
    return {"bench", *device_, encoder_.network(), {}, layers};
  }
  HeadGrid grid(const EncoderFeatures& features, std::int64_t layers, std::size_t heads) const {
    return {features.width(),
            layers,
            settings_.classes,
            heads_of(heads),
            {HeadOptimizer::lars, 0.9, 0}};
  }

 private:
  Matrix<float> extract(EncoderFeatures& features) {
    Matrix<float> x(settings_.images, features.width());
    const Size size{static_cast<int>(settings_.image), static_cast<int>(settings_.image)};
    const auto batch = settings_.batch > 0 ? settings_.batch : images_at_once(config_);
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
  PretrainedEncoder encoder_;
  std::unique_ptr<Communicator> comm_ = local_communicator();
  std::vector<std::uint8_t> pixels_;
  std::vector<std::int32_t> labels_;
};

/// Rounds without heads, with one and with 24 take turns; the first of each warms up.
void compare_heads(const Settings& s, const char* type, Precision precision) {
  Bench bench(s, precision);
  auto last = bench.features(1), four = bench.features(4);
  auto one = bench.grid(last, 1, 1), all = bench.grid(four, 4, 24);
  std::vector<double> alone_times, one_times, all_times, ratios;
  for (int i = 0; i <= s.rounds; ++i) {
    const double a = bench.round(last, nullptr).processor, b = bench.round(last, &one).processor,
                 c = bench.round(four, &all).processor;
    if (i == 0) continue;
    alone_times.push_back(a);
    one_times.push_back(b);
    all_times.push_back(c);
    ratios.push_back(c / b);
  }
  const auto rate = [&](const std::vector<double>& times) {
    return static_cast<double>(s.images) / median(times);
  };
  fmt::print("{},{:.2f},{:.2f},{:.2f},{:.3f}\n", type, rate(alone_times), rate(one_times),
             rate(all_times), median(ratios));
  std::fflush(stdout);
}

/// A round of extraction for each line of standard input: prints its wall and processor seconds.
void take_turns(const Settings& s, Precision precision) {
  Bench bench(s, precision);
  auto features = bench.features(1);
  for (std::string line; std::getline(std::cin, line);) {
    const auto spent = bench.round(features, nullptr);
    fmt::print("{:.6f},{:.6f}\n", spent.wall, spent.processor);
    std::fflush(stdout);
  }
}

}  // namespace
}  // namespace ijepa

int main(int argc, char** argv) {
  using namespace ijepa;
  CLI::App app{
      "Features of a frozen encoder: images per second of processor time alone, with one "
      "head, with 24."};
  Settings s;
  app.option_defaults()->always_capture_default();
  app.add_option("--model", s.model, "preset");
  app.add_option("--image", s.image, "side in pixels");
  app.add_option("--patch", s.patch, "side of a patch");
  app.add_option("--classes", s.classes, "of the heads");
  app.add_option("--images", s.images, "of a round, and of a step of the heads");
  app.add_option("--batch", s.batch, "images at once; 0: as the programs do");
  app.add_option("--rounds", s.rounds, "medians of so many");
  app.add_option("--threads", s.threads, "compute threads");
  app.add_option("--turns", s.turns, "a round for each line of standard input, in this type")
      ->check(CLI::IsMember({"", "float32", "bfloat16"}));
  CLI11_PARSE(app, argc, argv);
  if (!s.turns.empty()) {
    take_turns(s, s.turns == "float32" ? Precision::float32() : Precision::bfloat16());
    return 0;
  }
  fmt::print("type,features_per_second,with_one_head,with_24_heads,time_ratio_24_to_1\n");
  compare_heads(s, "float32", Precision::float32());
  compare_heads(s, "bfloat16", Precision::bfloat16());
  return 0;
}
