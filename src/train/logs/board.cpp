#include "ijepa/train/logs/board.hpp"

#include <chrono>
#include <exception>
#include <utility>

#include "ijepa/core/error.hpp"

namespace ijepa {
namespace {

/// Jobs that may wait for a slow disk; those beyond are left out.
constexpr int most_waiting = 1000;

double wall_time() {
  using namespace std::chrono;
  return duration<double>(system_clock::now().time_since_epoch()).count();
}

}  // namespace

Board::Board(std::string run_dir, std::int64_t first_step, const Log& log)
    : run_dir_(std::move(run_dir)), log_(log) {
  submit([this, first_step] { open(first_step); });
}

Board::~Board() = default;

void Board::add(std::int64_t step, std::vector<EventValue> values) {
  add_later(step, [values = std::move(values)] { return values; });
}

void Board::add_later(std::int64_t step, std::function<std::vector<EventValue>()> make) {
  submit([this, step, time = wall_time(), make = std::move(make)] {
    write(encoded({time, step, make()}));
  });
}

void Board::submit(std::function<void()> job) {
  if (waiting_ >= most_waiting) {
    if (!std::exchange(full_, true))
      log_.warn("The disk of {} is slower than the run: TensorBoard will lack some of it.",
                run_dir_);
    return;
  }
  ++waiting_;
  worker_.submit([this, job = std::move(job)] {
    try {
      job();
    } catch (const std::exception& e) {
      if (!std::exchange(warned_, true))
        log_.warn("{} The run goes on; TensorBoard will lack some of it.", e.what());
    }
    --waiting_;
  });
}

void Board::open(std::int64_t first_step) {
  try {
    for (const auto& problem : cut_event_files(run_dir_, first_step)) log_.warn("{}", problem);
  } catch (
      const std::exception& e) {  // then readers void what is told twice, by the new file's start
    log_.warn("Older event files stay as they are: {}", e.what());
  }
  file_.emplace(new_event_file(run_dir_), File::Mode::create);
  write(encoded_start(wall_time(), first_step));
}

void Board::write(const std::string& bytes) {
  if (!file_) return;
  if (torn_) file_->truncate(end_);
  torn_ = true;
  file_->write(end_, bytes.data(), bytes.size());
  end_ += static_cast<std::int64_t>(bytes.size());
  torn_ = false;
}

}  // namespace ijepa
