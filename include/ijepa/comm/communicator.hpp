// Communicator: what the ranks of a run say to each other. The model never sees one; the trainer is
// handed a strategy (one rank alone, MPI, later NCCL). All calls are collective: every rank makes
// the same calls in the same order. Gradients are summed, never averaged: the loss carries the
// scale.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "ijepa/comm/activity.hpp"
#include "ijepa/comm/exit_codes.hpp"
#include "ijepa/core/error.hpp"
#include "ijepa/core/tensor.hpp"

namespace ijepa {

enum class Reduction : std::uint8_t { sum, max, min };

/// An error that every rank throws together with the same message: rank 0 prints it, once.
class AgreedError : public Error {
 public:
  explicit AgreedError(const std::string& message, int code = exit_code::error)
      : Error(message), code_(code) {}
  /// What the program ends with.
  int code() const { return code_; }

 private:
  int code_;
};

class Communicator {
 public:
  /// Operations finish in submission order, so one number says how far they have come.
  using Ticket = std::uint64_t;

  virtual ~Communicator() = default;
  virtual int rank() const = 0;
  virtual int size() const = 0;

  /// inout = the sum over ranks, added in rank order: the same bits on every rank, in every run,
  /// and for every way of cutting the data into calls. Any number of elements, float32 or float64,
  /// host memory that stays untouched until wait().
  virtual Ticket all_reduce_sum_async(Tensor inout) = 0;
  /// Returns when that operation and all before it are done.
  virtual void wait(Ticket ticket) = 0;

  /// Element by element over ranks, on every rank; for a few numbers a step (at most 4096).
  virtual void all_reduce(std::span<double> inout, Reduction op) = 0;
  /// Every rank's bytes become those of `root`. All ranks pass the same length; any length.
  virtual void broadcast(std::span<std::byte> inout, int root) = 0;
  /// The texts (or bytes) of all ranks, by rank, on every rank.
  virtual std::vector<std::string> gather_all(const std::string& mine) = 0;
  virtual void barrier() = 0;

  /// What this rank does, for the watch.
  Activity& activity() { return activity_; }

  double all_reduce(double value, Reduction op) {
    all_reduce(std::span<double>(&value, 1), op);
    return value;
  }

  /// The text of `root`, on every rank.
  std::string broadcast_text(std::string text, int root) {
    std::uint64_t length = text.size();
    broadcast(std::as_writable_bytes(std::span(&length, 1)), root);
    text.resize(length);
    broadcast(std::as_writable_bytes(std::span(text)), root);
    return text;
  }

  /// Plain structs of each rank, any number, by rank, on every rank.
  template <class T>
  std::vector<std::vector<T>> gather_all_lists(std::span<const T> mine) {
    static_assert(std::is_trivially_copyable_v<T>);
    std::vector<std::vector<T>> all;
    for (const auto& bytes :
         gather_all({reinterpret_cast<const char*>(mine.data()), mine.size_bytes()})) {
      auto& list = all.emplace_back(bytes.size() / sizeof(T));
      if (!list.empty()) std::memcpy(list.data(), bytes.data(), bytes.size());
    }
    return all;
  }
  template <class T>
  std::vector<std::vector<T>> gather_all_lists(const std::vector<T>& mine) {
    return gather_all_lists(std::span(mine));
  }

  /// One small plain struct a rank, by rank, on every rank.
  template <class T>
  std::vector<T> gather_all_values(const T& mine) {
    std::vector<T> all;
    for (const auto& list : gather_all_lists(std::span(&mine, 1))) all.push_back(list.at(0));
    return all;
  }

  /// inout = the sum over ranks, as all_reduce_sum_async() gives it; of any length.
  template <class T>
  Ticket sum_async(std::vector<T>& inout) {
    constexpr DType type = std::is_same_v<T, float> ? DType::f32 : DType::f64;
    return all_reduce_sum_async(
        make_tensor(inout.data(), type, {static_cast<std::int64_t>(inout.size())}));
  }

 private:
  Activity activity_;
};

/// The only rank of a run; no MPI.
std::unique_ptr<Communicator> local_communicator();

}  // namespace ijepa
