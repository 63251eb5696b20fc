#include "ijepa/train/checkpoint/checkpoint_writer.hpp"

#include <atomic>
#include <cstring>
#include <utility>

#include "checkpoint_folder.hpp"
#include "ijepa/comm/agree.hpp"
#include "ijepa/core/clock.hpp"

namespace ijepa {
namespace {

std::vector<StoredTensor> stored_form(const std::vector<NamedTensor>& tensors) {
  std::vector<StoredTensor> stored;
  for (const auto& t : tensors) stored.push_back({t.group, t.name, t.dtype, t.shape, {}});
  return stored;
}

// A rank's message about its part: what is wrong, or '=' and the numbers of a WrittenPart. The
// ranges need not be told, for every rank can work them out.

constexpr char written_mark = '=';

std::string message_of(const WrittenPart& part) {
  std::vector<std::uint64_t> numbers{part.bytes, part.xxh3};
  for (const auto& piece : part.pieces)
    numbers.insert(numbers.end(), {piece.file_offset, piece.xxh3});
  return written_mark + std::string(reinterpret_cast<const char*>(numbers.data()),
                                    numbers.size() * sizeof numbers[0]);
}

std::string problem_in(const std::string& message) {
  return !message.empty() && message[0] == written_mark ? "" : message;
}

WrittenPart part_of_message(const std::string& message) {
  std::vector<std::uint64_t> numbers((message.size() - 1) / sizeof(std::uint64_t));
  std::memcpy(numbers.data(), message.data() + 1, numbers.size() * sizeof numbers[0]);
  WrittenPart part{numbers.at(0), numbers.at(1), {}};
  for (std::size_t i = 2; i + 1 < numbers.size(); i += 2)
    part.pieces.push_back({numbers[i], numbers[i + 1]});
  return part;
}

template <class Future>
bool at_work(const Future& future) {
  return future.valid() && future.wait_for(std::chrono::seconds(0)) != std::future_status::ready;
}

}  // namespace

void copy_in_host(std::span<const HostCopy> copies) {
  for (const auto& c : copies) std::memcpy(c.to, c.from.data, c.from.bytes());
}

std::uint64_t bytes_of(const std::vector<NamedTensor>& tensors) {
  std::uint64_t bytes = 0;
  for (const auto& t : stored_form(tensors)) bytes += t.bytes();
  return bytes;
}

/// This rank's ranges of the state, where they are and where their snapshot is.
class CheckpointWriter::Share {
 public:
  Share(const std::vector<NamedTensor>& tensors, const std::vector<StoredTensor>& stored,
        const Communicator& comm, CopyToHost copy)
      : ranges_(share_of(stored, comm.rank(), comm.size())),
        file_(part_name(static_cast<std::size_t>(comm.rank()))),
        copy_(std::move(copy)) {
    std::size_t bytes = 0;
    for (const auto& r : ranges_) bytes += bytes_of(r, tensors);
    snapshot_.resize(bytes);
    std::byte* to = snapshot_.data();
    for (const auto& r : ranges_) {
      const NamedTensor& t = tensors[r.tensor];
      check(t.data != nullptr, "{}/{} has no data to save.", t.group, t.name);
      auto* from =
          static_cast<std::byte*>(t.data) + static_cast<std::size_t>(r.first) * size_of(t.dtype);
      copies_.push_back({make_tensor(from, t.dtype, {r.count}), to});
      to += bytes_of(r, tensors);
    }
  }

  void take_snapshot() { copy_(copies_); }
  /// HDF5 may not be safe for threads, so this is for the trainer's.
  void lay_out(const std::vector<StoredTensor>& stored) {
    if (!layout_) layout_.emplace(stored, ranges_);
  }
  WrittenPart write(const std::string& folder) const {
    return layout_->write(folder + "/" + file_, [this](std::size_t i) {
      check(!cancelled_, "Writing was cancelled.");
      return std::span<const std::byte>(copies_[i].to, copies_[i].from.bytes());
    });
  }
  void cancel() { cancelled_ = true; }

 private:
  static std::size_t bytes_of(const TensorRange& r, const std::vector<NamedTensor>& tensors) {
    return static_cast<std::size_t>(r.count) * size_of(tensors[r.tensor].dtype);
  }

  std::vector<TensorRange> ranges_;
  std::string file_;
  CopyToHost copy_;
  std::vector<std::byte> snapshot_;
  std::vector<HostCopy> copies_;
  std::optional<PartLayout> layout_;
  std::atomic<bool> cancelled_{false};
};

CheckpointWriter::CheckpointWriter(std::string run_dir, const CheckpointPolicy& policy,
                                   std::vector<NamedTensor> tensors, Communicator& comm,
                                   CopyToHost copy)
    : run_dir_(std::move(run_dir)),
      policy_(policy),
      stored_(stored_form(tensors)),
      comm_(comm),
      share_(std::make_unique<Share>(tensors, stored_, comm, std::move(copy))) {
  outcome_.bytes = bytes_of(tensors);
}

CheckpointWriter::~CheckpointWriter() {
  share_->cancel();
}

std::size_t CheckpointWriter::snapshot_bytes(std::size_t state_bytes, std::int64_t ranks) {
  const auto n = static_cast<std::size_t>(ranks);
  return (state_bytes + n - 1) / n;
}

void CheckpointWriter::begin(CheckpointMeta meta, StepVerdict verdict) {
  check(!in_flight(), "A save begins while that of step {} is in flight.", meta_.step);
  const auto start = Clock::now();
  meta_ = std::move(meta);
  verdict_ = std::move(verdict);
  outcome_ = {.step = meta_.step,
              .folder = checkpoint_folder(run_dir_, meta_.step),
              .problem = {},
              .note = {},
              .bytes = outcome_.bytes};
  share_->take_snapshot();
  std::string problem;
  try {
    share_->lay_out(stored_);
  } catch (const Error& e) {
    problem = e.what();
  }
  const auto work = [this, problem] { return problem.empty() ? write_own_part() : problem; };
  outcome_.blocked_seconds = work_seconds_ = seconds_since(start);
  part_ = std::async(std::launch::async, work);
  phase_ = Phase::writing;
}

std::string CheckpointWriter::write_own_part() {
  try {
    const auto start = Clock::now();
    const WrittenPart part = share_->write(make_unfinished_folder(outcome_.folder));
    work_seconds_ += seconds_since(start);
    return message_of(part);
  } catch (const std::exception& e) {
    return e.what();
  }
}

bool CheckpointWriter::busy() const {
  return at_work(part_) || at_work(commit_);
}

std::optional<SaveOutcome> CheckpointWriter::advance(bool any_rank_busy) {
  if (!in_flight() || any_rank_busy) return std::nullopt;
  const auto start = Clock::now();
  const bool settled = phase_ == Phase::settling;
  if (settled) {
    conclude();
  } else {
    settle();
  }
  outcome_.blocked_seconds += seconds_since(start);
  return settled ? std::optional(outcome_) : std::nullopt;
}

/// All parts are written or given up: rank 0 makes a checkpoint of them, or clears away.
void CheckpointWriter::settle() {
  auto messages = comm_.gather_all(part_.get());
  std::vector<std::string> problems;
  for (const auto& m : messages) problems.push_back(problem_in(m));
  outcome_.problem = joined_problems(problems);
  phase_ = Phase::settling;
  if (comm_.rank() != 0) return;
  commit_ =
      std::async(std::launch::async,
                 [this, failed = !outcome_.saved(), parts = std::move(messages)]() -> std::string {
                   if (!failed) return commit(parts);
                   abandon_checkpoint(outcome_.folder);
                   return "";
                 });
}

/// On rank 0's thread.
std::string CheckpointWriter::commit(const std::vector<std::string>& parts) {
  try {
    const auto start = Clock::now();
    CheckpointManifest manifest{meta_, {}, stored_};
    for (std::size_t r = 0; r < parts.size(); ++r)
      add_part(manifest, share_of(stored_, static_cast<int>(r), comm_.size()),
               part_of_message(parts[r]));
    commit_checkpoint(outcome_.folder, manifest);
    work_seconds_ += seconds_since(start);
  } catch (const std::exception& e) {
    abandon_checkpoint(outcome_.folder);
    return e.what();
  }
  try {
    retain(run_dir_, meta_.step, policy_, verdict_);
  } catch (const std::exception& e) {
    outcome_.note = e.what();
  }
  return "";
}

void CheckpointWriter::conclude() {
  const std::string problem = comm_.broadcast_text(comm_.rank() == 0 ? commit_.get() : "", 0);
  if (!problem.empty()) outcome_.problem = problem;
  if (!outcome_.saved()) outcome_.problem = not_saved(meta_.step, outcome_.problem);
  outcome_.seconds = work_seconds_;
  phase_ = Phase::idle;
}

SaveOutcome CheckpointWriter::finish() {
  check(in_flight(), "There is no save to wait for.");
  for (;;) {
    const auto start = Clock::now();
    if (part_.valid()) part_.wait();
    if (commit_.valid()) commit_.wait();
    outcome_.blocked_seconds += seconds_since(start);
    if (const auto outcome = advance(false)) return *outcome;
  }
}

}  // namespace ijepa
