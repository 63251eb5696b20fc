// Checkpoints under kills, full disks, cut files and flipped bits.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <thread>

#include "ijepa/core/rng.hpp"
#include "tests/support/trials.hpp"
#include "tests/train/checkpoint_support.hpp"

namespace ijepa::test {
namespace {

namespace fs = std::filesystem;

class CheckpointFault : public CheckpointTest {
 protected:
  /// The newest valid checkpoint, loaded; its values must all be those of its step.
  std::int64_t load_newest() {
    TinyModel loaded(-1);
    const auto folder = newest().value();
    const auto step = load_checkpoint(*comm_, folder, loaded.tensors()).step;
    EXPECT_EQ(loaded, TinyModel(static_cast<int>(step))) << folder;
    return step;
  }
};

/// Saves step after step, reporting each through the pipe once save() has returned.
[[noreturn]] void save_for_ever(const CheckpointStore& store, Communicator& comm, int step,
                                int report) {
  for (;; ++step) {
    TinyModel model(step);
    store.save(comm, {step, {}}, model.tensors());
    if (::write(report, &step, sizeof step) != sizeof step) ::_exit(1);
  }
}

int last_report(int pipe) {
  int step = -1;
  while (::read(pipe, &step, sizeof step) == sizeof step) {
  }
  return step;
}

TEST_F(CheckpointFault, AKillAtAnyMomentLeavesTheNewestSavedOne) {
  using Clock = std::chrono::steady_clock;
  TinyModel model(0);
  save(model, 0);
  const auto begin = Clock::now();
  save(model, 0);
  const auto three_saves =
      3 * std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - begin).count();
  Rng rng(5, Purpose::test);
  std::int64_t newest_step = 0;
  for (int trial = 0; trial < trials(50); ++trial) {
    std::array<int, 2> ends{};
    ASSERT_EQ(::pipe(ends.data()), 0);
    const pid_t child = ::fork();
    if (child == 0) save_for_ever(store(), *comm_, static_cast<int>(newest_step) + 1, ends[1]);
    ::close(ends[1]);
    std::this_thread::sleep_for(
        std::chrono::microseconds(rng.below(static_cast<std::uint64_t>(three_saves))));
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    const int reported = last_report(ends[0]);
    ::close(ends[0]);
    const auto found = load_newest();
    EXPECT_GE(found, std::max<std::int64_t>(reported, newest_step));
    // Nothing has a checkpoint's name before it is one.
    for (const auto& folder : list_checkpoints(run_dir())) {
      EXPECT_NO_THROW(verify_parts(folder, read_manifest(folder)));
    }
    newest_step = found;
  }
  EXPECT_GT(newest_step, 0);
}

TEST_F(CheckpointFault, AFullDiskIsAnErrorAndLeavesTheFormerOnes) {
  TinyModel model(1);
  save(model, 1);
  const auto size = fs::file_size(checkpoint_folder(run_dir(), 1) + "/part_00000.h5");
  for (const auto limit : {std::uintmax_t{0}, std::uintmax_t{100}, size / 2, size - 1}) {
    const pid_t child = ::fork();
    if (child == 0) {
      ::signal(SIGXFSZ, SIG_IGN);  // so that write() fails with EFBIG, as it would with ENOSPC
      const rlimit bytes{limit, limit};
      ::setrlimit(RLIMIT_FSIZE, &bytes);
      TinyModel second(2);
      const auto message = error_of([&] { store().save(*comm_, {2, {}}, second.tensors()); });
      const bool good = message.find("step 2 was not saved") != std::string::npos &&
                        message.find("File too large") != std::string::npos;
      std::exit(good ? 0 : 1);  // HDF5 closes down here
    }
    int status = -1;
    ::waitpid(child, &status, 0);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << "limit " << limit;
    EXPECT_EQ(entries(), std::vector<std::string>{"step_00000001"});
    EXPECT_EQ(load_newest(), 1);
  }
}

TEST_F(CheckpointFault, AFolderThatCannotBeMadeIsAnError) {
  std::ofstream(run_dir() + "/checkpoints") << "a file in the way";
  TinyModel model(1);
  EXPECT_NE(error_of([&] { save(model, 1); }).find("Cannot create the folder"), std::string::npos);
}

/// Cuts the file or flips one bit of it; the text before.
std::string damage(const std::string& path, Rng& rng) {
  const std::string before = contents(path);
  std::string after = before;
  const auto at = rng.below(before.size());
  if (rng.below(3) == 0) {
    after.resize(at);
  } else {
    after[at] = static_cast<char>(after[at] ^ (1 << rng.below(8)));
  }
  std::ofstream(path, std::ios::binary) << after;
  return before;
}

TEST_F(CheckpointFault, DamageIsFoundAndTheOlderOneTaken) {
  TinyModel one(1), two(2);
  save(one, 1);
  save(two, 2);
  const auto folder = checkpoint_folder(run_dir(), 2);
  Rng rng(6, Purpose::test);
  int skipped = 0;
  for (int trial = 0; trial < 200; ++trial) {
    const auto path = folder + (trial % 2 == 0 ? "/manifest.json" : "/part_00000.h5");
    const auto before = damage(path, rng);
    testing::internal::CaptureStderr();
    const auto step = load_newest();  // whichever it takes holds its own values
    const auto said = testing::internal::GetCapturedStderr();
    // A changed blank in the manifest is no damage; every byte of the part counts.
    const bool told = said.find(folder + " is broken and is skipped") != std::string::npos;
    EXPECT_EQ(told, step == 1) << said;
    EXPECT_TRUE(step == 1 || path == folder + "/manifest.json");
    skipped += step == 1 ? 1 : 0;
    std::ofstream(path, std::ios::binary) << before;
  }
  EXPECT_GT(skipped, 150);
  EXPECT_EQ(load_newest(), 2);
}

TEST_F(CheckpointFault, AMissingFileIsFound) {
  TinyModel one(1), two(2);
  for (const char* file : {"manifest.json", "part_00000.h5"}) {
    save(one, 1);
    save(two, 2);
    fs::remove(checkpoint_folder(run_dir(), 2) + "/" + file);
    EXPECT_EQ(load_newest(), 1);
  }
}

TEST_F(CheckpointFault, ARenamedFolderIsNotTakenForAnotherStep) {
  TinyModel one(1);
  save(one, 1);
  fs::copy(checkpoint_folder(run_dir(), 1), checkpoint_folder(run_dir(), 5));
  EXPECT_EQ(load_newest(), 1);
}

TEST_F(CheckpointFault, WhenAllAreBrokenTheRunDoesNotBeginAgain) {
  TinyModel one(1);
  save(one, 1);
  fs::remove(checkpoint_folder(run_dir(), 1) + "/manifest.json");
  EXPECT_NE(error_of([&] { newest(); }).find("All 1 checkpoints"), std::string::npos);
}

}  // namespace
}  // namespace ijepa::test
