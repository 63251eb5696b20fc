// How the ranks of a packing run find each other: numbers from the launcher's environment, and one
// small file a rank in the shared work folder, which is its lock, its sign of life and its
// progress.
#pragma once
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace ijepa::tools {

struct Ranks {
  int rank = 0, size = 1;
};

/// From Open MPI's, PMI's or Slurm's environment variables; 0 of 1 outside of them.
/// Error: values that are no rank.
Ranks ranks_from_environment();

/// What a rank has done so far, in images (or files while counting).
struct RankProgress {
  enum class Phase : int { waiting, counting, packing, writing, finished };
  Phase phase = Phase::waiting;
  std::int64_t done = 0, total = 0, bytes = 0, rejected = 0;
};

class RankFile {
 public:
  /// Takes the file of `rank` in `folder`. A file left behind by a killed run is taken over; Error
  /// if its owner shows signs of life within `patience`.
  RankFile(const std::string& folder, int rank,
           std::chrono::milliseconds patience = std::chrono::seconds(4));
  ~RankFile();
  RankFile(const RankFile&) = delete;
  RankFile& operator=(const RankFile&) = delete;

  /// To be called about once a second; every call is a sign of life.
  void write(const RankProgress& progress);

 private:
  std::string path_, owner_;
  std::int64_t beats_ = 0;
};

/// Follows the files of other ranks.
class RankWatch {
 public:
  RankWatch(std::string folder, std::chrono::seconds patience)
      : folder_(std::move(folder)), patience_(patience) {}

  /// The progress of `rank`; all zero if it has no file yet.
  RankProgress read(int rank) const;
  /// Error if the file of `rank` has not changed within the patience between two of these calls.
  void expect_alive(int rank);

 private:
  struct Seen {
    std::string text;
    std::chrono::steady_clock::time_point since = std::chrono::steady_clock::now();
  };
  std::string folder_;
  std::chrono::seconds patience_;
  std::vector<Seen> seen_;  // by rank
};

}  // namespace ijepa::tools
