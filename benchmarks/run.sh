#!/usr/bin/env bash
# Makes the tables of docs/performance.md about operations and training steps on this machine, and the
# picture of shares of the peak:
#   run.sh OUT [PYTHON [PART...]]
# PYTHON is one that has torch; without it, or with "-", steps have no peer. PARTs are "ops" and networks, each
# with its type, as in "vit_tiny_float32"; without any, all of them. OUT receives ops.json, peers_PART.csv, tables.md
# and share_of_peak.svg, of this and earlier calls, so an hour can be spent in parts. THREADS (1), TURNS (5),
# SECONDS_A_TURN (10) and MODES ("eager,compiled,eager bfloat16,compiled bfloat16") change how it is measured. An
# hour with PyTorch, a quarter without; on one thread the machine may do other things meanwhile.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

(($# >= 1)) || { echo "usage: $0 OUT [PYTHON [PART...]]" >&2; exit 2; }
out=$1 python=${2:-}
[[ $python != - ]] || python=
all=(ops {cifar10_small,vit_tiny,vit_small}_{float32,bfloat16})
parts=("${@:3}")
((${#parts[@]} > 0)) || parts=("${all[@]}")
for part in "${parts[@]}"; do
  [[ " ${all[*]} " == *" $part "* ]] || { echo "There is no part \"$part\", only ${all[*]}." >&2; exit 2; }
done
bin=build/release/bin
threads=${THREADS:-1} turns=${TURNS:-5} seconds=${SECONDS_A_TURN:-10}
for program in bench_ops bench_peer_step; do
  [[ -x $bin/$program ]] || { echo "$bin/$program is not there: build first, as README.md says." >&2; exit 1; }
done
[[ -z $python ]] || "$python" -c 'import torch' || { echo "$python has no torch." >&2; exit 1; }
mkdir -p "$out"

modes=()
[[ -z $python ]] || IFS=, read -ra modes <<<"${MODES:-eager,compiled,eager bfloat16,compiled bfloat16}"

operations() {
  $bin/bench_ops --threads "$threads" --benchmark_min_time=0.1 --benchmark_out="$out/ops.json" \
    --benchmark_out_format=json
}

# steps PART: NETWORK_TYPE
steps() {
  local part=$1 type=${1##*_} recipe options=()
  case $part in
    cifar10_small_*) recipe=cifar10_small ;;
    vit_tiny_*) recipe=cifar10_vitt4 options=(--set optim.global_batch=128 --set mask.truncate_group=128) ;;
    vit_small_*) recipe=imagenet_vits16 options=(--set optim.global_batch=16 --set mask.truncate_group=16) ;;
  esac
  "${python:-python3}" benchmarks/peers/step.py $bin "configs/$recipe.toml" --threads "$threads" --turns "$turns" \
    --seconds "$seconds" --csv "$out/peers_$part.csv" --modes "${modes[@]}" --set "compute.precision=$type" \
    "${options[@]}"
}

for part in "${parts[@]}"; do
  if [[ $part == ops ]]; then operations; else steps "$part"; fi
done
python3 benchmarks/tables.py "$out"
