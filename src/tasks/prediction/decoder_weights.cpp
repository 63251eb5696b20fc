#include "ijepa/tasks/prediction/decoder_weights.hpp"

#include <filesystem>
#include <nlohmann/json.hpp>

#include "ijepa/comm/agree.hpp"
#include "ijepa/core/json_text.hpp"
#include "ijepa/data/names.hpp"
#include "ijepa/train/checkpoint.hpp"

namespace ijepa {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* no_decoder =
    "{} holds no decoder; give a folder that ijepa-predict train-decoder wrote.";

/// A whole number of a card, which somebody else may have written.
std::int64_t size_in(const nlohmann::json& json, const char* key, std::int64_t most) {
  const auto value = json.at(key).get<std::int64_t>();
  check(value >= 1 && value <= most, "Its {} of {} is not between 1 and {}.", key, value, most);
  return value;
}

/// Before memory is taken for them: as many weights as the card says.
void check_sizes(const std::string& checkpoint, const DecoderCard& card) {
  ParamLayout layout;
  const BlockDecoder decoder(layout, card.shape.model);
  std::int64_t held = 0;
  for (const auto& t : read_manifest(checkpoint).tensors)
    if (t.group == "average_decoder") held += t.numel();
  check(held == layout.count("decoder"),
        "The decoder {} says that it has {} weights, but holds {}: its files are damaged.",
        checkpoint, layout.count("decoder"), held);
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

DecoderCard parse_decoder_card(const std::string& text, const std::string& folder) {
  constexpr std::int64_t most_patches = 1024, most_width = 1 << 16, most_weights = 1 << 27;
  try {
    const auto json = parse_json(text, "its text is damaged");
    DecoderCard c;
    auto& m = c.shape.model;
    c.shape.grid = {size_in(json, "grid_rows", most_patches),
                    size_in(json, "grid_cols", most_patches)};
    m.crop = {size_in(json, "block_rows", c.shape.grid.rows) + 2,
              size_in(json, "block_cols", c.shape.grid.cols) + 2};
    m.patch = size_in(json, "patch", most_patches);
    m.width = size_in(json, "width", most_width);
    m.depth = size_in(json, "depth", most_patches);
    m.heads = size_in(json, "heads", m.width);
    m.mlp_hidden = size_in(json, "mlp_hidden", most_width);
    m.condition = size_in(json, "condition", most_width);
    json.at("mean").get_to(c.shape.normalisation.mean);
    json.at("std").get_to(c.shape.normalisation.std);
    json.at("identity").get_to(c.identity);
    json.at("checkpoint").get_to(c.checkpoint);
    check(m.width * m.width * m.depth <= most_weights && m.mlp_hidden <= 16 * m.width,
          "It is {} wide and {} deep, which is too large.", m.width, m.depth);
    c.steps = size_in(json, "steps", std::int64_t{1} << 40);
    return c;
  } catch (const std::exception& e) {
    fail("What {} says of its decoder cannot be read: {}", folder, e.what());
  }
}

std::string find_decoder(const std::string& folder, Communicator& comm, const Log& log) {
  namespace fs = std::filesystem;
  bool whole = false;
  on_rank_0(comm, [&] {
    check(fs::exists(folder), "There is no decoder at {}.", folder);
    whole = fs::exists(fs::path(folder) / "manifest.json");
  });
  if (comm.all_reduce(whole ? 1.0 : 0.0, Reduction::max) != 0) return folder;
  const auto newest = CheckpointStore(folder, {}).newest_valid(comm, log);
  on_rank_0(comm, [&] { check(newest.has_value(), no_decoder, folder); });
  return *newest;
}

DecoderCard load_decoder_card(const std::string& checkpoint, Communicator& comm) {
  DecoderCard card;
  const auto meta = load_checkpoint_meta(comm, checkpoint);
  on_all_ranks(comm, [&] {
    const auto text = meta.text.find(decoder_card_key);
    check(text != meta.text.end(), no_decoder, checkpoint);
    card = parse_decoder_card(text->second, checkpoint);
  });
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
    check(card.identity == model.identity(),
          "The decoder {} was trained on the predictions of another network than this one; it was "
          "that of {}.",
          checkpoint, card.checkpoint);
    check_sizes(checkpoint, card);
    network = std::make_unique<DecoderNetwork>(model.device(), card.shape, StoreUse::inference);
  });
  RunState state(model.device(), network->tensors());
  load_checkpoint(comm, checkpoint, state.tensors(), Unused::ignore);
  state.upload();
  network->load_statistics();
  return network;
}

}  // namespace ijepa
