// CheckpointWriter: saves while training goes on. At a step boundary each rank copies its share of
// the state; a thread of its own writes it. Only the trainer's thread speaks to other ranks: they
// agree at later boundaries that all parts are on disk (rank 0's thread then commits) and that the
// commit is done.
#pragma once
#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "ijepa/core/tensor.hpp"
#include "ijepa/train/checkpoint/checkpoint.hpp"

namespace ijepa {

/// A row of numbers on the device and where the host wants them.
struct HostCopy {
  Tensor from;
  std::byte* to = nullptr;
};
using CopyToHost = std::function<void(std::span<const HostCopy>)>;

/// From memory of the host.
void copy_in_host(std::span<const HostCopy> copies);

/// On disk, of all of them.
std::uint64_t bytes_of(const std::vector<NamedTensor>& tensors);

class CheckpointWriter {
 public:
  /// `tensors` are the whole state, equal on all ranks, in the memory that `copy` reads. Takes the
  /// host memory of a snapshot, snapshot_bytes().
  CheckpointWriter(std::string run_dir, const CheckpointPolicy& policy,
                   std::vector<NamedTensor> tensors, Communicator& comm, CopyToHost copy);
  /// Stops writing as soon as the disk lets it; what was not committed is no checkpoint.
  ~CheckpointWriter();

  /// Copies the state and begins to write it. Every rank, none of which has a save in flight.
  void begin(CheckpointMeta meta, StepVerdict verdict);
  bool in_flight() const { return phase_ != Phase::idle; }
  /// Whether this rank's thread is still at work, so that there is nothing to agree on yet.
  bool busy() const;
  /// For every step boundary, on every rank: `any_rank_busy` is busy() of one of them. Moves a save
  /// in flight on by one agreement, if it is time; tells how it ended when it has.
  std::optional<SaveOutcome> advance(bool any_rank_busy);
  /// Waits for the save in flight. Every rank.
  SaveOutcome finish();

  /// What a checkpoint takes on disk.
  std::int64_t checkpoint_bytes() const { return static_cast<std::int64_t>(outcome_.bytes); }
  /// Host memory of a snapshot on the rank that has the most.
  static std::size_t snapshot_bytes(std::size_t state_bytes, std::int64_t ranks);

 private:
  using Clock = std::chrono::steady_clock;
  enum class Phase : std::uint8_t { idle, writing, settling };
  class Share;

  std::string write_own_part();
  void settle();
  void conclude();
  std::string commit(const std::vector<std::string>& parts);

  std::string run_dir_;
  CheckpointPolicy policy_;
  std::vector<StoredTensor> stored_;
  Communicator& comm_;
  std::unique_ptr<Share> share_;
  Phase phase_ = Phase::idle;
  CheckpointMeta meta_;
  StepVerdict verdict_;
  SaveOutcome outcome_;
  double work_seconds_ = 0;          // of the threads; read when they have ended
  std::future<std::string> part_;    // what this rank wrote, for rank 0
  std::future<std::string> commit_;  // rank 0: why it failed; empty: it did not
};

}  // namespace ijepa
