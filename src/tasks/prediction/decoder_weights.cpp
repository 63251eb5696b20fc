#include "ijepa/tasks/prediction/decoder_weights.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "../loop/same_training.hpp"
#include "ijepa/comm/agree.hpp"
#include "ijepa/core/json_text.hpp"
#include "ijepa/data/names.hpp"
#include "ijepa/train/checkpoint/checkpoint.hpp"

namespace ijepa {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::int64_t most_patches = 1024, most_blocks = 1024, most_width = 1 << 16;
constexpr std::int64_t most_numbers = 1 << 27;  // of a matrix of weights or tokens

constexpr TrainedKind decoder_kind{"decoder", "ijepa-predict train-decoder wrote",
                                   decoder_card_key};

void check_between(const char* what, std::int64_t value, std::int64_t least, std::int64_t most) {
  check(value >= least && value <= most, "A decoder's {} of {} is not between {} and {}.", what,
        value, least, most);
}

void check_normalisation(const Normalisation& n) {
  check(n.mean.size() == 3 && n.std.size() == 3,
        "A decoder draws red, green and blue, but has {} means and {} deviations.", n.mean.size(),
        n.std.size());
  for (std::size_t c = 0; c < 3; ++c)
    check(std::isfinite(n.mean[c]) && std::isfinite(n.std[c]) && n.std[c] > 0,
          "A decoder cannot draw colours of mean {} and deviation {}.", n.mean[c], n.std[c]);
}

/// What `model` sees and what its predictor says is what the decoder was made for.
void check_made_for(const DecoderCard& card, const WholeModel& model,
                    const std::string& checkpoint) {
  const auto& own = card.shape;
  const auto fitting = decoder_shape(model, own.block(), own.model);
  check(card.identity == model.identity() && own.model.condition == fitting.model.condition &&
            own.model.patch == fitting.model.patch && own.grid.rows == fitting.grid.rows &&
            own.grid.cols == fitting.grid.cols &&
            own.normalisation.mean == fitting.normalisation.mean &&
            own.normalisation.std == fitting.normalisation.std,
        "The decoder {} was trained on the predictions of another network than this one; it was "
        "that of {}.",
        checkpoint, card.checkpoint);
}

/// Before memory is taken for them: as many weights as the card says. Positions are none, so their
/// table need not be made.
void check_held(const std::string& checkpoint, const DecoderCard& card) {
  auto sizes = card.shape.model;
  sizes.crop = {1, 1};
  ParamLayout layout;
  const BlockDecoder decoder(layout, sizes);
  std::int64_t held = 0;
  for (const auto& t : read_manifest(checkpoint).tensors)
    if (t.group == "average_decoder") held += t.numel();
  check(held == layout.count("decoder"),
        "The decoder {} says that it has {} weights, but holds {}: its files are damaged.",
        checkpoint, layout.count("decoder"), held);
}

/// s is divided by deviations, and pixels are drawn from what comes of it.
void check_statistics(const DecoderStatistics& s, const std::string& checkpoint) {
  const auto finite = [](double v) { return std::isfinite(v); };
  bool usable = true;
  for (const auto* values : {&s.mean, &s.encoded_mean, &s.crop_mean, &s.crop_variance})
    usable = usable && std::ranges::all_of(*values, finite);
  for (const auto* values : {&s.deviation, &s.encoded_deviation})
    usable = usable && std::ranges::all_of(*values, [&](double v) { return finite(v) && v > 0; });
  check(usable, "The decoder {} holds statistics that no training leaves: its files are damaged.",
        checkpoint);
}

}  // namespace

std::string as_json(const DecoderCard& c) {
  const auto& m = c.shape.model;
  const Json json{{"block_rows", c.shape.block().rows},
                  {"block_cols", c.shape.block().cols},
                  {"grid_rows", c.shape.grid.rows},
                  {"grid_cols", c.shape.grid.cols},
                  {"patch", m.patch},
                  {"width", m.width},
                  {"depth", m.depth},
                  {"heads", m.heads},
                  {"mlp_hidden", m.mlp_hidden},
                  {"condition", m.condition},
                  {"mean", c.shape.normalisation.mean},
                  {"std", c.shape.normalisation.std},
                  {"identity", c.identity},
                  {"checkpoint", utf8_name(c.checkpoint)},
                  {"steps", c.steps}};
  return json.dump(2) + "\n";
}

void check_decoder_sizes(const BlockDecoderConfig& m) {
  check_between("width", m.width, 1, most_width);
  check_between("depth", m.depth, 1, most_blocks);
  check_between("heads", m.heads, 1, m.width);
  check_between("mlp_hidden", m.mlp_hidden, 1, 16 * m.width);
  check(m.width * m.width * m.depth <= most_numbers,
        "A decoder {} wide and {} deep is too large: width x width x depth may be {} at most.",
        m.width, m.depth, most_numbers);
}

void check_decoder(const DecoderCard& card) {
  const auto& m = card.shape.model;
  const auto& grid = card.shape.grid;
  const auto block = card.shape.block();
  check_decoder_sizes(m);
  check_between("grid_rows", grid.rows, 1, most_patches);
  check_between("grid_cols", grid.cols, 1, most_patches);
  check_between("block_rows", block.rows, 1, grid.rows);
  check_between("block_cols", block.cols, 1, grid.cols);
  check(block.cells() < grid.tokens(),
        "A decoder's block of {} x {} patches leaves nothing to see in a grid of {} x {}.",
        block.rows, block.cols, grid.rows, grid.cols);
  check_between("patch", m.patch, 1, most_patches);
  check_between("condition", m.condition, 1, most_width);
  check_between("steps", card.steps, 1, most_decoder_steps);
  check(m.tokens() * std::max(m.width, m.patch_size()) <= most_numbers &&
            m.width * std::max(m.condition, m.patch_size()) <= most_numbers,
        "A decoder of width {} for blocks of {} x {} patches of {} x {} pixels is too large.",
        m.width, block.rows, block.cols, m.patch, m.patch);
  check_normalisation(card.shape.normalisation);
}

DecoderCard parse_decoder_card(const std::string& text, const std::string& folder) {
  try {
    const auto json = parse_json(text, "its text is damaged");
    const auto whole = [&](const char* key) -> std::int64_t { return WholeNumber(json.at(key)); };
    DecoderCard c;
    auto& m = c.shape.model;
    c.shape.grid = {whole("grid_rows"), whole("grid_cols")};
    const auto with_ring = [&](const char* key) {
      const auto patches = whole(key);
      check_between(key, patches, 1, most_patches);
      return patches + 2;
    };
    m.crop = {with_ring("block_rows"), with_ring("block_cols")};
    m.patch = whole("patch");
    m.width = whole("width");
    m.depth = whole("depth");
    m.heads = whole("heads");
    m.mlp_hidden = whole("mlp_hidden");
    m.condition = whole("condition");
    json.at("mean").get_to(c.shape.normalisation.mean);
    json.at("std").get_to(c.shape.normalisation.std);
    json.at("identity").get_to(c.identity);
    json.at("checkpoint").get_to(c.checkpoint);
    c.steps = whole("steps");
    check_decoder(c);
    return c;
  } catch (const std::exception& e) {
    fail("What {} says of its decoder cannot be read: {}", folder, json_reason(e));
  }
}

std::string find_decoder(const std::string& folder, Communicator& comm, const Log& log) {
  return find_trained(decoder_kind, folder, comm, log);
}

DecoderCard load_decoder_card(const std::string& checkpoint, Communicator& comm) {
  DecoderCard card;
  const auto text = text_of_trained(decoder_kind, checkpoint, comm);
  on_all_ranks(comm, [&] { card = parse_decoder_card(text, checkpoint); });
  return card;
}

DecoderShape decoder_shape(const WholeModel& model, const BlockSize& block,
                           const BlockDecoderConfig& sizes) {
  DecoderShape shape{sizes, model.grid(), {model.recipe().data.mean, model.recipe().data.std}};
  shape.model.patch = model.recipe().model.encoder.patch;
  shape.model.crop = {block.rows + 2, block.cols + 2};
  shape.model.condition = model.width();
  return shape;
}

std::unique_ptr<DecoderNetwork> open_decoder(const std::string& checkpoint, const DecoderCard& card,
                                             WholeModel& model, Communicator& comm) {
  std::unique_ptr<DecoderNetwork> network;
  on_all_ranks(comm, [&] {
    check_decoder(card);
    check_made_for(card, model, checkpoint);
    check_held(checkpoint, card);
    network = std::make_unique<DecoderNetwork>(model.device(), card.shape, StoreUse::inference);
  });
  RunState state(model.device(), network->tensors());
  load_checkpoint(comm, checkpoint, state.tensors(), Unused::ignore);
  state.upload();
  network->load_statistics();
  on_all_ranks(comm, [&] { check_statistics(network->statistics(), checkpoint); });
  return network;
}

}  // namespace ijepa
