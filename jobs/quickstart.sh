#!/usr/bin/env bash
# From a fresh machine to a pretrained network in ten minutes: builds the programs, makes labelled
# images (or takes those at PATH: class folders, or a tar of them), packs them into shards,
# pretrains a small transformer on two ranks, interrupted and resumed on the way, and judges its
# features beside those of the untrained network.
# usage: quickstart.sh [PATH]    everything goes to runs/quickstart, or runs/quickstart-NAME of PATH
# shellcheck disable=SC2317  # functions are called through phase()
set -euo pipefail

ranks=2
images_to_see=80000      # on PATH: epochs are chosen to come near
interrupt_after_steps=200

(($# <= 1)) || { echo "usage: $0 [PATH]" >&2; exit 2; }
input=
if (($# == 1)); then input=$(realpath -e -- "$1"); fi
cd "$(dirname "${BASH_SOURCE[0]}")/.."
out=runs/quickstart
if [[ -n $input ]]; then
  name=$(basename -- "$input")
  out=runs/quickstart-${name%%.*}
fi
bin=build/release/bin
run=$out/run

times=()
# phase NAME COMMAND...: runs it and keeps its time.
phase() {
  local name=$1 begin=$SECONDS
  shift
  printf '\n==== %s\n' "$name"
  "$@"
  times+=("$(printf '%5d s  %s' $((SECONDS - begin)) "$name")")
}

build() {
  # On GPUs this run would be as long, and compiling for them takes minutes.
  bash jobs/configure.sh release programs
  cmake --build build/release --target ijepa-synth ijepa-shards ijepa-inspect ijepa-pretrain \
    ijepa-probe
}

make_images() {
  if [[ -e $out/images ]]; then
    echo "$out/images is there already"
    return
  fi
  $bin/ijepa-synth --out "$out/images.part" --size 64 --train 4000 --test 1000
  mv "$out/images.part" "$out/images"
}

pack() {
  # Photographs are stored small: the crops of this run have 64 pixels. Where the input has no test
  # split, a tenth of its images becomes one.
  bash jobs/local.sh -n "$ranks" ijepa-shards "${input:-$out/images}" --out "$out/shards" \
    --short-side 128 --test-share 0.1
}

# The first of the splits named that was packed.
split() {
  local name
  for name in "$@"; do
    if [[ -d $out/shards/$name ]]; then
      echo "$out/shards/$name"
      return
    fi
  done
}

inspect() {
  $bin/ijepa-inspect "$train" --contact-sheet "$out/images.png" | tee "$out/shards.txt"
}

# A line of what ijepa-inspect said: inspected WORD -> the second word of the line WORD begins.
inspected() {
  awk -v word="$1" '$1 == word { print $2; exit }' "$out/shards.txt"
}

choose_settings() {
  settings=(--set "run.dir=$run" --set "data.shards=$train" --set run.log_every=100)
  if [[ -n $test ]]; then settings+=(--set "data.valid_shards=$test"); fi
  if [[ -z $input ]]; then return; fi
  local images epochs
  images=$(inspected images)
  if ((images < 64)); then
    echo "$images images are too few to train on: a step takes 64." >&2
    exit 1
  fi
  epochs=$(((images_to_see + images - 1) / images))
  # No more passes than a small run can use, and no warm-up longer than a fifth of them.
  if ((epochs > 40)); then epochs=40; fi
  settings+=(--set "optim.epochs=$epochs" --set "optim.warmup_epochs=$(awk "BEGIN{print $epochs/10}")")
  # The grid stays 8 x 8 patches: pixels that small images do not have would only cost time.
  local height width _
  read -r _ height _ width _ < <(grep '^pixels' "$out/shards.txt")
  if ((height < 48 || width < 48)); then
    settings+=(--set model.image_height=32 --set model.image_width=32 --set model.patch=4)
  fi
}

pretrain() {
  bash jobs/local.sh -n "$ranks" ijepa-pretrain configs/synthetic.toml "${settings[@]}"
}

steps_done() {
  if [[ -e $run/metrics.csv ]]; then wc -l <"$run/metrics.csv"; else echo 0; fi
}

pretrain_and_interrupt() {
  if (($(steps_done) > interrupt_after_steps)); then
    echo "$run has been interrupted already"
    return
  fi
  bash jobs/local.sh -n "$ranks" ijepa-pretrain configs/synthetic.toml "${settings[@]}" &
  local launcher=$! code=0
  while kill -0 $launcher 2>/dev/null && (($(steps_done) <= interrupt_after_steps)); do
    sleep 0.5
  done
  echo "-- interrupting mpirun after $interrupt_after_steps steps, as Ctrl-C or a batch system would"
  kill -TERM $launcher 2>/dev/null || true
  wait $launcher || code=$?
  # Code 0: all steps were done before the signal came.
  compgen -G "$run/checkpoints/*" >/dev/null || {
    echo "The interrupted run left no checkpoint (exit code $code)." >&2
    exit 1
  }
}

probe() {
  if [[ -z $test || $(inspected classes) -lt 2 ]]; then
    echo "The images have no classes to be told apart, so there is nothing to judge features by."
    echo "Put them into one folder a class to have this."
    return
  fi
  # As many steps of the heads as 4,000 images take in 100 passes: more images would take minutes more.
  local epochs=$((400000 / $(inspected images)))
  if ((epochs > 100)); then epochs=100; fi
  if ((epochs < 10)); then epochs=10; fi
  bash jobs/local.sh -n "$ranks" ijepa-probe --run "$run" --test "$test" --linear-epochs "$epochs" |
    tee "$out/probe.txt"
}

# What the last diagnostics say in plain words. k-NN says little after so short a run.
learned() {
  local health seen="On images it was not trained on"
  if [[ -z $test ]]; then seen="On images of its training"; fi
  health=$(grep '"event":"health"' "$run/events.jsonl" | tail -n 1) || return 0
  value() { sed -E "s/.*\"$1\":([^,}]*).*/\1/" <<<"$health"; }
  awk -v zero="$(value loss_to_zero)" -v mean="$(value loss_to_position_mean)" \
    -v gap="$(value cross_sample_gap)" -v seen="$seen" 'BEGIN {
    printf "%s the predictor is wrong by %.0f %% of what predicting zeros costs,\n", seen, 100 * zero
    printf "and by %.0f %% of what the mean over images at each place costs.\n", 100 * mean
    printf "What it predicts is nearer to its own image than to others, by a cosine of %.2f (0: it knows none).\n", gap
  }'
}

mkdir -p build "$out"
phase "packages" bash jobs/install_packages.sh build
phase "build" build
if [[ -z $input ]]; then phase "images" make_images; fi
phase "shards" pack
train=$(split train training)
test=$(split test testing val valid validation)
phase "look into the shards" inspect
choose_settings
phase "pretrain, interrupted" pretrain_and_interrupt
phase "pretrain, resumed" pretrain
phase "what the predictor learned" learned
phase "judge the features" probe

cat <<EOT

==== Where everything lies
images       ${input:-$out/images}, some of them in $out/images.png
shards       $train${test:+ and $test}
run          $run: config.toml, metrics.csv, events.jsonl, checkpoints/
evaluation   $run/probe/

==== What to run next
Your own images, in one folder a class or a tar of it:
  bash jobs/quickstart.sh PATH
A longer run of your own, from a copy of one of configs/*.toml; first what it would cost:
  $bin/ijepa-pretrain MY.toml --dry-run
  bash jobs/local.sh -n $ranks ijepa-pretrain MY.toml
The same on a Slurm cluster (docs/slurm.md):
  sbatch -A ACCOUNT -p PARTITION jobs/pretrain.sbatch MY.toml

==== Times
$(printf '%s\n' "${times[@]}")
$(printf '%5d s  in all' "$SECONDS")
EOT
