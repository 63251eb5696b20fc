// The file of measured algorithms: what is found in it again, and what is not.
#include "src/device/cuda/product_choices.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "ijepa/core/error.hpp"
#include "ijepa/core/file.hpp"
#include "tests/support/temporary_folder.hpp"

namespace ijepa::cuda {
namespace {

class ProductChoicesTest : public testing::Test {
 protected:
  std::string file() const { return (folder_.path() / "choices.jsonl").string(); }
  ProductChoices open(const std::string& place = "GPU A, library 1") const {
    return {file(), place, Log(2)};
  }
  static ProductChoice choice(std::uint64_t id) {
    return {{id, 2, 3, 4, 5, 6, 7, ~std::uint64_t{0}}, true, {30, 20.5}};
  }
  void write(const std::string& text) const { write_file_atomically(file(), text); }

  test::TemporaryFolder folder_;
};

TEST(RowsOnGrid, HasEightStepsForEachDoubling) {
  for (const std::int64_t rows : {1, 2, 7, 15, 16, 8192, 9216}) EXPECT_EQ(rows_on_grid(rows), rows);
  EXPECT_EQ(rows_on_grid(17), 18);
  EXPECT_EQ(rows_on_grid(8193), 9216);
  EXPECT_EQ(rows_on_grid(9600), 10240);
  EXPECT_EQ(rows_on_grid(16383), 16384);
}

TEST(ChoiceName, PutsRowsOfTokensOnTheGridAndWidthsNot) {
  Product forward{9600, 3850, 1290, DType::bf16, DType::bf16};
  forward.transpose_b = true;
  forward.epilogue = Epilogue::bias;
  EXPECT_EQ(choice_name(forward, {256, 128, 16}),
            "10240x3850x1290 bfloat16 to bfloat16, b transposed, bias, aligned 256 128 16");
  Product gradient{3850, 1290, 9600, DType::bf16, DType::f32};
  gradient.transpose_a = true;
  EXPECT_EQ(choice_name(gradient, {256, 256, 256}),
            "3850x1290x10240 bfloat16 to float32, a transposed, aligned 256 256 256");
  const std::string overwriting = choice_name(gradient, {256, 256, 256});
  gradient.epilogue = Epilogue::sums;
  EXPECT_EQ(choice_name(gradient, {256, 256, 256}),
            "3850x1290x10240 bfloat16 to float32, a transposed, sums, aligned 256 256 256");
  gradient.epilogue = Epilogue::none;
  gradient.accumulate = true;
  EXPECT_EQ(choice_name(gradient, {256, 256, 256}), overwriting);
}

TEST(Fastest, KeepsTheFirstUnlessAnotherIsClearlyFaster) {
  EXPECT_EQ(fastest({30, 20, 25}), 1U);
  EXPECT_EQ(fastest({30, 29.5, 31}), 0U);
  EXPECT_EQ(fastest({30, 29.3}), 1U);
  EXPECT_EQ(fastest({30}), 0U);
}

TEST_F(ProductChoicesTest, AreReadBackWhole) {
  EXPECT_EQ(open().settle("p", choice(1)), choice(1));
  auto again = open();
  ASSERT_NE(again.find("p"), nullptr);
  EXPECT_EQ(*again.find("p"), choice(1));
  EXPECT_EQ(again.find("q"), nullptr);
  EXPECT_EQ(
      read_text_file(file()),
      "{\"algorithm\":\"00000000000000010000000000000002000000000000000300000000000000040000000"
      "00000000500000000000000060000000000000007ffffffffffffffff\",\"apart\":true,\"microseconds\":"
      "[30.0,20.5],"
      "\"place\":\"GPU A, library 1\",\"product\":\"p\"}\n");
}

TEST_F(ProductChoicesTest, OfOtherPlacesAreKeptAndNotUsed) {
  open("GPU B, library 1").settle("p", choice(1));
  open("GPU A, library 2").settle("p", choice(2));
  auto here = open();
  EXPECT_EQ(here.find("p"), nullptr);
  EXPECT_EQ(here.settle("p", choice(3)), choice(3));
  EXPECT_EQ(*open("GPU B, library 1").find("p"), choice(1));
  EXPECT_EQ(*open("GPU A, library 2").find("p"), choice(2));
}

TEST_F(ProductChoicesTest, TheFirstOneHoldsForAll) {
  auto one = open(), two = open();
  one.settle("p", choice(1));
  EXPECT_EQ(two.settle("p", choice(2)), choice(1));
  one.settle("q", choice(3));
  ASSERT_NE(two.find("q"), nullptr) << "it looks into the file again";
  EXPECT_EQ(*two.find("q"), choice(3));
}

TEST_F(ProductChoicesTest, DamagedLinesAreSkippedWithOneWarning) {
  open().settle("p", choice(1));
  const std::string line = read_text_file(file());
  std::string short_data = line, no_number = line;
  short_data.replace(short_data.find("0001"), 4, "01");
  no_number.replace(no_number.find("0001"), 4, "000x");
  write("\n{}\n[1]\n" + short_data + no_number + std::string("\0\x80\n", 3) + line +
        line.substr(0, 40));
  testing::internal::CaptureStderr();
  auto damaged = open();
  EXPECT_EQ(damaged.find("q"), nullptr);
  EXPECT_EQ(*damaged.find("p"), choice(1));
  EXPECT_EQ(damaged.settle("q", choice(2)), choice(2));
  EXPECT_EQ(testing::internal::GetCapturedStderr(),
            "warning (rank 2): " + file() +
                " has 7 damaged lines; algorithms that are missing are measured again.\n");
  auto again = open();
  EXPECT_EQ(*again.find("q"), choice(2)) << "it is not written behind the torn line";
}

TEST_F(ProductChoicesTest, AFileThatCannotBeOpenedIsRefused) {
  std::filesystem::create_directory(file());
  EXPECT_THROW(open(), Error);
}

/// Training goes on where the disk does not.
TEST_F(ProductChoicesTest, AFileThatFailsLaterIsOneWarning) {
  auto choices = open();
  std::filesystem::remove(file());
  std::filesystem::create_directory(file());
  testing::internal::CaptureStderr();
  EXPECT_EQ(choices.find("p"), nullptr);
  EXPECT_EQ(choices.settle("p", choice(1)), choice(1));
  EXPECT_EQ(choices.settle("p", choice(2)), choice(1));
  EXPECT_EQ(choices.settle("q", choice(2)), choice(2));
  const std::string said = testing::internal::GetCapturedStderr();
  EXPECT_EQ(said.rfind("warning (rank 2): Cannot open " + file(), 0), 0U) << said;
  EXPECT_EQ(std::count(said.begin(), said.end(), '\n'), 1);
}

/// Four processes choose for the same 60 products at once: every line is whole, and all agree.
TEST_F(ProductChoicesTest, ProcessesShareTheFile) {
  constexpr int processes = 4, products = 60;
  const auto name = [](int i) { return "product " + std::to_string(i); };
  for (int process = 0; process < processes; ++process)
    if (::fork() == 0) {
      auto choices = open();
      for (int i = 0; i < products; ++i)
        choices.settle(name(i), choice(static_cast<std::uint64_t>(100 * i + process)));
      ::_exit(0);
    }
  for (int process = 0; process < processes; ++process) {
    int status = -1;
    ::wait(&status);
    EXPECT_EQ(status, 0);
  }
  const std::string text = read_text_file(file());
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), products);
  testing::internal::CaptureStderr();
  auto choices = open();
  for (int i = 0; i < products; ++i) {
    ASSERT_NE(choices.find(name(i)), nullptr) << i;
    EXPECT_EQ(choices.find(name(i))->algorithm[0] / 100, static_cast<std::uint64_t>(i));
  }
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

}  // namespace
}  // namespace ijepa::cuda
