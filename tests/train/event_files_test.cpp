// Event files: framing, what a resume takes out, damage; read back by TensorBoard itself in
// tests/e2e/event_files.py.
#include "ijepa/train/logs/event_files.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <numeric>

#include "ijepa/core/file.hpp"
#include "ijepa/train/logs/board.hpp"
#include "src/train/logs/event_record.hpp"
#include "tests/support/temporary_folder.hpp"

namespace ijepa::test {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class EventFiles : public testing::Test {
 protected:
  std::string run() const { return folder_.path().string(); }
  static StepEvent picture_event(std::int64_t step) {
    return {1.0, step, {{"pictures/a", EventPicture{1, 2, "png" + std::to_string(step)}}}};
  }
  /// A start of a run whose steps are `first` to `last`.
  void start(std::int64_t first, std::int64_t last) const {
    Board board(run(), first, Log());
    for (auto step = first; step <= last; ++step) board.add(step, picture_event(step).values);
  }
  std::vector<std::int64_t> steps() const {
    std::vector<std::string> problems;
    std::vector<std::int64_t> found;
    for (const auto& p : read_event_pictures(run(), "pictures/a", 1000, problems)) {
      EXPECT_EQ(p.picture.png, "png" + std::to_string(p.step));
      found.push_back(p.step);
    }
    return found;
  }
  /// Every step told in any file, in their order.
  std::vector<std::int64_t> told() const {
    std::vector<std::int64_t> found;
    std::vector<std::string> problems;
    for (const auto& path : event_files(run())) {
      const TemporaryFolder alone;
      fs::copy_file(path, alone.path() / fs::path(path).filename());
      for (const auto& p : read_event_pictures(alone.path().string(), "pictures/a", 1000, problems))
        found.push_back(p.step);
    }
    return found;
  }
  TemporaryFolder folder_;
};

TEST(EventRecord, HasTheChecksumOfItsStandard) {  // RFC 3720, appendix B.4
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8A9136AAU);
  EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62A8AB43U);
  std::string ascending(32, '\0');
  std::iota(ascending.begin(), ascending.end(), '\0');
  EXPECT_EQ(crc32c(ascending), 0x46DD794EU);
}

TEST(EventRecord, IsReadBackAndTellsDamageFromACutEnd) {
  const std::string bytes = framed_record("first") + framed_record("") + framed_record("third");
  for (std::size_t size = 0; size <= bytes.size(); ++size) {
    RecordReader reader(std::string_view(bytes).substr(0, size));
    std::string_view message;
    std::string all;
    while (reader.next(message)) all += std::string(message) + ";";
    EXPECT_FALSE(reader.damaged()) << size;
    EXPECT_EQ(all, size == bytes.size() ? "first;;third;"
                   : size >= 37         ? "first;;"
                   : size >= 21         ? "first;"
                                        : "");
  }
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    std::string broken = bytes;
    broken[at] = static_cast<char>(broken[at] ^ 4);
    RecordReader reader(broken);
    std::string_view message;
    while (reader.next(message)) {
    }
    EXPECT_TRUE(reader.damaged()) << at;
  }
}

TEST_F(EventFiles, TellEachStepOnceAfterAResume) {
  start(0, 5);
  start(4, 8);
  EXPECT_THAT(told(), ElementsAre(0, 1, 2, 3, 4, 5, 6, 7, 8));
  EXPECT_EQ(event_files(run()).size(), 2U);
  start(2, 3);  // an older checkpoint; nothing is left of the second start
  EXPECT_THAT(told(), ElementsAre(0, 1, 2, 3));
  EXPECT_EQ(event_files(run()).size(), 2U);
  start(0, 1);
  EXPECT_THAT(told(), ElementsAre(0, 1));
  EXPECT_EQ(event_files(run()).size(), 1U);
}

TEST_F(EventFiles, OfAKilledRunLoseItsLastRecordAlone) {
  start(0, 5);
  const auto path = event_files(run()).at(0);
  fs::resize_file(path, fs::file_size(path) - 3);
  testing::internal::CaptureStderr();
  start(5, 6);
  EXPECT_THAT(testing::internal::GetCapturedStderr(), IsEmpty());
  EXPECT_THAT(told(), ElementsAre(0, 1, 2, 3, 4, 5, 6));
}

TEST_F(EventFiles, ThatAreDamagedAreKeptAside) {
  start(0, 5);
  const auto path = event_files(run()).at(0);
  const auto whole = read_text_file(path);
  auto text = whole;
  text[text.find("png3")] = 'x';
  std::ofstream(path, std::ios::binary) << text;
  std::vector<std::string> problems;
  EXPECT_EQ(read_event_pictures(run(), "pictures/a", 9, problems).size(), 3U);
  EXPECT_THAT(problems, ElementsAre(HasSubstr("is damaged after")));
  testing::internal::CaptureStderr();
  start(6, 7);
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("is damaged and kept as"));
  EXPECT_THAT(told(), ElementsAre(0, 1, 2, 6, 7));
  int kept = 0;
  for (const auto& entry : fs::directory_iterator(run()))
    if (entry.path().filename().string().starts_with("damaged_")) {
      ++kept;
      EXPECT_EQ(read_text_file(entry.path().string()), text);
    }
  EXPECT_EQ(kept, 1);
}

TEST_F(EventFiles, ThatAreNotOursAreLeftAlone) {
  const auto other = folder_.path() / "events.out.tfevents.1.host.7.v2";
  std::ofstream(other) << "not ours";
  start(0, 1);
  start(0, 1);
  EXPECT_EQ(read_text_file(other.string()), "not ours");
}

TEST_F(EventFiles, GivePicturesSpreadOverTheSteps) {
  start(0, 10);
  EXPECT_EQ(steps().size(), 11U);
  std::vector<std::string> problems;
  const auto steps_of = [&](std::size_t most) {
    std::vector<std::int64_t> found;
    for (const auto& p : read_event_pictures(run(), "pictures/a", most, problems))
      found.push_back(p.step);
    return found;
  };
  EXPECT_THAT(steps_of(3), ElementsAre(0, 5, 10));
  EXPECT_THAT(steps_of(1), ElementsAre(10));
  EXPECT_THAT(steps_of(0), IsEmpty());
  EXPECT_THAT(read_event_pictures(run(), "pictures/b", 3, problems), IsEmpty());
}

TEST_F(EventFiles, ThatCannotBeWrittenStopNothing) {
  testing::internal::CaptureStderr();
  {
    Board board(run() + "/none", 0, Log());
    for (int step = 0; step < 5; ++step) board.add(step, picture_event(step).values);
    board.add_later(5, []() -> std::vector<EventValue> { throw Error("No picture."); });
  }
  const auto said = testing::internal::GetCapturedStderr();
  EXPECT_THAT(said, HasSubstr("The run goes on"));
  EXPECT_EQ(std::count(said.begin(), said.end(), '\n'), 1);
}

TEST(EventHistogram, CountsEveryFiniteValueBetweenItsEnds) {
  const std::vector<float> values{-2, -1, 0, 1, 1, 3, NAN, INFINITY, 1e-20F};
  const auto h = histogram_of(values);
  EXPECT_EQ(h.count, 7);
  EXPECT_EQ(h.low, -2);
  EXPECT_EQ(h.high, 3);
  EXPECT_EQ(h.sum, 2 + 1e-20F);
  EXPECT_EQ(h.squares, 16);
  EXPECT_EQ(std::accumulate(h.counts.begin(), h.counts.end(), 0.0), 7);
  ASSERT_EQ(h.limits.size(), h.counts.size());
  EXPECT_TRUE(std::is_sorted(h.limits.begin(), h.limits.end()));
  for (const float value : {-2.0F, -1.0F, 0.0F, 1.0F, 3.0F}) {
    const auto at = std::upper_bound(h.limits.begin(), h.limits.end(), value) - h.limits.begin();
    EXPECT_TRUE(h.counts[static_cast<std::size_t>(at)] > 0) << value;
  }
  EXPECT_TRUE(histogram_of({}).counts.empty());
}

}  // namespace
}  // namespace ijepa::test
