// StartNotice: says which nodes wait while MPI connects the ranks of a job, and gives up a start
// that does not come about.
#pragma once
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

#include "ijepa/comm/cluster.hpp"
#include "ijepa/comm/session.hpp"

namespace ijepa {

/// A line to standard error in one piece, so that lines of ranks do not mix.
void print_line(const std::string& text);

/// MPI cannot say for which ranks it waits before it runs. So the first rank of each node says that
/// it waits: the nodes that are not heard are those to look at.
class StartNotice {
 public:
  StartNotice(const Environment& environment, const SessionOptions& options);
  /// MPI has started.
  ~StartNotice();
  StartNotice(const StartNotice&) = delete;
  StartNotice& operator=(const StartNotice&) = delete;

 private:
  void wait(const Environment& environment, const SessionOptions& options);

  std::mutex mutex_;
  std::condition_variable wake_;
  bool started_ = false;
  std::thread thread_;
};

}  // namespace ijepa
