#include "ijepa/train/fit/non_finite.hpp"

#include <cmath>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>

#include "ijepa/comm/cluster.hpp"
#include "ijepa/core/file.hpp"
#include "ijepa/core/folder.hpp"

namespace ijepa {
namespace {

using Json = nlohmann::ordered_json;

/// JSON has no word for the values that matter here.
Json number(double value) {
  if (std::isfinite(value)) return value;
  return std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf";
}

/// "encoder.blocks.3", "predictor.predictor_embed": the part of the network a parameter belongs to.
std::string part_of_network(const ParamInfo& parameter) {
  const std::string& name = parameter.name;
  auto end = name.find('.');
  const auto blocks = name.find("blocks.");
  if (blocks != std::string::npos) end = name.find('.', blocks + 7);
  return parameter.group + "." + name.substr(0, end);
}

Json gradient_norms(Engine& engine) {
  std::vector<std::string> order;
  std::map<std::string, ParamRange> ranges;
  for (const ParamInfo& p : engine.model().layout().infos()) {
    const std::string part = part_of_network(p);
    const auto [at, is_new] = ranges.try_emplace(part, ParamRange{p.offset, p.offset + p.size});
    if (is_new) order.push_back(part);
    at->second.end = p.offset + p.size;
  }
  Json norms;
  for (const std::string& part : order) norms[part] = number(engine.gradient_norm(ranges[part]));
  return norms;
}

Json micro_batches(const NonFiniteStep& step, const ShardSet& shards, const Engine& engine) {
  const std::vector<double>& losses = engine.micro_losses();
  Json all = Json::array();
  for (std::size_t m = 0; m < losses.size(); ++m) {
    Json one{{"loss", number(losses[m])}, {"images", Json::array()}};
    const std::size_t count = step.images.size() / losses.size();
    for (std::size_t i = m * count; i < (m + 1) * count; ++i)
      one["images"].push_back(shards.key(step.images[i]));
    all.push_back(std::move(one));
  }
  return all;
}

}  // namespace

void write_non_finite(const std::string& run_dir, const NonFiniteStep& step, const ShardSet& shards,
                      Engine& engine, const Log& log) try {
  const auto folder = std::filesystem::path(run_dir) / "non_finite";
  make_folder(folder.string());
  const std::string path =
      (folder / fmt::format("step_{}.rank_{}.json", step.place.step, step.rank)).string();
  const Json page{{"step", step.place.step},
                  {"epoch", step.place.epoch},
                  {"first_position", step.place.batch_position},
                  {"rank", step.rank},
                  {"host", host_name()},
                  {"loss_of_all_ranks", number(step.sums.loss)},
                  {"encoder_gradient", number(step.sums.encoder_gradient)},
                  {"predictor_gradient", number(step.sums.predictor_gradient)},
                  {"micro_batches", micro_batches(step, shards, engine)},
                  {"gradient_norms", gradient_norms(engine)}};
  write_file_atomically(path,
                        page.dump(1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
} catch (const std::exception& e) {
  log.warn("step {}: what is not finite could not be written down: {}", step.place.step, e.what());
}

std::string non_finite_end(const std::string& run_dir, std::int64_t steps, std::int64_t last_step,
                           const std::string& replay) {
  const std::string repeat =
      replay.empty()
          ? ""
          : fmt::format("repeat the first of them by ijepa-pretrain --replay {}, ", replay);
  return fmt::format(
      "Loss or gradients were not finite in {} steps in a row, up to step {}: {}lower optim.lr, "
      "set optim.clip_grad, or look at the images named in {}/non_finite. The last checkpoint is "
      "from "
      "before them.",
      steps, last_step, repeat, run_dir);
}

}  // namespace ijepa
