// Board: writes a run's event files (TensorBoard) beside training. What it is told is put into the
// file by a thread of its own, in order; it never stops a run that has started.
#pragma once
#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "ijepa/comm/ordered_worker.hpp"
#include "ijepa/core/file.hpp"
#include "ijepa/core/log.hpp"
#include "ijepa/train/logs/event_files.hpp"

namespace ijepa {

class Board {
 public:
  /// For a run whose next events are of `first_step`: what older files tell of that step and later
  /// ones, which are repeated after a resume, is taken out of them.
  Board(std::string run_dir, std::int64_t first_step, const Log& log);
  /// Writes what it was told.
  ~Board();

  void add(std::int64_t step, std::vector<EventValue> values);
  /// Values that take time: `make` runs in the thread. What it needs must be its own.
  void add_later(std::int64_t step, std::function<std::vector<EventValue>()> make);

 private:
  void submit(std::function<void()> job);
  void open(std::int64_t first_step);
  void write(const std::string& bytes);

  std::string run_dir_;
  Log log_;
  std::optional<File> file_;  // in the thread
  std::int64_t end_ = 0;      // of what was written whole
  bool torn_ = false, warned_ = false;
  std::atomic<int> waiting_{0};
  bool full_ = false;     // the disk is slower than the run: events are left out
  OrderedWorker worker_;  // last: it uses the others
};

}  // namespace ijepa
