// Wrong operands are refused with the operation's and the operand's name.
#include <gtest/gtest.h>

#include <functional>

#include "tests/support/devices.hpp"

namespace ijepa::test {
namespace {

Tensor shaped(DType type, std::initializer_list<std::int64_t> shape) {
  return make_tensor(nullptr, type, shape);
}

struct BadCall {
  std::string message;  // how the error starts
  std::function<void(Ops&)> run;
};

std::vector<BadCall> bad_linear_calls() {
  using enum DType;
  const auto x = shaped(f32, {4, 6}), w = shaped(f32, {5, 6}), y = shaped(f32, {4, 5});
  const auto v = shaped(f32, {6});
  return {
      {"linear_forward: w is float32 (5, 7)",
       [=](Ops& o) {
         o.linear_forward(x, shaped(f32, {5, 7}), {}, y);
       }},
      {"linear_forward: y is bfloat16 (4, 5)",
       [=](Ops& o) {
         o.linear_forward(x, w, {}, shaped(bf16, {4, 5}));
       }},
      {"linear_forward: b is float32 (6)", [=](Ops& o) { o.linear_forward(x, w, v, y); }},
      {"linear_gelu_forward: pre is float32 (4, 6)",
       [=](Ops& o) { o.linear_gelu_forward(x, w, {}, x, y); }},
      {"linear_backward_input: dx is float32 (4, 5)",
       [=](Ops& o) { o.linear_backward_input(y, w, y); }},
      {"linear_backward_params: dw is bfloat16 (5, 6)",
       [=](Ops& o) {
         o.linear_backward_params(y, x, shaped(bf16, {5, 6}), {}, Write::overwrite);
       }},
  };
}

std::vector<BadCall> bad_norm_calls() {
  using enum DType;
  const auto x = shaped(f32, {4, 6}), y = shaped(f32, {4, 5});
  const auto v = shaped(f32, {6}), s = shaped(f32, {4});
  return {
      {"layer_norm_forward: w and b must both",
       [=](Ops& o) { o.layer_norm_forward({.sum = x}, v, {}, 1e-6, x, s, s); }},
      {"layer_norm_forward: y is float64 (4, 6)",
       [=](Ops& o) {
         o.layer_norm_forward({.sum = x}, v, v, 1e-6, shaped(f64, {4, 6}), s, s);
       }},
      {"layer_norm_backward: dw is float32 (4)",
       [=](Ops& o) { o.layer_norm_backward(x, x, v, s, s, {x}, s, v, Write::overwrite); }},
      {"layer_norm_forward: branch is float32 (4, 5)",
       [=](Ops& o) {
         o.layer_norm_forward({x, y, {}, {}, x}, v, v, 1e-6, x, s, s);
       }},
      {"layer_norm_forward: residual is bfloat16 (4, 6)",
       [=](Ops& o) {
         o.layer_norm_forward({shaped(bf16, {4, 6}), x, {}, {}, x}, v, v, 1e-6, x, s, s);
       }},
      {"layer_norm_backward: row_sequence is float32 (4)",
       [=](Ops& o) {
         o.layer_norm_backward(x, x, v, s, s, {x, s, s, x}, v, v, Write::overwrite);
       }},
      {"layer_norm_backward: dbranch is bfloat16 (4, 6)",
       [=](Ops& o) {
         const BranchGradient d{x, {}, {}, shaped(bf16, {4, 6})};
         o.layer_norm_backward(x, x, v, s, s, d, v, v, Write::overwrite);
       }},
  };
}

std::vector<BadCall> bad_attention_calls() {
  using enum DType;
  const auto y = shaped(f32, {4, 5});
  static const std::vector<SequenceGroup> groups{{2, 2}}, asking{{2, 2, 1}}, too_many{{2, 2, 3}};
  return {
      {"attention_forward: a width of 5 is no multiple of 2 heads",
       [=](Ops& o) {
         o.attention_forward({shaped(f32, {4, 15})}, 2, groups, y, shaped(f32, {4, 2}));
       }},
      {"attention_forward: qkv is float32 (5, 15)",
       [=](Ops& o) {
         o.attention_forward({shaped(f32, {5, 15})}, 1, groups, y, shaped(f32, {4, 1}));
       }},
      {"attention_forward: sequences of which some rows ask need q and kv, others need qkv",
       [=](Ops& o) {
         o.attention_forward({shaped(f32, {4, 15})}, 1, asking, y, shaped(f32, {4, 1}));
       }},
      {"attention_forward: 3 rows of a sequence of 2 cannot ask",
       [=](Ops& o) {
         o.attention_forward({{}, y, shaped(f32, {4, 10})}, 1, too_many, y, shaped(f32, {4, 1}));
       }},
      {"attention_forward: kv is float32 (4, 5)",
       [=](Ops& o) {
         const auto q = shaped(f32, {2, 5});
         o.attention_forward({{}, q, y}, 1, asking, q, shaped(f32, {2, 1}));
       }},
      {"attention_backward: dq is float32 (4, 5)",
       [=](Ops& o) {
         const auto q = shaped(f32, {2, 5}), kv = shaped(f32, {4, 10});
         o.attention_backward(q, {{}, q, kv}, q, shaped(f32, {2, 1}), 1, asking, {{}, y, kv});
       }},
      {"attention_backward: gradients do not lie as what they are of does",
       [=](Ops& o) {
         const auto q = shaped(f32, {2, 5}), kv = shaped(f32, {4, 10});
         o.attention_backward(q, {{}, q, kv}, q, shaped(f32, {2, 1}), 1, asking, {kv});
       }},
  };
}

std::vector<BadCall> bad_row_calls() {
  using enum DType;
  const auto x = shaped(f32, {4, 6}), y = shaped(f32, {4, 5});
  const auto i = shaped(i32, {4}), v = shaped(f32, {6}), s = shaped(f32, {4});
  return {
      {"gelu_forward: y is float64",
       [=](Ops& o) {
         o.gelu_forward(x, shaped(f64, {4, 6}));
       }},
      {"add: b is float32 (4, 5)", [=](Ops& o) { o.add(x, y, x); }},
      {"scaled_sum: y is float32 (4, 5)", [=](Ops& o) { o.scaled_sum(1, x, {}, 1, y); }},
      {"scaled_sum: squares is float32 (6)", [=](Ops& o) { o.scaled_sum(1, x, v, 1, x); }},
      {"add_scaled_rows: row_sequence is float32 (4)",
       [=](Ops& o) { o.add_scaled_rows(x, x, s, s, x); }},
      {"gather_patches: images are uint8 (1, 8, 8, 3)",
       [=](Ops& o) {
         o.gather_patches(shaped(u8, {1, 8, 8, 3}), {2, 3, 4}, {}, {}, shaped(f32, {6, 48}));
       }},
      {"gather_rows: y is float32 (4, 5)", [=](Ops& o) { o.gather_rows(x, i, y); }},
      {"scatter_add_rows: y is float32 (4, 5)", [=](Ops& o) { o.scatter_add_rows(x, i, y); }},
      {"gather_sum_rows: 4 row indices are no multiple of the 3 rows",
       [=](Ops& o) {
         o.gather_sum_rows(x, i, {}, shaped(f32, {3, 6}));
       }},
      {"gather_sum_rows: begin is int32 (4), but 5 elements are needed",
       [=](Ops& o) {
         o.gather_sum_rows(x, i, i, shaped(f32, {4, 6}));
       }},
      {"sum_rows: y is bfloat16",
       [=](Ops& o) { o.sum_rows(x, {}, shaped(bf16, {6}), Write::overwrite); }},
      {"smooth_l1: features is float32 (4, 5)",
       [=](Ops& o) {
         o.smooth_l1(x, {y, i}, 1, shaped(f32, {1}), x);
       }},
      {"smooth_l1: rows is float32 (4)",
       [=](Ops& o) {
         o.smooth_l1(x, {x, s}, 1, shaped(f32, {1}), x);
       }},
      {"smooth_l1: shift is float32 (4, 5)",
       [=](Ops& o) {
         o.smooth_l1(x, {x, i, 0, y, v}, 1, shaped(f32, {1}), x);
       }},
      {"smooth_l1: factor is float32 (4)",
       [=](Ops& o) {
         o.smooth_l1(x, {x, i, 0, x, s}, 1, shaped(f32, {1}), x);
       }},
      {"adamw_ema: a range of 6 elements",
       [=](Ops& o) {
         o.adamw_ema({v, v, v, v, {}, {}, {}, s}, {});
       }},
  };
}

class BadOperands : public testing::TestWithParam<DeviceOptions> {};

TEST_P(BadOperands, AreNamed) {
  const auto device = make_device(GetParam());
  auto calls = bad_linear_calls();
  for (auto& call : bad_norm_calls()) calls.push_back(std::move(call));
  for (auto& call : bad_attention_calls()) calls.push_back(std::move(call));
  for (auto& call : bad_row_calls()) calls.push_back(std::move(call));
  for (const auto& call : calls) {
    std::string message = "no error";
    try {
      call.run(device->ops());
    } catch (const Error& e) {
      message = e.what();
    }
    EXPECT_EQ(message.substr(0, call.message.size()), call.message);
  }
}

INSTANTIATE_TEST_SUITE_P(Devices, BadOperands, testing::ValuesIn(available_devices()),
                         [](const auto& param) { return test_name(param.param); });

}  // namespace
}  // namespace ijepa::test
