// The flat buffers of a model's parameters.
#include "ijepa/nn/param_store.hpp"

#include <gtest/gtest.h>
#include <malloc.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>

#include "ijepa/device/parameter_chunk.hpp"
#include "ijepa/model/ijepa.hpp"

namespace ijepa::test {
namespace {

EncoderConfig small_encoder() {
  EncoderConfig encoder;
  encoder.width = 24;
  encoder.depth = 1;
  encoder.heads = 3;
  encoder.mlp_hidden = 48;
  encoder.patch = 8;
  encoder.image_height = encoder.image_width = 32;
  return encoder;
}

const ParamInfo& info_named(const ParamLayout& layout, const std::string& name) {
  return *std::ranges::find(layout.infos(), name, &ParamInfo::name);
}

TEST(ParamStore, KnowsTheLayerOfATensor) {
  const auto device = make_device({"cpu", 1});
  const IJepa model(small_encoder(), PredictorConfig{12, 1, 24, 0});
  const ParamLayout& layout = model.layout();
  const ParamStore store(*device, layout, Precision::bfloat16(), StoreUse::training);
  for (const ParamInfo& info : layout.infos()) {
    const std::string name = info.group + "." + info.name,
                      layer = info.name == "mask_token" ? name : name.substr(0, name.rfind('.'));
    const ParamRange range{info.offset, info.offset + info.size};
    EXPECT_EQ(store.layer_of(store.values(Role::weight, info)), layer);
    EXPECT_EQ(store.layer_of(store.gradient(range)), layer);
    EXPECT_EQ(store.layer_of(store.gradient({range.end - 1, range.end})), layer);
    EXPECT_EQ(store.layer_of(store.optimizer_range(range).working), layer);
    if (info.group != "encoder") continue;
    EXPECT_EQ(store.layer_of(store.values(Role::target, info)), "target_" + layer);
    EXPECT_EQ(store.layer_of(store.optimizer_range(range).target_working), "target_" + layer);
  }
  EXPECT_EQ(store.layer_of(store.gradient(layout.range("encoder"))), "") << "of many";
  const ParamInfo& norm = info_named(layout, "norm.bias");
  const std::int64_t padding = norm.offset + norm.size;
  EXPECT_EQ(store.layer_of(store.gradient({padding, padding + 1})), "");
  float other = 0;
  EXPECT_EQ(store.layer_of(make_tensor(&other, DType::f32, {1})), "");
  EXPECT_EQ(store.layer_of({}), "");
}

TEST(ParamStore, PartsAreWhatHasATargetAndTheRest) {
  const auto device = make_device({"cpu", 1});
  const IJepa model(small_encoder(), PredictorConfig{12, 1, 24, 0});
  const ParamLayout& layout = model.layout();
  const ParamRange encoder = layout.range("encoder");
  const auto parts_of = [&](const ParamLayout& of, EmaTarget target) {
    const ParamStore store(*device, of, Precision::bfloat16(), StoreUse::training, target);
    std::vector<std::pair<std::int64_t, std::int64_t>> parts;
    for (const ParamRange& part : store.parts()) {
      const bool averaged = !store.optimizer_range(part).target.empty();
      EXPECT_EQ(averaged, target == EmaTarget::kept && part.begin == 0 && of.holds("encoder"));
      EXPECT_EQ(!store.optimizer_range(part).target_working.empty(), averaged);
      parts.emplace_back(part.begin, part.end);
    }
    return parts;
  };
  using Parts = std::vector<std::pair<std::int64_t, std::int64_t>>;
  EXPECT_EQ(parts_of(layout, EmaTarget::kept),
            (Parts{{0, encoder.end}, {encoder.end, layout.size()}}));
  EXPECT_EQ(parts_of(layout, EmaTarget::none), (Parts{{0, layout.size()}}));
  ParamLayout head;
  head.begin_group("head");
  head.vector("w", 5, Init::ones);
  EXPECT_EQ(parts_of(head, EmaTarget::kept), (Parts{{0, head.size()}}));
}

// sqrt(6 / (in + out)), the patch embedding counted as the matrix that it is, qkv as one matrix.
TEST(ParamStore, XavierStartFillsItsBoundsAndLeavesTokensBiasesAndNormsAlone) {
  EncoderConfig encoder = small_encoder();
  encoder.start = StartWeights::xavier;
  const IJepa model(encoder, PredictorConfig{12, 1, 24, 0});
  encoder.start = StartWeights::authors;
  const IJepa authors(encoder, PredictorConfig{12, 1, 24, 0});
  const auto& infos = model.layout().infos();
  for (std::size_t i = 0; i < infos.size(); ++i) {
    std::vector<double> values(static_cast<std::size_t>(infos[i].size)), before = values;
    initial_values(infos[i], 3, i, values);
    initial_values(authors.layout().infos()[i], 3, i, before);
    EXPECT_EQ(values == before, infos[i].init != Init::xavier_uniform) << infos[i].name;
  }
  for (const auto& [name, in, out] : {std::tuple{"patch_embed.proj.weight", 192, 24},
                                      {"blocks.0.attn.qkv.weight", 24, 72},
                                      {"predictor_proj.weight", 12, 24}}) {
    const ParamInfo& info = info_named(model.layout(), name);
    std::vector<double> values(static_cast<std::size_t>(info.size));
    initial_values(info, 3, 0, values);
    const double bound = std::sqrt(6.0 / (in + out)), n = static_cast<double>(values.size());
    const auto [low, high] = std::ranges::minmax(values);
    EXPECT_GT(low, -bound) << name;
    EXPECT_LT(high, bound) << name;
    EXPECT_GT(high - low, 1.9 * bound) << name;
    const double squares = std::inner_product(values.begin(), values.end(), values.begin(), 0.0);
    EXPECT_NEAR(squares / n, bound * bound / 3, 0.12 * bound * bound / 3) << name;
  }
}

// A gradient norm or a step over a whole buffer must not see what memory held before.
TEST(ParamStore, PaddingBetweenParametersIsZero) {
  const IJepa model(small_encoder(), PredictorConfig{12, 1, 24, 0});
  const auto device = make_device({.name = "cpu", .threads = 1});
  ::mallopt(M_PERTURB, 0x5a);  // fresh memory is full of something
  const ParamStore store(*device, model.layout(), Precision::float32(), StoreUse::inference);
  ::mallopt(M_PERTURB, 0);

  for (const Role role : {Role::weight, Role::target})
    for (const auto& info : model.layout().infos()) {
      if (role == Role::target && info.group != "encoder") continue;
      const auto end = info.offset + info.size;
      const auto next = padded_to_chunk(end);
      const Tensor padding = store.flat(role, {end, next});
      const std::span values(static_cast<const float*>(padding.data),
                             static_cast<std::size_t>(next - end));
      EXPECT_TRUE(std::ranges::all_of(values, [](float v) { return v == 0; })) << info.name;
    }
}

}  // namespace
}  // namespace ijepa::test
