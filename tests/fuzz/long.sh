#!/usr/bin/env bash
# Fuzzes each reader for a while and prints a table of inputs tried, coverage, memory, processor time
# and finds:
#   long.sh [SECONDS [FOLDER [CORPUS ...]]]
# SECONDS of processor time for each target, 1800 if not said, which its corpora share, or FUZZ_RUNS
# inputs of each corpus if those are fewer: the same ones each time, from an empty FOLDER. FOLDER
# (build/fuzz/runs) keeps corpora, which a later run goes on from, logs, finds and table.txt. CORPUS:
# names such as zip, image.png; all if not said. FUZZ_JOBS run side by side, one a core if not said; an input may take
# FUZZ_TIMEOUT seconds, 20 if not said (more where others have the cores). Exits 1 if there are finds.
# Build before:
#   bash jobs/configure.sh fuzz all && cmake --build build/fuzz --target fuzz_targets
# fuzz() is called through xargs, which shellcheck cannot see.
# shellcheck disable=SC2016,SC2317
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

export seconds=${1:-1800} folder=${2:-build/fuzz/runs} bin=$PWD/build/fuzz/bin
shift $(($# < 2 ? $# : 2))
[[ $seconds =~ ^[1-9][0-9]*$ ]] || { echo "usage: $0 [SECONDS [FOLDER [CORPUS ...]]]" >&2; exit 2; }
[[ -x $bin/fuzz_seeds ]] || { echo "$bin holds no fuzz targets; the head of $0 says how to build them." >&2; exit 2; }

mkdir -p "$folder"/{corpus,finds,logs}
"$bin/fuzz_seeds" "$folder/corpus"
corpora=("$@")
(($#)) || mapfile -t corpora < <(find "$folder/corpus" -mindepth 1 -maxdepth 1 -printf '%f\n' | sort)
for corpus in "${corpora[@]}"; do
  [[ -d $folder/corpus/$corpus ]] || { echo "There is no corpus $corpus in $folder/corpus." >&2; exit 2; }
done

# Inputs are written as files, which memory serves best.
shm=/dev/shm
[[ -w $shm ]] || shm=${TMPDIR:-/tmp}
TMPDIR=$(mktemp -d -p "$shm" ijepa_fuzz_XXXXXX)
export TMPDIR
trap 'rm -rf "$TMPDIR"' EXIT

# Corpora in which target a corpus's reader is tried.
of_target() {
  printf '%s\n' "${corpora[@]%%.*}" | grep -cx "${1%%.*}"
}

# spent CORPUS: processor seconds of its rounds so far.
spent() {
  awk '{ seconds += $1 + $2 } END { print int(seconds + 0.5) }' "$folder/logs/$1.times"
}

# fuzz CORPUS SECONDS: in rounds, since libFuzzer counts seconds by the clock, of which a process has
# only a share where others have the cores. A round that ended otherwise, or all inputs, is the last.
fuzz() {
  local corpus=$1 longest=4096 seed=1 left=$2 TIMEFORMAT='%U %S'
  case $corpus in
    archive.*) longest=32768 ;;
    manifest | recipe) longest=16384 ;;
  esac
  : >"$folder/logs/$corpus"
  : >"$folder/logs/$corpus.times"
  while ((left > 0)); do
    {
      time "$bin/fuzz_${corpus%%.*}" -seed="$seed" -max_total_time="$left" -runs="${FUZZ_RUNS:--1}" -max_len="$longest" \
        -timeout="${FUZZ_TIMEOUT:-20}" -report_slow_units="${FUZZ_TIMEOUT:-20}" -rss_limit_mb=2048 \
        -print_final_stats=1 -artifact_prefix="$folder/finds/$corpus." \
        "$folder/corpus/$corpus" >>"$folder/logs/$corpus" 2>&1
    } 2>>"$folder/logs/$corpus.times" || return 0
    [[ -z ${FUZZ_RUNS:-} ]] || return 0
    left=$(($2 - $(spent "$corpus")))
    seed=$((seed + 1))
  done
}
export -f spent
export -f fuzz
for corpus in "${corpora[@]}"; do
  printf '%s\0%s\0' "$corpus" $(((seconds + $(of_target "$corpus") - 1) / $(of_target "$corpus")))
done | xargs -0 -n 2 -P "${FUZZ_JOBS:-$(nproc)}" bash -c 'fuzz "$1" "$2"' fuzz

# row CORPUS: from its log. A run that did not end as it should counts as a find, too.
row() {
  local log=$folder/logs/$1 tried coverage memory finds
  tried=$(awk '/^stat::number_of_executed_units:/ { sum += $2 } END { if (sum) print sum }' "$log")
  coverage=$(grep -o 'cov: [0-9]*' "$log" | tail -n 1 | cut -d ' ' -f 2 || true)
  memory=$(sed -n 's/^stat::peak_rss_mb: *//p' "$log" | sort -n | tail -n 1)
  finds=$(find "$folder/finds" -name "$1.*" | wc -l)
  if ((finds == 0)) && (($(grep -c '^Done [0-9]* runs' "$log") < $(wc -l <"$log.times"))); then finds=1; fi
  printf '%-14s %12s %9s %8s MB %13s s %6s\n' "$1" "${tried:--}" "${coverage:--}" "${memory:--}" "$(spent "$1")" "$finds"
  ((finds == 0))
}
status=0
{
  printf '%-14s %12s %9s %11s %15s %6s\n' corpus 'inputs tried' coverage 'peak memory' 'processor time' finds
  for corpus in "${corpora[@]}"; do row "$corpus" || status=1; done
} >"$folder/table.txt"
cat "$folder/table.txt"
for corpus in "${corpora[@]}"; do
  grep -h -A 12 '==ERROR\|runtime error\|libFuzzer: ' "$folder/logs/$corpus" | head -n 40 || true
done
exit "$status"
