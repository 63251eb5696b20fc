// Muon: what is orthogonal, by matrices whose singular values are known, and a step's formulas.
#include "ijepa/train/step/muon.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "ijepa/core/rng.hpp"
#include "ijepa/device/host_values.hpp"
#include "ijepa/model/ijepa.hpp"
#include "ijepa/train/step/step_gradients.hpp"
#include "tests/tasks/tiny_encoder.hpp"

namespace ijepa::test {
namespace {

using Values = std::vector<double>;

Values random_values(std::int64_t count, std::uint64_t seed) {
  Rng rng(seed, Purpose::test);
  Values v(static_cast<std::size_t>(count));
  for (double& x : v) x = rng.uniform(-1, 1);
  return v;
}

/// H x or x H with the reflection H = 1 - 2 u u^T / u^T u, for x (rows, cols).
void reflect(Values& x, std::int64_t rows, std::int64_t cols, bool left, std::uint64_t seed) {
  const auto n = left ? rows : cols, others = left ? cols : rows;
  const auto u = random_values(n, seed);
  const double square = std::inner_product(u.begin(), u.end(), u.begin(), 0.0);
  const auto at = [&](std::int64_t i, std::int64_t j) -> double& {
    return x[static_cast<std::size_t>(left ? i * cols + j : j * cols + i)];
  };
  for (std::int64_t j = 0; j < others; ++j) {
    double dot = 0;
    for (std::int64_t i = 0; i < n; ++i) dot += u[static_cast<std::size_t>(i)] * at(i, j);
    for (std::int64_t i = 0; i < n; ++i)
      at(i, j) -= 2 * dot / square * u[static_cast<std::size_t>(i)];
  }
}

/// A matrix of these singular values, and in the same bases one of their images under `f`.
template <class F>
Values matrix_of(const Values& singular, std::int64_t rows, std::int64_t cols, const F& f) {
  Values x(static_cast<std::size_t>(rows * cols));
  for (std::size_t i = 0; i < singular.size(); ++i)
    x[i * static_cast<std::size_t>(cols) + i] = f(singular[i]);
  reflect(x, rows, cols, true, 3);
  reflect(x, rows, cols, false, 4);
  return x;
}

/// What becomes of a singular value.
double raised(double s) {
  for (int i = 0; i < 5; ++i) s = 3.4445 * s - 4.7750 * std::pow(s, 3) + 2.0315 * std::pow(s, 5);
  return s;
}

Values singular_values(std::int64_t count) {
  Values s;
  double square = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    s.push_back(std::pow(0.8, static_cast<double>(i)));
    square += s.back() * s.back();
  }
  for (double& v : s) v /= std::sqrt(square);
  return s;
}

/// On a device, in memory of its own.
struct OnDevice {
  OnDevice(Device& on, const Values& values, DType type, std::int64_t rows, std::int64_t cols)
      : device(on),
        buffer(on, values.size() * size_of(type)),
        tensor(make_tensor(buffer.data(), type, {rows, cols})) {
    if (type == DType::bf16)
      on.ops().copy(OnDevice(on, values, DType::f32, rows, cols).tensor, tensor);
    else
      upload_values(on.ops(), values, tensor);
  }
  Values values() const {
    if (tensor.dtype != DType::bf16) return download_values(device.ops(), tensor);
    const OnDevice wide(device, Values(static_cast<std::size_t>(tensor.numel())), DType::f32,
                        tensor.rows(), tensor.cols());
    device.ops().copy(tensor, wide.tensor);
    return wide.values();
  }
  Device& device;
  Buffer buffer;
  Tensor tensor;
};

struct Shape {
  std::int64_t rows, cols;
};

class Orthogonal : public ::testing::TestWithParam<Shape> {};

TEST_P(Orthogonal, RaisesEverySingularValueInItsBases) {
  const auto [rows, cols] = GetParam();
  const auto device = make_device({.threads = 1});
  const auto singular = singular_values(std::min(rows, cols));
  const auto x = matrix_of(singular, rows, cols, [](double s) { return s; });
  const auto want = matrix_of(singular, rows, cols, raised);
  for (const double s : singular)
    if (s > 0.01) {
      EXPECT_GT(raised(s), 0.68);
      EXPECT_LT(raised(s), 1.14);
    }
  const std::pair<DType, double> types[] = {
      {DType::f64, 1e-10}, {DType::f32, 1e-4}, {DType::bf16, 0.1}};
  for (const auto& [type, tolerance] : types) {
    OnDevice on(*device, x, type, rows, cols);
    const DType param = type == DType::f64 ? type : DType::f32;
    Buffer memory(*device, std::size_t{1} << 20);
    Arena arena(memory.data(), memory.bytes());
    make_orthogonal(device->ops(), arena, on.tensor, param);
    const auto got = on.values();
    for (std::size_t i = 0; i < got.size(); ++i)
      EXPECT_NEAR(got[i], want[i], tolerance) << name_of(type) << " " << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, Orthogonal,
                         ::testing::Values(Shape{16, 16}, Shape{12, 40}, Shape{40, 12}),
                         [](const auto& p) {
                           return fmt::format("{}x{}", p.param.rows, p.param.cols);
                         });

/// A tiny network whose state holds numbers that a run might have.
class MuonStep : public ::testing::Test {
 protected:
  MuonStep()
      : device_(make_device({.threads = 1})),
        model_(TinyEncoder::encoder_config(), TinyEncoder::predictor_config(), {}),
        store_(*device_, model_.layout(), Precision::float64(), StoreUse::training) {
    store_.initialise(5);
    set(Role::adam_m, random_values(size(), 6));
    upload_values(device_->ops(), unpadded(random_values(size(), 7)), store_.gradient(all()));
    set(Role::adam_v, Values(static_cast<std::size_t>(size()), 0.25));
  }

  std::int64_t size() const { return model_.layout().size(); }
  ParamRange all() const { return {0, size()}; }
  void set(Role role, const Values& values) {
    upload_values(device_->ops(), unpadded(values), store_.flat(role, all()));
  }
  /// Padding between parameters is zero, as it is in every run.
  Values unpadded(const Values& values) const {
    Values kept(values.size());
    for (const ParamInfo& info : model_.layout().infos())
      std::copy_n(values.begin() + info.offset, info.size, kept.begin() + info.offset);
    return kept;
  }
  Values of(Role role, ParamRange range) {
    return download_values(device_->ops(), store_.flat(role, range));
  }
  void step(double momentum) {
    Buffer memory(*device_, Muon::bytes(model_.layout(), store_.precision()));
    Arena arena(memory.data(), memory.bytes());
    Muon(store_, momentum).update(device_->ops(), arena, now_);
  }

  std::unique_ptr<Device> device_;
  IJepa model_;
  ParamStore store_;
  AdamWStep now_{.learning_rate = 0.01,
                 .weight_decay = 0.3,
                 .beta1 = 0.9,
                 .beta2 = 0.99,
                 .epsilon = 1e-8,
                 .bias1 = 0.5,
                 .bias2 = 0.1,
                 .ema_momentum = 0.9,
                 .gradient_scale = 0.5};
};

TEST_F(MuonStep, TakesTheMatricesOfBlocksAndNoOthers) {
  const auto& layout = model_.layout();
  const auto matrices = block_matrices(layout);
  EXPECT_EQ(std::ssize(matrices),
            4 * (TinyEncoder::encoder_config().depth + TinyEncoder::predictor_config().depth));
  for (const Param& p : matrices) {
    const ParamInfo* info = layout.at(p.offset);
    EXPECT_NE(info->name.find("blocks."), std::string::npos) << info->name;
    EXPECT_EQ(info->size, p.rows * p.cols) << info->name;
    EXPECT_EQ(info->decay, Decay::yes) << info->name;
  }
}

TEST_F(MuonStep, FollowsItsFormulas) {
  constexpr double mu = 0.8;
  for (const Param& p : block_matrices(model_.layout())) {
    const ParamRange range{p.offset, p.offset + p.rows * p.cols};
    store_.initialise(5);
    set(Role::adam_m, random_values(size(), 6));
    const auto weight = of(Role::weight, range);
    auto m = of(Role::adam_m, range);
    const auto g = download_values(device_->ops(), store_.gradient(range));
    Values u(m.size());
    double square = 0;
    for (std::size_t i = 0; i < m.size(); ++i) {
      m[i] = mu * m[i] + (1 - mu) * 0.5 * g[i];
      u[i] = mu * m[i] + (1 - mu) * 0.5 * g[i];
      square += u[i] * u[i];
    }
    for (double& v : u) v /= std::sqrt(square);
    OnDevice x(*device_, u, DType::f64, p.rows, p.cols);
    Buffer memory(*device_, std::size_t{1} << 20);
    Arena arena(memory.data(), memory.bytes());
    make_orthogonal(device_->ops(), arena, x.tensor, DType::f64);
    const auto o = download_values(device_->ops(), x.tensor);

    step(mu);
    const auto moved = of(Role::weight, range), momentum = of(Role::adam_m, range);
    const double rate = 0.01 * 0.2 * std::sqrt(static_cast<double>(std::max(p.rows, p.cols)));
    double farthest = 0;
    for (std::size_t i = 0; i < moved.size(); ++i) {
      EXPECT_NEAR(moved[i], (1 - 0.01 * 0.3) * weight[i] - rate * o[i], 1e-12) << i;
      EXPECT_NEAR(momentum[i], m[i], 1e-14) << i;
      farthest += o[i] * o[i];
    }
    // Elements of an orthogonal matrix are 1 / sqrt(max(R, C)) in the mean of their squares.
    EXPECT_NEAR(rate * std::sqrt(farthest / static_cast<double>(o.size())), 0.01 * 0.2, 0.0007);
  }
}

TEST_F(MuonStep, LeavesAllElseToAdamW) {
  ParamStore plain(*device_, model_.layout(), Precision::float64(), StoreUse::training);
  for (const Role role : {Role::weight, Role::adam_m, Role::adam_v})
    upload_values(device_->ops(), of(role, all()), plain.flat(role, all()));
  const auto averaged = plain.parts().front();
  upload_values(device_->ops(), of(Role::target, averaged), plain.flat(Role::target, averaged));
  upload_values(device_->ops(), download_values(device_->ops(), store_.gradient(all())),
                plain.gradient(all()));
  const auto second_moment = of(Role::adam_v, all());
  optimizer_step(device_->ops(), plain, now_);
  step(0.95);
  std::vector<bool> of_matrix(static_cast<std::size_t>(size()));
  for (const Param& p : block_matrices(model_.layout()))
    std::fill_n(of_matrix.begin() + p.offset, p.rows * p.cols, true);
  const auto v = of(Role::adam_v, all());
  for (const Role role : {Role::weight, Role::adam_m, Role::adam_v}) {
    const auto got = of(role, all());
    const auto want = download_values(device_->ops(), plain.flat(role, all()));
    for (std::size_t i = 0; i < got.size(); ++i)
      if (!of_matrix[i]) {
        EXPECT_EQ(got[i], want[i]) << i;
      }
  }
  for (std::size_t i = 0; i < v.size(); ++i)
    if (of_matrix[i]) {
      EXPECT_EQ(v[i], second_moment[i]) << i;
    }
}

TEST_F(MuonStep, TheTargetSeesTheWeightsThatMoved) {
  const auto range = store_.parts().front();
  const auto before = of(Role::target, range);
  step(0.95);
  const auto weight = of(Role::weight, range), target = of(Role::target, range);
  for (std::size_t i = 0; i < target.size(); ++i)
    EXPECT_NEAR(target[i], 0.9 * before[i] + 0.1 * weight[i], 1e-14) << i;
}

TEST_F(MuonStep, AGradientOfZeroMovesNothingButByDecay) {
  set(Role::adam_m, Values(static_cast<std::size_t>(size())));
  device_->ops().fill_zero(store_.gradient(all()));
  const auto before = of(Role::weight, all());
  step(0.95);
  const auto after = of(Role::weight, all());
  for (const Param& p : block_matrices(model_.layout()))
    for (auto i = static_cast<std::size_t>(p.offset);
         i < static_cast<std::size_t>(p.offset + p.rows * p.cols); ++i)
      EXPECT_NEAR(after[i], (1 - 0.003) * before[i], 1e-15);
}

}  // namespace
}  // namespace ijepa::test
