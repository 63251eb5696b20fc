#!/usr/bin/env bash
# Makes the tables of docs/performance.md about operations and training steps on this machine, and the
# picture of shares of the peak:
#   run.sh OUT [PYTHON]
# OUT receives ops.json, peers_*.csv, tables.md and share_of_peak.svg. PYTHON is one that has torch; without it
# steps have no peer. THREADS (1), TURNS (5) and SECONDS_A_TURN (10) change how it is measured. An hour
# with PyTorch, a quarter without; the machine should do nothing else meanwhile.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

(($# == 1 || $# == 2)) || { echo "usage: $0 OUT [PYTHON]" >&2; exit 2; }
out=$1 python=${2:-}
bin=build/release/bin
threads=${THREADS:-1} turns=${TURNS:-5} seconds=${SECONDS_A_TURN:-10}
for program in bench_ops bench_peer_step; do
  [[ -x $bin/$program ]] || { echo "$bin/$program is not there: build first, as README.md says." >&2; exit 1; }
done
[[ -z $python ]] || "$python" -c 'import torch' || { echo "$python has no torch." >&2; exit 1; }
mkdir -p "$out"

$bin/bench_ops --threads "$threads" --benchmark_min_time=0.1 --benchmark_out="$out/ops.json" \
  --benchmark_out_format=json

modes=()
[[ -z $python ]] || modes=(eager compiled "eager bfloat16" "compiled bfloat16")
# steps NAME RECIPE OPTION...
steps() {
  local name=$1 recipe=$2
  shift 2
  "${python:-python3}" benchmarks/peers/step.py $bin "configs/$recipe.toml" --threads "$threads" --turns "$turns" \
    --seconds "$seconds" --csv "$out/peers_$name.csv" --modes "${modes[@]}" "$@"
}
for type in float32 bfloat16; do
  steps "cifar10_small_$type" cifar10_small --set compute.precision=$type
  steps "vit_tiny_$type" cifar10_vitt4 --set compute.precision=$type --set optim.global_batch=128 \
    --set mask.truncate_group=128
  steps "vit_small_$type" imagenet_vits16 --set compute.precision=$type --set optim.global_batch=16 \
    --set mask.truncate_group=16
done
python3 benchmarks/tables.py "$out"
