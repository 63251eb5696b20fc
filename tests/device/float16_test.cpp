// Products in float16: what scales, chains and blocks must keep. Parity with the reference, and
// equal bits on any number of threads, are tested with all other kernels.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "ijepa/core/rng.hpp"
#include "tests/support/devices.hpp"

namespace ijepa::test {
namespace {

struct Matrix {
  std::int64_t rows, cols;
  std::vector<float> data = std::vector<float>(static_cast<std::size_t>(rows * cols));

  float& at(std::int64_t i, std::int64_t j) { return data[static_cast<std::size_t>(i * cols + j)]; }
  Tensor tensor() { return make_tensor(data.data(), DType::f32, {rows, cols}); }
};

Matrix random_matrix(std::int64_t rows, std::int64_t cols, std::uint64_t seed) {
  Matrix m{rows, cols};
  Rng rng(seed, Purpose::test);
  for (float& x : m.data) x = static_cast<float>(rng.uniform(-1, 1));
  return m;
}

class Float16Products : public testing::TestWithParam<std::string> {
 protected:
  std::unique_ptr<Device> device_ = make_device({"cpu", 1, GetParam()});

  Matrix product(Matrix& x, Matrix& w) {
    Matrix y{x.rows, w.rows};
    device_->ops().linear_forward(x.tensor(), w.tensor(), {}, y.tensor());
    return y;
  }
};

/// |y - x w^T| of an element, in units of the product of the norms of its operands.
double error(Matrix& x, Matrix& w, Matrix& y, std::int64_t i, std::int64_t j) {
  double sum = 0, xx = 0, ww = 0;
  for (std::int64_t l = 0; l < x.cols; ++l) {
    const double a = x.at(i, l), b = w.at(j, l);
    sum += a * b;
    xx += a * a;
    ww += b * b;
  }
  return std::abs(y.at(i, j) - sum) / std::sqrt(xx * ww);
}

TEST_P(Float16Products, RowsOfAnySizeKeepTheirBits) {
  Matrix x = random_matrix(61, 200, 1), w = random_matrix(50, 200, 2);
  for (std::int64_t i = 0; i < x.rows; ++i)
    for (std::int64_t l = 0; l < x.cols; ++l) x.at(i, l) *= std::pow(2.F, float(i - 30));
  Matrix y = product(x, w);
  for (std::int64_t i = 0; i < y.rows; ++i)
    for (std::int64_t j = 0; j < y.cols; ++j)
      EXPECT_LT(error(x, w, y, i, j), 1e-3) << "row " << i << " of 2^" << i - 30;
}

TEST_P(Float16Products, SmallGradientsOfWeightsAreNotLost) {
  Matrix dy = random_matrix(700, 40, 3), x = random_matrix(700, 33, 4), dw{40, 33};
  for (std::int64_t i = 0; i < dy.rows; ++i)
    for (std::int64_t j = 0; j < dy.cols; ++j) dy.at(i, j) *= std::pow(10.F, -float(j) / 2);
  device_->ops().linear_backward_params(dy.tensor(), x.tensor(), dw.tensor(), {}, Write::overwrite);
  Matrix dys{40, 700}, xs{33, 700};
  for (std::int64_t l = 0; l < 700; ++l) {
    for (std::int64_t j = 0; j < 40; ++j) dys.at(j, l) = dy.at(l, j);
    for (std::int64_t j = 0; j < 33; ++j) xs.at(j, l) = x.at(l, j);
  }
  for (std::int64_t i = 0; i < 40; ++i)
    for (std::int64_t j = 0; j < 33; ++j)
      EXPECT_LT(error(dys, xs, dw, i, j), 1e-3) << "output " << i << " of 1e-" << i / 2;
}

TEST_P(Float16Products, DepthsOfSeveralBlocksAndOddOnes) {
  for (const std::int64_t k : {1, 2, 31, 97, 1023, 1025, 2051}) {
    Matrix x = random_matrix(7, k, 5), w = random_matrix(17, k, 6), y = product(x, w);
    for (std::int64_t i = 0; i < 7; ++i)
      for (std::int64_t j = 0; j < 17; ++j) EXPECT_LT(error(x, w, y, i, j), 1e-3) << "depth " << k;
  }
}

TEST_P(Float16Products, ZerosStayZerosAndWhatIsNoNumberShows) {
  Matrix x = random_matrix(40, 96, 7), w = random_matrix(48, 96, 8);
  for (std::int64_t l = 0; l < 96; ++l) x.at(3, l) = 0;
  x.at(5, 17) = std::numeric_limits<float>::infinity();
  x.at(6, 95) = std::numeric_limits<float>::quiet_NaN();
  Matrix y = product(x, w);
  for (std::int64_t j = 0; j < 48; ++j) {
    EXPECT_EQ(y.at(3, j), 0);
    EXPECT_FALSE(std::isfinite(y.at(5, j)));
    EXPECT_TRUE(std::isnan(y.at(6, j)));
    EXPECT_TRUE(std::isfinite(y.at(7, j)));
  }
}

/// A product of ones and small whole numbers has no rounding in 11 bits.
TEST_P(Float16Products, SmallWholeNumbersAreExact) {
  Matrix x{19, 300}, w{70, 300};
  for (std::int64_t i = 0; i < 19; ++i)
    for (std::int64_t l = 0; l < 300; ++l) x.at(i, l) = float((i + l) % 3);
  for (float& v : w.data) v = 1;
  Matrix y = product(x, w);
  for (std::int64_t i = 0; i < 19; ++i)
    for (std::int64_t j = 0; j < 70; ++j) EXPECT_EQ(y.at(i, j), 300);
}

INSTANTIATE_TEST_SUITE_P(Kernels, Float16Products, testing::ValuesIn(float16_kernels()),
                         [](const auto& kernels) { return kernels.param; });
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(Float16Products);

}  // namespace
}  // namespace ijepa::test
