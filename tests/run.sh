#!/usr/bin/env bash
# Installs packages, builds and tests: unit, golden, gradient and mpi tests, and a smoke run of the
# others. `--all` adds the sanitizers and the whole end-to-end and fault tests. With CI=true a
# skipped golden, gradient, mpi, cuda, e2e, fault or slurm test is a failure.
# Functions are called through phase(), which shellcheck cannot see.
# shellcheck disable=SC2317
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

scope=quick
case "${1:-}" in
  "") ;;
  --all) scope=all ;;
  *) echo "usage: tests/run.sh [--all]" >&2; exit 2 ;;
esac

jobs=$(nproc)
# Tests run side by side, so each has one thread; those about threads start their own.
export OMP_NUM_THREADS=1
# Open MPI refuses to run as root, which is what a container or a CI machine usually is.
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1

summary=()
failed=0
# phase NAME COMMAND...: runs it, keeps its time for the summary; returns its success.
phase() {
  local name=$1 begin=$SECONDS result=passed
  shift
  printf '\n==== %s\n' "$name"
  "$@" || { result=FAILED; failed=1; }
  summary+=("$(printf '%-28s %5d s  %s' "$name" $((SECONDS - begin)) "$result")")
  [[ $result == passed ]]
}

finish() {
  printf '\n==== Summary (%s)\n' "$scope"
  printf '%s\n' "${summary[@]}"
  printf '%-28s %5d s  %s\n' total "$SECONDS" "$( ((failed)) && echo FAILED || echo passed)"
  exit "$failed"
}

# build PRESET TARGET...
build() {
  local preset=$1
  shift
  bash jobs/configure.sh "$preset" all || return 1
  cmake --build "build/$preset" --parallel "$jobs" --target "$@"
}

# run_labels PRESET LABELS [CTEST OPTION...]: LABELS is a regular expression.
run_labels() {
  local preset=$1 labels=$2 report
  shift 2
  report="$PWD/build/$preset.junit.xml"
  rm -f "$report"
  local status=0
  ctest --test-dir "build/$preset" -L "$labels" --no-tests=error --output-on-failure \
    --parallel "$jobs" --test-output-size-passed 1000000 --output-junit "$report" "$@" || status=1
  python3 tests/report_skips.py "build/$preset" "$report" || status=1
  return "$status"
}

mkdir -p build
phase "packages" bash jobs/install_packages.sh tests || finish
phase "Python packages" bash tests/python_packages.sh || true
phase "build release" build release all || finish
phase "unit, golden, gradient, mpi" run_labels release '^(unit|golden|gradient|mpi)$' || true
phase "CUDA without a GPU" run_labels release '^(cuda_(compile|emulated|race)|cudnn_plans)$' || true
if [[ $scope == quick ]]; then
  phase "smoke run of e2e, fault" run_labels release '^(e2e|fault)$' -E '^(e2e.learning|fault.ctrl_c)$' || true
  phase "one job on Slurm" run_labels release '^slurm$' -R ScontrolRequeue || true
  finish
fi

# e2e.learning has all that e2e.learns has.
phase "e2e, fault" run_labels release '^(e2e|fault)$' -E '^e2e.learns$' || true
phase "batch scripts on Slurm" run_labels release '^slurm$' || true
# Open MPI and libgomp never free some of what they allocate, so leaks are not looked for.
export ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=print_stacktrace=1
if phase "build asan" build asan unit_tests; then
  phase "unit under asan and ubsan" run_labels asan '^unit$' || true
fi
if phase "build fuzz targets" build fuzz fuzz_targets; then
  rm -rf build/fuzz/short
  phase "1,000 inputs of each fuzz corpus" env FUZZ_RUNS=1000 bash tests/fuzz/long.sh 480 build/fuzz/short || true
fi
export TSAN_OPTIONS="halt_on_error=1 suppressions=$PWD/tests/tsan.supp"
# Names begin with the folder: these are the tests of the target threaded_tests, less those of one thread alone.
if phase "build tsan" build tsan threaded_tests; then
  phase "unit under tsan" run_labels tsan '^unit$' \
    -R '^(core|device|comm|data|train)\.' -E '/cpu_[a-z0-9]+_1$' || true
fi
finish
