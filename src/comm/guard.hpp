// Guard: the one thread of a process that receives its signals, so that no other runs a handler,
// and that ends the process when the others cannot. Nothing here allocates, locks, throws or starts
// a thread once it runs, so it works beside a damaged heap and a lock that is held for ever.
#pragma once
#include <csignal>
#include <string_view>

namespace ijepa::guard {

/// Machine code of libraries may use the stack in ways that a handler's frame destroys: float32
/// products of oneDNN 2.6 and 3.2 on AVX-512 do. This is what may have a handler, the guard's own
/// signals and those of timers, profilers and children: blocked on every thread but the guard's.
/// The rest are faults, which a thread brings on itself, and signals that end or stop a process
/// whatever it does.
sigset_t kept_from_threads();

/// Blocks them on the calling thread and on those that it makes, and starts the guard, once in a
/// process. A program whose main() calls run_on_ranks() has them blocked before its libraries are
/// initialised, which may start threads of their own.
void start();

/// Called on the guard's thread with SIGINT, SIGTERM, SIGUSR1 or SIGUSR2, or with SIGCONT where
/// Open MPI's launcher sends it to a rank that was not stopped: it is the first sign that it is
/// about to end its ranks. Must not allocate or lock.
using Listener = void (*)(int signal);
/// Without a listener (nullptr) signals do what they do to any process.
void listen(Listener listener);

/// Said when a signal ends the process because nobody listens; must live for ever. Empty: nothing.
void say_when_ended(std::string_view line);

/// Said on standard error `seconds` from now, unless it is taken back by an empty line before.
void say_after(double seconds, std::string_view line);

/// A line to standard error in one piece, unless that would wait: mpirun reads nothing while it
/// ends its ranks.
void say(std::string_view line);

/// The process ends with `code` after `seconds`, whatever hangs; the earliest order counts.
void end_process_after(double seconds, int code);
/// Takes such an order back.
void do_not_end();

/// From now on a beat is expected within every `seconds` in which the process was not stopped, else
/// it ends with exit_code::hung; 0: never.
void expect_beats(double seconds);
void beat();

}  // namespace ijepa::guard
