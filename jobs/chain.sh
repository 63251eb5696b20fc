#!/usr/bin/env bash
# Pretrains, probes and extracts features, each job after the one before has ended well:
#   bash jobs/chain.sh TEST_SHARDS FEATURES [SBATCH_OPTION]... -- CONFIG.toml [--set a.b=c]...
# When one fails, the later ones are cancelled; the same line then goes on where it was.
set -euo pipefail

usage="usage: $0 TEST_SHARDS FEATURES [SBATCH_OPTION]... -- CONFIG.toml [--set a.b=c]..."
(($# >= 4)) || { echo "$usage" >&2; exit 2; }
test_shards=$1 features=$2
shift 2
options=()
while (($# > 0)) && [[ $1 != -- ]]; do
  options+=("$1")
  shift
done
(($# >= 2)) || { echo "$usage" >&2; exit 2; }
shift
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source jobs/slurm.sh

run=$(setting run.dir "$@")
images=$(setting data.shards "$@")
# after JOB SCRIPT ARGUMENT...: the number of a job that waits for another.
after() {
  sbatch --parsable --dependency="afterok:$1" --kill-on-invalid-dep=yes "${options[@]}" "${@:2}"
}
pretraining=$(sbatch --parsable "${options[@]}" jobs/pretrain.sbatch "$@")
probing=$(after "$pretraining" jobs/probe.sbatch --run "$run" --test "$test_shards")
inference=$(after "$probing" jobs/infer.sbatch --run "$run" --input "$images" --out "$features")
echo "jobs: pretrain $pretraining, probe $probing, infer $inference"
