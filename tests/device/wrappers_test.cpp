// Wrappers around Ops: what they count and what they refuse.
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <limits>

#include "ijepa/device/checked_ops.hpp"
#include "ijepa/device/counting_ops.hpp"
#include "ijepa/device/null_ops.hpp"
#include "ijepa/device/peak.hpp"
#include "tests/support/devices.hpp"
#include "tests/support/op_runner.hpp"
#include "tests/support/reference.hpp"

namespace ijepa::test {
namespace {

Tensor shaped(DType type, std::initializer_list<std::int64_t> shape) {
  return make_tensor(nullptr, type, shape);
}

TEST(CountingOps, CountsLinearLayersExactly) {
  NullOps null;
  CountingOps ops(null);
  const auto x = shaped(DType::bf16, {10, 3}), w = shaped(DType::bf16, {5, 3}),
             b = shaped(DType::f32, {5}), y = shaped(DType::bf16, {10, 5});
  ops.linear_forward(x, w, b, y);
  EXPECT_EQ(ops.count(OpClass::linear).calls, 1);
  EXPECT_EQ(ops.count(OpClass::linear).flops, 2 * 10 * 3 * 5);
  EXPECT_EQ(ops.count(OpClass::linear).bytes, 2 * 30 + 2 * 15 + 4 * 5 + 2 * 50);
  ops.linear_backward_input(y, w, x);
  ops.linear_backward_params(y, x, shaped(DType::f32, {5, 3}), b, Write::overwrite);
  EXPECT_EQ(ops.total().flops, 3 * 2 * 10 * 3 * 5);
  ops.reset();
  EXPECT_EQ(ops.total().calls, 0);
}

TEST(CountingOps, CountsAttentionBySequence) {
  NullOps null;
  CountingOps ops(null);
  const std::array<SequenceGroup, 2> groups{{{2, 3}, {1, 4}}};
  const auto qkv = shaped(DType::f32, {10, 24}), out = shaped(DType::f32, {10, 8}),
             lse = shaped(DType::f32, {10, 2});
  ops.attention_forward({qkv}, 2, groups, out, lse);
  EXPECT_EQ(ops.count(OpClass::attention).flops, 4 * (2 * 9 + 16) * 8);
  ops.attention_backward(out, {qkv}, out, lse, 2, groups, {qkv});
  EXPECT_EQ(ops.count(OpClass::attention).flops, (4 + 10) * (2 * 9 + 16) * 8);
}

TEST(CountingOps, CountsAttentionOfTheRowsThatAsk) {
  NullOps null;
  CountingOps ops(null);
  const std::array<SequenceGroup, 2> groups{{{2, 3, 1}, {1, 4, 2}}};
  const auto q = shaped(DType::f32, {4, 8}), kv = shaped(DType::f32, {10, 16}),
             lse = shaped(DType::f32, {4, 2});
  ops.attention_forward({{}, q, kv}, 2, groups, q, lse);
  EXPECT_EQ(ops.count(OpClass::attention).flops, 4 * (2 * 3 + 2 * 4) * 8);
  EXPECT_EQ(ops.count(OpClass::attention).bytes, 4 * (2 * 4 * 8 + 10 * 16 + 4 * 2));
}

TEST(CountingOps, CountsTheElementsThatAreTouched) {
  NullOps null;
  CountingOps ops(null);
  const auto x = shaped(DType::f32, {100, 4}), rows = shaped(DType::i32, {3}),
             y = shaped(DType::bf16, {3, 4});
  const auto bytes_of = [&](const auto& call) {
    ops.reset();
    call();
    return ops.total().bytes;
  };
  EXPECT_EQ(bytes_of([&] { ops.gather_rows(x, rows, y); }), 12 * 4 + 3 * 4 + 12 * 2);
  EXPECT_EQ(bytes_of([&] { ops.scatter_add_rows(y, rows, x); }), 12 * 2 + 3 * 4 + 2 * 12 * 4);
  EXPECT_EQ(bytes_of([&] { ops.gelu_backward(y, y); }), 3 * 12 * 2);
  const auto dw = shaped(DType::f32, {4, 4});
  EXPECT_EQ(bytes_of([&] { ops.linear_backward_params(y, y, dw, {}, Write::overwrite); }),
            2 * 12 * 2 + 16 * 4);
  EXPECT_EQ(bytes_of([&] { ops.linear_backward_params(y, y, dw, {}, Write::accumulate); }),
            2 * 12 * 2 + 2 * 16 * 4);
}

TEST(CountingOps, CountsWhatSumsUpAsReadAndWritten) {
  NullOps null;
  CountingOps ops(null);
  const auto bytes_of = [&](const auto& call) {
    ops.reset();
    call();
    return ops.total().bytes;
  };
  const auto x = shaped(DType::f32, {3, 4}), row = shaped(DType::f32, {4}),
             column = shaped(DType::f32, {3}), one = shaped(DType::f32, {1}),
             indices = shaped(DType::i32, {3});
  for (const Write mode : {Write::overwrite, Write::accumulate}) {
    const int touched = mode == Write::accumulate ? 2 : 1;
    EXPECT_EQ(bytes_of([&] { ops.sum_rows(x, {}, row, mode); }), 12 * 4 + touched * 4 * 4);
    EXPECT_EQ(bytes_of([&] {
                ops.layer_norm_backward(x, x, row, column, column, {.dsum_accum = x}, row, row,
                                        mode);
              }),
              (2 + 2) * 12 * 4 + 4 * 4 + 2 * 3 * 4 + touched * 2 * 4 * 4);
  }
  EXPECT_EQ(bytes_of([&] { ops.sum_squares(x, one); }), 12 * 4 + 2 * 4);
  EXPECT_EQ(bytes_of([&] {
              ops.smooth_l1(x, {x, indices, {}, {}}, 1, one, x);
            }),
            3 * 12 * 4 + 3 * 4 + 2 * 4);
}

/// A wrapper must hand on every call: all cases give the same results through it.
template <class Wrapper>
void expect_transparent() {
  const auto device = make_device({"cpu", 1});
  Wrapper wrapper(device->ops());
  const auto precision = precisions().at(1);
  for (const auto& c : op_cases()) {
    auto values = random_operands(c, precision);
    for (auto& operand : values)
      for (auto& v : operand) v = v == -77.0 ? 0 : v;
    EXPECT_EQ(run_case(c, precision, *device, wrapper, values),
              run_case(c, precision, *device, device->ops(), values))
        << c.name;
  }
}

TEST(CountingOps, HandsEveryCallOn) {
  expect_transparent<CountingOps>();
}
TEST(CheckedOps, HandsEveryCallOn) {
  expect_transparent<CheckedOps>();
}

TEST(CountingOps, NotesEveryCall) {
  NullOps null;
  CountingOps ops(null);
  const auto precision = precisions().at(2);
  for (const auto& c : op_cases()) {
    ops.reset();
    std::vector<Tensor> tensors;
    for (const auto& operand : c.operands) {
      Tensor t{
          nullptr, precision.type_of(operand.kind), static_cast<int>(operand.shape.size()), {}};
      std::copy(operand.shape.begin(), operand.shape.end(), t.shape.begin());
      tensors.push_back(t);
    }
    c.run(ops, tensors);
    EXPECT_GE(ops.total().calls, 1) << c.name;
    EXPECT_GT(ops.total().bytes, 0) << c.name;
  }
}

std::string error_of(Ops& ops, Tensor a, Tensor b, Tensor y) {
  try {
    ops.add(a, b, y);
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

TEST(CheckedOps, NamesOperationTensorAndElement) {
  const auto device = make_device({"cpu", 1});
  CheckedOps ops(device->ops());
  std::array<float, 6> a{}, b{}, y{};
  const auto ta = make_tensor(a.data(), DType::f32, {2, 3}),
             tb = make_tensor(b.data(), DType::f32, {2, 3}),
             ty = make_tensor(y.data(), DType::f32, {2, 3});
  EXPECT_EQ(error_of(ops, ta, tb, ty), "");
  a[4] = b[4] = std::numeric_limits<float>::max();
  EXPECT_EQ(error_of(ops, ta, tb, ty),
            "add: the result y, float32 (2, 3), has inf at row 1, column 1.");
  b[2] = std::nanf("");
  EXPECT_EQ(error_of(ops, ta, tb, ty),
            "add: the input b, float32 (2, 3), has nan at row 0, column 2.");
}

TEST(CheckedOps, NamesTheLayer) {
  const auto device = make_device({"cpu", 1});
  std::array<float, 4> x{1, 1, 1, 1}, w{1, 1, 1, 1}, y{};
  const auto tx = make_tensor(x.data(), DType::f32, {2, 2}),
             tw = make_tensor(w.data(), DType::f32, {2, 2}),
             ty = make_tensor(y.data(), DType::f32, {2, 2});
  CheckedOps ops(device->ops(),
                 [&](const Tensor& t) { return t.data == w.data() ? "blocks.0.fc1" : ""; });
  ops.copy(tx, ty);
  ops.linear_forward(tx, tw, {}, ty);
  EXPECT_EQ(ops.operations(), 2);
  EXPECT_EQ(error_of(ops, ty, ty, ty), "");
  x[1] = std::numeric_limits<float>::infinity();
  EXPECT_EQ(error_of(ops, tx, tx, ty),
            "add behind blocks.0.fc1: the input a, float32 (2, 2), has inf at row 0, column 1.");
  w[3] = -x[1];
  x[1] = 1;
  try {
    ops.linear_forward(tx, tw, {}, ty);
    ADD_FAILURE() << "a weight that is not finite was accepted";
  } catch (const NotFinite& e) {
    EXPECT_STREQ(e.what(),
                 "linear_forward at blocks.0.fc1: the input w, float32 (2, 2), has -inf at row 1, "
                 "column 1.");
  }
}

/// A device that was written before an operation was.
class OldDevice final : public Ops {
 public:
  void synchronize() override {}
};

TEST(Ops, ThatADeviceLacksAreNamed) {
  OldDevice ops;
  EXPECT_EQ(error_of(ops, {}, {}, {}), "This device has no operation add.");
}

TEST(MeasurePeak, IsPlausible) {
  const auto device = make_device({"cpu", 1});
  const Peak peak = measure_peak(*device);
  EXPECT_GT(peak.gflops_f32, 0.5);
  EXPECT_GT(peak.gflops_bf16, 0.1);
  EXPECT_GT(peak.gbytes, 0.05);
}

}  // namespace
}  // namespace ijepa::test
