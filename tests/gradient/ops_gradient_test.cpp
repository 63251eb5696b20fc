// Every operation with a backward, in float64 on every device, against central differences of its
// forward. The loss is a fixed random weighting of the output.
#include <gtest/gtest.h>

#include <functional>

#include "tests/support/devices.hpp"
#include "tests/support/op_runner.hpp"

namespace ijepa::test {
namespace {

using Shape = std::vector<std::int64_t>;
using Tensors = std::vector<Tensor>;

struct GradientCase {
  std::string name;
  std::vector<Shape> inputs;  // differentiated
  std::vector<Shape> saved;   // written by forward, read by backward
  Shape output;
  std::function<void(Ops&, const Tensors& in, const Tensors& saved, Tensor out)> forward;
  /// Writes the gradients of the inputs, which start at zero.
  std::function<void(Ops&, const Tensors& in, const Tensors& saved, Tensor out, Tensor dout,
                     const Tensors& din)>
      backward;
};

std::size_t size_of_shape(const Shape& shape) {
  std::size_t n = 1;
  for (const auto s : shape) n *= static_cast<std::size_t>(s);
  return n;
}

Values random_values(const Shape& shape, std::uint64_t index) {
  Rng rng(23, Purpose::test, 0, 0, index);
  Values values(size_of_shape(shape));
  for (auto& v : values) v = rng.uniform(-1.5, 1.5);
  return values;
}

/// Device tensors of one evaluation.
struct Bench {
  Bench(Device& device, const std::vector<Shape>& shapes, const std::vector<Values>& values) {
    for (std::size_t i = 0; i < shapes.size(); ++i) {
      const Values zeros(size_of_shape(shapes[i]));
      held.emplace_back(device, shapes[i], DType::f64, values.empty() ? zeros : values[i]);
      tensors.push_back(held.back().tensor());
    }
  }
  std::vector<DeviceValues> held;
  Tensors tensors;
};

double loss_of(const GradientCase& c, Device& device, const std::vector<Values>& inputs,
               const Values& weights) {
  const Bench in(device, c.inputs, inputs), saved(device, c.saved, {});
  const DeviceValues out(device, c.output, DType::f64, Values(weights.size()));
  c.forward(device.ops(), in.tensors, saved.tensors, out.tensor());
  const Values y = out.values();
  double loss = 0;
  for (std::size_t i = 0; i < y.size(); ++i) loss += weights[i] * y[i];
  return loss;
}

std::vector<Values> gradients_of(const GradientCase& c, Device& device,
                                 const std::vector<Values>& inputs, const Values& weights) {
  const Bench in(device, c.inputs, inputs), saved(device, c.saved, {}), din(device, c.inputs, {});
  const DeviceValues out(device, c.output, DType::f64, Values(weights.size()));
  const DeviceValues dout(device, c.output, DType::f64, weights);
  c.forward(device.ops(), in.tensors, saved.tensors, out.tensor());
  c.backward(device.ops(), in.tensors, saved.tensors, out.tensor(), dout.tensor(), din.tensors);
  std::vector<Values> gradients;
  for (const auto& d : din.held) gradients.push_back(d.values());
  return gradients;
}

void check_gradients(const GradientCase& c, Device& device) {
  std::vector<Values> inputs;
  for (const auto& shape : c.inputs) inputs.push_back(random_values(shape, inputs.size()));
  const Values weights = random_values(c.output, 99);
  const auto gradients = gradients_of(c, device, inputs, weights);
  constexpr double h = 1e-5;
  for (std::size_t i = 0; i < inputs.size(); ++i)
    for (std::size_t j = 0; j < inputs[i].size(); ++j) {
      const double x = inputs[i][j];
      inputs[i][j] = x + h;
      const double above = loss_of(c, device, inputs, weights);
      inputs[i][j] = x - h;
      const double below = loss_of(c, device, inputs, weights);
      inputs[i][j] = x;
      const double expected = (above - below) / (2 * h);
      ASSERT_NEAR(gradients[i][j], expected, 1e-8 * (1 + std::abs(expected)))
          << c.name << ", input " << i << ", element " << j;
    }
}

void add_norm_cases(std::vector<GradientCase>& cases) {
  cases.push_back(
      {"layer_norm",
       {{5, 7}, {7}, {7}},
       {{5}, {5}},
       {5, 7},
       [](Ops& o, const Tensors& in, const Tensors& saved, Tensor y) {
         o.layer_norm_forward({.sum = in[0]}, in[1], in[2], 1e-6, y, saved[0], saved[1]);
       },
       [](Ops& o, const Tensors& in, const Tensors& saved, Tensor, Tensor dy, const Tensors& d) {
         o.layer_norm_backward(dy, in[0], in[1], saved[0], saved[1], {d[0]}, d[1], d[2],
                               Write::overwrite);
       }});
  cases.push_back(
      {"layer_norm_sum",
       {{5, 7}, {5, 7}, {7}, {7}},
       {{5, 7}, {5}, {5}},
       {5, 7},
       [](Ops& o, const Tensors& in, const Tensors& saved, Tensor y) {
         o.layer_norm_forward({in[0], in[1], {}, {}, saved[0]}, in[2], in[3], 1e-6, y, saved[1],
                              saved[2]);
       },
       [](Ops& o, const Tensors& in, const Tensors& saved, Tensor, Tensor dy, const Tensors& d) {
         o.layer_norm_backward(dy, saved[0], in[2], saved[1], saved[2], {d[0], {}, {}, d[1]}, d[2],
                               d[3], Write::overwrite);
       }});
}

std::vector<GradientCase> gradient_cases() {
  std::vector<GradientCase> cases;
  cases.push_back(
      {"linear",
       {{7, 5}, {9, 5}, {9}},
       {},
       {7, 9},
       [](Ops& o, const Tensors& in, const Tensors&, Tensor y) {
         o.linear_forward(in[0], in[1], in[2], y);
       },
       [](Ops& o, const Tensors& in, const Tensors&, Tensor, Tensor dy, const Tensors& d) {
         o.linear_backward_input(dy, in[1], d[0]);
         o.linear_backward_params(dy, in[0], d[1], d[2], Write::overwrite);
       }});
  cases.push_back(
      {"linear_gelu",
       {{3, 5}, {7, 5}, {7}},
       {{3, 7}},
       {3, 7},
       [](Ops& o, const Tensors& in, const Tensors& saved, Tensor y) {
         o.linear_gelu_forward(in[0], in[1], in[2], saved[0], y);
       },
       [](Ops& o, const Tensors& in, const Tensors& saved, Tensor, Tensor dy, const Tensors& d) {
         o.gelu_backward(saved[0], dy);
         o.linear_backward_input(dy, in[1], d[0]);
         o.linear_backward_params(dy, in[0], d[1], d[2], Write::accumulate);
       }});
  add_norm_cases(cases);
  static const std::vector<SequenceGroup> groups{{1, 4}, {2, 3}, {1, 1}};
  for (const std::int64_t heads : {1, 2})
    cases.push_back({"attention",
                     {{11, 3 * 6}},
                     {{11, heads}},
                     {11, 6},
                     [=](Ops& o, const Tensors& in, const Tensors& saved, Tensor y) {
                       o.attention_forward({in[0]}, heads, groups, y, saved[0]);
                     },
                     [=](Ops& o, const Tensors& in, const Tensors& saved, Tensor y, Tensor dy,
                         const Tensors& d) {
                       o.attention_backward(dy, {in[0]}, y, saved[0], heads, groups, {d[0]});
                     }});
  static const std::vector<SequenceGroup> asking{{1, 4, 2}, {2, 3, 1}, {1, 1, 1}};
  cases.push_back(
      {"attention_of_some_rows",
       {{5, 6}, {11, 2 * 6}},
       {{5, 2}},
       {5, 6},
       [](Ops& o, const Tensors& in, const Tensors& saved, Tensor y) {
         o.attention_forward({{}, in[0], in[1]}, 2, asking, y, saved[0]);
       },
       [](Ops& o, const Tensors& in, const Tensors& saved, Tensor y, Tensor dy, const Tensors& d) {
         o.attention_backward(dy, {{}, in[0], in[1]}, y, saved[0], 2, asking, {{}, d[0], d[1]});
       }});
  return cases;
}

class OpsGradient : public testing::TestWithParam<DeviceOptions> {};

TEST_P(OpsGradient, BackwardIsTheDerivativeOfForward) {
  const auto device = make_device(GetParam());
  for (const auto& c : gradient_cases()) check_gradients(c, *device);
}

/// The loss brings its gradient along: d loss / d prediction, on both sides of |d| = 1.
TEST_P(OpsGradient, SmoothL1GivesItsOwnGradient) {
  const auto device = make_device(GetParam());
  const Shape shape{4, 9};
  Values prediction = random_values(shape, 1);
  const Values features = random_values({3, 9}, 2);
  const DeviceValues rows(*device, {4}, DType::i32, {2, 0, 1, 2});
  const auto evaluate = [&](Values* gradient) {
    const DeviceValues p(*device, shape, DType::f64, prediction),
        f(*device, {3, 9}, DType::f64, features), loss(*device, {1}, DType::f64, {0}),
        d(*device, shape, DType::f64, prediction);
    device->ops().smooth_l1(p.tensor(), {f.tensor(), rows.tensor(), 1e-5}, 0.3, loss.tensor(),
                            d.tensor());
    if (gradient != nullptr) *gradient = d.values();
    return loss.values()[0];
  };
  Values gradient;
  evaluate(&gradient);
  for (std::size_t i = 0; i < prediction.size(); ++i) {
    const double x = prediction[i];
    prediction[i] = x + 1e-6;
    const double above = evaluate(nullptr);
    prediction[i] = x - 1e-6;
    const double below = evaluate(nullptr);
    prediction[i] = x;
    EXPECT_NEAR(gradient[i], (above - below) / 2e-6, 1e-8);
  }
}

/// A scatter of the upstream gradient is the backward of a gather: <gather x, y> = <x, scatter y>;
/// with rows used twice, gather_sum_rows of their places is.
TEST_P(OpsGradient, GathersHaveTheirAdjoints) {
  const auto device = make_device(GetParam());
  Ops& ops = device->ops();
  const Values x = random_values({5, 3}, 1), y = random_values({2, 3}, 2);
  const Values z = random_values({4, 3}, 3);
  const DeviceValues tx(*device, {5, 3}, DType::f64, x), ty(*device, {2, 3}, DType::f64, y),
      tz(*device, {4, 3}, DType::f64, z), gathered(*device, {2, 3}, DType::f64, y),
      scattered(*device, {5, 3}, DType::f64, x), repeated(*device, {4, 3}, DType::f64, z),
      summed(*device, {2, 3}, DType::f64, y);
  const DeviceValues rows(*device, {2}, DType::i32, {4, 1}),
      twice(*device, {4}, DType::i32, {1, 0, 0, 1}), places(*device, {4}, DType::i32, {1, 2, 0, 3});
  const auto dot = [](const Values& a, const Values& b) {
    double sum = 0;
    for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
    return sum;
  };
  ops.gather_rows(tx.tensor(), rows.tensor(), gathered.tensor());
  ops.scatter_rows(ty.tensor(), rows.tensor(), scattered.tensor());
  EXPECT_NEAR(dot(gathered.values(), y), dot(x, scattered.values()), 1e-12);
  ops.gather_rows(ty.tensor(), twice.tensor(), repeated.tensor());
  ops.gather_sum_rows(tz.tensor(), places.tensor(), {}, summed.tensor());
  EXPECT_NEAR(dot(repeated.values(), z), dot(y, summed.values()), 1e-12);
}

INSTANTIATE_TEST_SUITE_P(Devices, OpsGradient, testing::ValuesIn(available_devices()),
                         [](const auto& param) { return test_name(param.param); });

}  // namespace
}  // namespace ijepa::test
