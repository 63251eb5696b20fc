#include "ijepa/tasks/probing/linear_probe.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "../loop/work_progress.hpp"
#include "ijepa/comm/agree.hpp"
#include "ijepa/core/error.hpp"

namespace ijepa {
namespace {

std::vector<Head> grid_of(std::int64_t layers, const LinearProbeOptions& options) {
  std::vector<Head> heads;
  for (const auto taken : layers > 1 ? std::vector{std::int64_t{1}, layers} : std::vector{layers})
    for (const auto norm : {HeadNorm::none, HeadNorm::batch})
      for (const double rate : options.learning_rates)
        for (const double decay : options.weight_decays)
          heads.push_back({taken, norm, {rate, decay}});
  return heads;
}

class Probes {
 public:
  Probes(const ProbeSets& sets, const LinearProbeOptions& options, Communicator& comm)
      : sets_(sets), options_(options), comm_(comm) {
    for (std::size_t m = 0; m < sets.train.size(); ++m)
      check_probe_sets(sets.train[m], sets.test[m], comm);
    images_ = total_rows(sets.train.at(0), comm);
    on_all_ranks(comm, [&] { check_linear_images(images_); });
  }

  std::vector<LinearProbeResult> run(const BatchSource& source) {
    const auto share = static_cast<double>(images_) * options_.validation_share;
    const Split split(images_, std::max<std::int64_t>(1, static_cast<std::int64_t>(share)),
                      options_.seed);
    auto grids = make_grids([&](std::size_t m) { return grid_of(sets_.layers[m], options_); });
    const auto batch = std::min(options_.batch, split.training_images());
    train(*(source ? source(split, batch) : kept(split)), grids, "linear heads");

    std::vector<LinearProbeResult> results;
    for (std::size_t m = 0; m < grids.size(); ++m) results.push_back(judge(m, grids[m], split));
    if (!source) {
      grids = make_grids(
          [&](std::size_t m) { return std::vector{results[m].grid[results[m].best].head}; });
      train(*kept(Split(images_, 0, options_.seed)), grids, "the best heads, on all images");
    }
    for (std::size_t m = 0; m < grids.size(); ++m) {
      const auto head = source ? results[m].best : 0;
      results[m].test = grids[m].evaluate(sets_.test[m], comm_)[head].accuracy;
      results[m].confusion = grids[m].confusion(sets_.test[m], head, comm_);
    }
    return results;
  }

 private:
  template <class HeadsOf>
  std::vector<HeadGrid> make_grids(const HeadsOf& heads_of) const {
    std::vector<HeadGrid> grids;
    for (std::size_t m = 0; m < sets_.train.size(); ++m)
      grids.emplace_back(sets_.train[m].features.cols, sets_.layers[m], sets_.train[m].classes,
                         heads_of(m),
                         HeadTraining{options_.optimizer, options_.momentum, options_.seed});
    return grids;
  }

  std::unique_ptr<FeatureBatches> kept(const Split& split) const {
    return std::make_unique<KeptBatches>(
        sets_.train, split, std::min(options_.batch, split.training_images()), options_.seed);
  }

  void train(FeatureBatches& batches, std::vector<HeadGrid>& grids, const char* task) {
    const auto per_epoch = batches.steps_per_epoch(), steps = per_epoch * options_.epochs;
    const double scale = static_cast<double>(batches.batch()) / 256;
    WorkProgress progress(comm_, task, "steps", steps);
    for (std::int64_t step = 0; step < steps; ++step) {
      const auto& batch = batches.next();
      for (std::size_t m = 0; m < grids.size(); ++m)
        grids[m].step(batch.features[m].view(), batch.labels, batches.batch(),
                      scale * schedule(step, steps, per_epoch), comm_);
      progress.add(1);
    }
  }

  double schedule(std::int64_t step, std::int64_t steps, std::int64_t per_epoch) const {
    if (options_.decay_epochs > 0)
      return std::pow(0.1, static_cast<double>(step / per_epoch / options_.decay_epochs));
    return 0.5 * (1 + std::cos(std::numbers::pi * static_cast<double>(step) /
                               static_cast<double>(steps)));
  }

  LinearProbeResult judge(std::size_t m, const HeadGrid& grid, const Split& split) {
    const auto& train = sets_.train[m];
    std::vector<std::int64_t> held;
    for (std::int64_t row = 0; row < train.features.rows; ++row)
      if (split.number(train.place(row)) < 0) held.push_back(row);
    const auto validation = grid.evaluate(gather(train, held), comm_);
    const auto test = grid.evaluate(sets_.test[m], comm_);
    LinearProbeResult result;
    for (std::size_t h = 0; h < validation.size(); ++h)
      result.grid.push_back({grid.heads()[h], validation[h], test[h]});
    const auto worse = [](const HeadScore& a, const HeadScore& b) {
      return a.accuracy.top1 != b.accuracy.top1 ? a.accuracy.top1 < b.accuracy.top1
                                                : a.loss > b.loss;
    };
    result.best =
        static_cast<std::size_t>(std::ranges::max_element(validation, worse) - validation.begin());
    return result;
  }

  const ProbeSets& sets_;
  const LinearProbeOptions& options_;
  Communicator& comm_;
  std::int64_t images_ = 0;
};

}  // namespace

LinearProbeOptions paper_protocol() {
  LinearProbeOptions o;
  o.epochs = 50;
  o.batch = 16384;
  o.learning_rates = {0.01, 0.05, 0.001};
  o.weight_decays = {5e-4, 0};
  o.optimizer = HeadOptimizer::lars;
  o.decay_epochs = 15;
  return o;
}

void check_linear_images(std::int64_t train_images) {
  check(train_images >= 10, "A linear probe needs at least 10 training images; there are {}.",
        train_images);
}

std::vector<LinearProbeResult> linear_probes(const ProbeSets& sets,
                                             const LinearProbeOptions& options, Communicator& comm,
                                             const BatchSource& source) {
  return Probes(sets, options, comm).run(source);
}

LinearProbeResult linear_probe(const LabelledFeatures& train, const LabelledFeatures& test,
                               const LinearProbeOptions& options, Communicator& comm) {
  const std::vector<LabelledFeatures> train_sets{train}, test_sets{test};
  return linear_probes({train_sets, test_sets, {1}}, options, comm)[0];
}

}  // namespace ijepa
