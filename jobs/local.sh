#!/usr/bin/env bash
# Starts a program on ranks of this machine: local.sh [-n RANKS] [-t THREADS] PROGRAM [ARGUMENT]...
# RANKS is 1 unless said, THREADS (of each rank) as many as share the cores out. A PROGRAM without a
# slash is one of build/release/bin. Ctrl-C saves and ends with code 85; the same command goes on.
# The exit code is the first that a rank ended with, other than 0 (docs/slurm.md has the table).
# shellcheck disable=SC2317  # pass_on() is called by a trap
set -euo pipefail

ranks=1
threads=
while getopts n:t: option; do
  case $option in
    n) ranks=$OPTARG ;;
    t) threads=$OPTARG ;;
    *) exit 2 ;;
  esac
done
shift $((OPTIND - 1))
for number in "$ranks" "${threads:-1}"; do
  [[ $number =~ ^[1-9][0-9]*$ ]] || { echo "$0: $number is not a number of ranks or threads" >&2; exit 2; }
done
(($# > 0)) || { echo "usage: $0 [-n RANKS] [-t THREADS] PROGRAM [ARGUMENT]..." >&2; exit 2; }

program=$1
shift
if [[ $program != */* ]]; then
  program=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)/build/release/bin/$program
fi
[[ -x $program ]] || { echo "$0: there is no program $program; build it first" >&2; exit 2; }

cores=$(nproc)
if [[ -z $threads ]]; then threads=$((cores > ranks ? cores / ranks : 1)); fi
export OMP_NUM_THREADS=$threads
if ((ranks == 1)); then exec "$program" "$@"; fi

# A signal to mpirun itself becomes SIGTERM after this time and SIGKILL after twice of it (the
# default is one second, which is no time to save).
export OMPI_MCA_odls_base_sigkill_timeout="${OMPI_MCA_odls_base_sigkill_timeout:-60}"
# Open MPI refuses to run as root, which is what one is in a container.
if [[ $(id -u) -eq 0 ]]; then
  export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
fi
# mpirun waits all of that time, too, whenever a rank ends with a code other than 0, be it "saved,
# start me again". So it is told not to mind; the ranks leave their codes in a file, and once there
# is one, whatever has not ended a little later waits for a rank that is gone.
export OMPI_MCA_orte_abort_on_non_zero_status=0
patience=25  # looks of a fifth of a second
IJEPA_EXIT_CODES=$(mktemp)
export IJEPA_EXIT_CODES
trap 'rm -f "$IJEPA_EXIT_CODES"' EXIT
# A signal comes to the whole group of a rank: its shell must outlive it.
# shellcheck disable=SC2016
rank='trap : INT TERM USR1 USR2
"$@"
code=$?
((code == 0)) || echo "$code" >>"$IJEPA_EXIT_CODES"
exit "$code"'

# In a session of its own, so that Ctrl-C comes to this script alone. Ranks are not bound to cores:
# Open MPI counts physical ones, and two jobs would share the first ones.
setsid mpirun -n "$ranks" --oversubscribe --bind-to none bash -c "$rank" rank "$program" "$@" &
launcher=$!

end_now() {
  local child children=()
  read -ra children < <(cat /proc/"$launcher"/task/*/children 2>/dev/null | tr "\n" " ") || true
  for child in "${children[@]}"; do
    kill -KILL -- "-$child" 2>/dev/null || true
  done
  kill -KILL "$launcher" 2>/dev/null || true
}

signals=0
# The first signal goes to the ranks at once and gently; a second one ends them.
pass_on() {
  signals=$((signals + 1))
  if ((signals == 1)); then
    kill -USR1 "$launcher" 2>/dev/null || true
  else
    end_now
  fi
}
trap pass_on INT TERM

code=0
{
  while kill -0 "$launcher"; do
    if [[ -s $IJEPA_EXIT_CODES ]] && ((--patience < 0)); then end_now; fi
    sleep 0.2 &
    wait $! || true
  done
  wait "$launcher" || code=$?
} 2>/dev/null # the shell would report whom it killed
if [[ -s $IJEPA_EXIT_CODES ]]; then code=$(head -n 1 "$IJEPA_EXIT_CODES"); fi
exit "$code"
