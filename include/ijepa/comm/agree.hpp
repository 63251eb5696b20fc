// Agreement: the few things that all ranks must have in common, and work that one rank does for
// all. Either every rank goes on or every rank throws the same AgreedError; nobody is left waiting.
#pragma once
#include <exception>
#include <string>
#include <utility>
#include <vector>

#include "ijepa/comm/communicator.hpp"
#include "ijepa/core/message.hpp"

namespace ijepa {

/// An AgreedError on every rank names `what` and the ranks whose value differs from rank 0's.
void require_equal_on_all_ranks(Communicator& comm, const std::string& what,
                                const std::string& value);

/// The complaints of ranks (empty: none) as one text: the one that all have, or the first few with
/// their ranks. Empty when nobody complains.
std::string joined_problems(const std::vector<std::string>& by_rank);

/// `problem` is this rank's complaint, empty when it has none. An AgreedError on every rank lists
/// the complaints with their ranks, or gives the one that all ranks have.
void require_no_problem_on_any_rank(Communicator& comm, const std::string& problem);

/// Runs `work`, which says nothing to other ranks, on every rank; an exception on any becomes an
/// AgreedError on all.
template <class F>
void on_all_ranks(Communicator& comm, F&& work) {
  std::string problem;
  try {
    std::forward<F>(work)();
  } catch (...) {
    problem = message_of(std::current_exception());
  }
  require_no_problem_on_any_rank(comm, problem);
}

/// Runs `work` on rank 0; an exception there becomes an AgreedError on every rank. Returns when
/// rank 0 is done.
template <class F>
void on_rank_0(Communicator& comm, F&& work) {
  std::string problem;
  if (comm.rank() == 0) {
    try {
      std::forward<F>(work)();
    } catch (...) {
      problem = message_of(std::current_exception());
    }
  }
  problem = comm.broadcast_text(std::move(problem), 0);
  if (!problem.empty()) throw AgreedError(problem);
}

}  // namespace ijepa
