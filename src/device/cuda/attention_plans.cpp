#include "attention_plans.hpp"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <utility>

#include "ijepa/core/error.hpp"
#include "ijepa/core/file.hpp"

namespace ijepa::cuda {
namespace {

constexpr std::size_t checksum_digits = 16;

std::string checksum(std::string_view text) {
  return fmt::format("{:016x}", XXH3_64bits(text.data(), text.size()));
}

/// A name that every file system takes.
std::string folder_name(std::string place) {
  std::replace_if(
      place.begin(), place.end(),
      [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '.'; }, '_');
  return place;
}

}  // namespace

AttentionPlans::AttentionPlans(const AttentionPlanning& planning, const std::string& place,
                               Make make)
    : most_threads_(static_cast<std::size_t>(planning.threads)),
      make_(std::move(make)),
      log_(planning.log) {
  if (!planning.folder.empty())
    folder_ = (std::filesystem::path(planning.folder) / folder_name(place)).string();
}

AttentionPlans::~AttentionPlans() {
  {
    const std::lock_guard guard(mutex_);
    ending_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void AttentionPlans::prepare(const AttentionPlanKey& key) {
  {
    const std::lock_guard guard(mutex_);
    if (!states_.try_emplace(key, State::waiting).second) return;
    wishes_.push_back(key);
    // Programs that prepare nothing have no threads.
    if (threads_.size() < most_threads_) threads_.emplace_back([this] { work(); });
  }
  changed_.notify_one();
}

std::string AttentionPlans::take(const AttentionPlanKey& key) {
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] {
      const auto state = states_.find(key);
      return state == states_.end() || state->second != State::making;
    });
    states_[key] = State::made;  // no thread begins it now
    if (const auto ready = in_memory_.extract(key)) return std::move(ready.mapped());
  }
  return find_or_make(key).first;
}

// What a thread cannot make is left to whoever needs it, and hears why.
void AttentionPlans::work() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [&] { return ending_ || !wishes_.empty(); });
    if (ending_) return;
    const AttentionPlanKey key = wishes_.front();
    wishes_.pop_front();
    State& state = states_.at(key);
    if (state != State::waiting) continue;
    state = State::making;
    lock.unlock();
    std::optional<std::string> plan;
    try {
      auto [made, in_folder] = find_or_make(key);
      if (!in_folder) plan = std::move(made);
    } catch (const std::exception&) {
    }
    lock.lock();
    if (plan) in_memory_.emplace(key, *std::move(plan));
    state = State::made;
    changed_.notify_all();
  }
}

std::pair<std::string, bool> AttentionPlans::find_or_make(const AttentionPlanKey& key) {
  if (auto kept = read(key)) return {*std::move(kept), true};
  std::string plan = make_(key);
  const bool in_folder = write(key, plan);
  return {std::move(plan), in_folder};
}

std::string AttentionPlans::file_of(const AttentionPlanKey& key) const {
  const AttentionShape& s = key.shape;
  const auto asking = s.asking > 0 ? fmt::format("_{}", s.asking) : "";
  return fmt::format("{}/{}_{}x{}{}_{}x{}.plan", folder_, key.backward ? "backward" : "forward",
                     s.count, s.length, asking, s.heads, s.dim);
}

/// Nothing where there is none, and where it is damaged.
std::optional<std::string> AttentionPlans::read(const AttentionPlanKey& key) const {
  std::error_code ignored;
  if (folder_.empty() || !std::filesystem::exists(file_of(key), ignored)) return std::nullopt;
  try {
    std::string text = read_text_file(file_of(key));
    if (text.size() < checksum_digits) return std::nullopt;
    std::string plan = text.substr(checksum_digits);
    if (text.compare(0, checksum_digits, checksum(plan)) != 0) return std::nullopt;
    return plan;
  } catch (const Error&) {
    return std::nullopt;
  }
}

// Ranks may come to one plan at a time, and the temporary name of its file is the same for all.
bool AttentionPlans::write(const AttentionPlanKey& key, const std::string& plan) {
  if (folder_.empty()) return false;
  try {
    std::filesystem::create_directories(folder_);
    File guard(folder_ + "/lock", File::Mode::update);
    guard.lock();
    write_file_atomically(file_of(key), checksum(plan) + plan);
    return true;
  } catch (const std::exception& e) {
    const std::lock_guard guard(mutex_);
    if (!std::exchange(warned_, true))
      log_.warn("{} Compiled attention is not kept: a resumed run compiles it again.", e.what());
    return false;
  }
}

}  // namespace ijepa::cuda
