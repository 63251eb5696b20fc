#!/usr/bin/env bash
# The GPU check: what a visit to a machine with one GPU has to tell, in three stages of at most
# eight minutes, the most valuable first. Needs Python 3 there, and what jobs/bundle.sh packed; no
# compiler, packages, root or network. Goes on past failures; exit code 0 only if nothing failed.
# usage: gpu_check.sh [--stage 1|2|3] [--device cuda|cuda:N|cpu] [--bundle FILE|FOLDER] [--out FOLDER]
#   --stage   one stage alone; else all three
#   --device  "cpu" tries the check itself, with small shapes
#   --bundle  default build/ijepa-bundle.tar.xz, or the unpacked bundle that this script lies in
#   --out     default $OUT, else build/gpu_check: at most 8 files (docs/cuda.md)
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

stage=all
device=cuda
out=${OUT:-}
bundle=
while (($# > 0)); do
  (($# > 1)) || { echo "$0: a value comes after $1; see the head of this script." >&2; exit 2; }
  case $1 in
    --stage) stage=$2 ;;
    --device) device=$2 ;;
    --bundle) bundle=$2 ;;
    --out) out=$2 ;;
    *) echo "$0: $1 is unknown; see the head of this script." >&2; exit 2 ;;
  esac
  shift 2
done
[[ $stage =~ ^(all|[123])$ ]] || { echo "$0: there is no stage $stage, only 1, 2 and 3." >&2; exit 2; }

if [[ -d $here/../libexec ]]; then # inside an unpacked bundle
  root=$(cd "$here/.." && pwd)
else
  root=$(cd "$here/.." && pwd)/build/ijepa-bundle.tar.xz
fi
root=${bundle:-$root}
[[ -e $root ]] || { echo "$0: there is no $root: make it with jobs/bundle.sh, or name one with --bundle." >&2; exit 2; }
if [[ -f $root ]]; then
  unpacked=$(mktemp -d)
  trap 'rm -rf "$unpacked"' EXIT
  tar -C "$unpacked" -xf "$root" || { echo "$0: $root is no whole bundle: make it anew with jobs/bundle.sh." >&2; exit 2; }
  root=$unpacked/ijepa
fi
checks=$here/gpu_check
[[ -d $checks ]] || checks=$here
command -v python3 >/dev/null || { echo "$0: python3 is not in PATH; the check needs it." >&2; exit 2; }
mkdir -p "${out:=build/gpu_check}"

python3 "$checks/check.py" --bundle "$root" --device "$device" --stage "$stage" --out "$out"
