// Exit codes of the programs that run on ranks, for the scripts that start them again. What each
// end looks like in the log is told in docs/slurm.md.
#pragma once

namespace ijepa::exit_code {

constexpr int finished = 0;
/// Bad input, a full disk at the end, ...: started again it would fail again.
constexpr int error = 1;
/// Stopped before its end by a signal or the clock, and saved: start again.
constexpr int saved = 85;
/// Ended by force, since ranks fell silent, stood still or did not stop in time: start again, it
/// goes on from the newest checkpoint.
constexpr int hung = 86;
/// Loss, gradients or weights are not finite: never start again with the same settings.
constexpr int not_finite = 87;
/// Ctrl-C pressed twice (128 + SIGINT).
constexpr int interrupted = 130;

}  // namespace ijepa::exit_code
