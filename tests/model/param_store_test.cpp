// The flat buffers of a model's parameters.
#include "ijepa/nn/param_store.hpp"

#include <gtest/gtest.h>
#include <malloc.h>

#include <algorithm>
#include <span>

#include "ijepa/model/ijepa.hpp"

namespace ijepa::test {
namespace {

// A gradient norm or a step over a whole buffer must not see what memory held before.
TEST(ParamStore, PaddingBetweenParametersIsZero) {
  EncoderConfig encoder;
  encoder.width = 24;
  encoder.depth = 1;
  encoder.heads = 3;
  encoder.mlp_hidden = 48;
  encoder.patch = 8;
  encoder.image_height = encoder.image_width = 32;
  const IJepa model(encoder, PredictorConfig{12, 1, 24, 0});
  const auto device = make_device({.name = "cpu", .threads = 1});
  ::mallopt(M_PERTURB, 0x5a);  // fresh memory is full of something
  const ParamStore store(*device, model.layout(), Precision::float32(), StoreUse::inference);
  ::mallopt(M_PERTURB, 0);

  for (const Role role : {Role::weight, Role::target})
    for (const auto& info : model.layout().infos()) {
      if (role == Role::target && info.group != "encoder") continue;
      const auto end = info.offset + info.size;
      const auto next = (end + parameter_chunk - 1) / parameter_chunk * parameter_chunk;
      const Tensor padding = store.flat(role, {end, next});
      const std::span values(static_cast<const float*>(padding.data),
                             static_cast<std::size_t>(next - end));
      EXPECT_TRUE(std::ranges::all_of(values, [](float v) { return v == 0; })) << info.name;
    }
}

}  // namespace
}  // namespace ijepa::test
