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

# Should somebody signal mpirun itself, it kills the ranks after twice this time (Open MPI 4; else
# after two seconds, which may be no time to save). They hear of it at once, by SIGCONT.
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

launcher=
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
  if [[ -z $launcher ]]; then return; fi # it is passed on once there is one
  if ((signals == 1)); then
    kill -USR1 "$launcher" 2>/dev/null || true
  else
    end_now
  fi
}
trap pass_on INT TERM USR1 USR2 HUP

# In a session of its own, so that Ctrl-C comes to this script alone. Ranks are not bound to cores:
# Open MPI counts physical ones, and two jobs would share the first ones.
setsid mpirun -n "$ranks" --oversubscribe --bind-to none bash -c "$rank" rank "$program" "$@" &
launcher=$!
if ((signals > 0)); then kill -USR1 "$launcher" 2>/dev/null || true; fi

# mpirun drops a signal that comes before its ranks run. So it is sent again, more and more rarely;
# ranks that have heard it mind no other.
looks=0 again=5
send_again() {
  ((signals == 1)) || return 0
  if ((++looks < again)); then return; fi
  again=$((again * 2)) looks=0
  kill -USR1 "$launcher" 2>/dev/null || true
}

code=0
{
  while kill -0 "$launcher"; do
    if [[ -s $IJEPA_EXIT_CODES ]]; then
      if ((--patience < 0)); then end_now; fi
    else
      send_again
    fi
    sleep 0.2 &
    wait $! || true
  done
  wait "$launcher" || code=$?
} 2>/dev/null # the shell would report whom it killed
if [[ -s $IJEPA_EXIT_CODES ]]; then code=$(head -n 1 "$IJEPA_EXIT_CODES"); fi
if ((signals > 0 && code == 138)); then # by SIGUSR1 itself: mpirun or a rank could not listen yet
  echo "Ended by a signal before the start was done; nothing was begun." >&2
fi
exit "$code"
