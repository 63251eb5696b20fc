#!/usr/bin/env bash
# From a fresh machine to a pretrained network in ten minutes: builds the programs, makes labelled
# images (or takes those at PATH: class folders, or a tar of them), packs them into shards,
# pretrains a small transformer on two ranks, interrupted and resumed on the way, and shows what its
# features are good for, beside those of the untrained network and raw pixels.
# usage: quickstart.sh [PATH]    everything goes to runs/quickstart, or runs/quickstart-NAME of PATH
# shellcheck disable=SC2317  # functions are called through phase()
set -euo pipefail

ranks=2
images_to_see=140000     # on PATH, each forty times at most
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
    ijepa-probe ijepa-infer ijepa-search
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
  # Photographs are stored small: the crops of this run have 64 pixels at most. Where the input has no test
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

# A configuration for the images at PATH: their pixels, channels, shape, whether they may be mirrored.
suggest() {
  if [[ -e $config ]]; then
    echo "$config is there already"
  elif [[ -e $run/config.toml ]]; then
    echo "$run was begun by an earlier quick start, with other settings. Remove $out to begin anew." >&2
    exit 1
  else
    $bin/ijepa-pretrain --suggest "$train" --see "$images_to_see" >"$config.part"
    mv "$config.part" "$config"
  fi
  echo "$config says of every setting why it is so."
  grep -A 1 "are less like the others" "$config" || true
}

choose_settings() {
  settings=(--set "run.dir=$run" --set "data.shards=$train" --set run.log_every=100)
  if [[ -n $test ]]; then settings+=(--set "data.valid_shards=$test"); fi
  if [[ -z $input ]]; then return; fi
  # What it is worth is asked at the end.
  settings+=(--set optim.micro_batch=0 --set eval.test_shards= --set run.checkpoint_minutes=1)
}

pretrain() {
  bash jobs/local.sh -n "$ranks" ijepa-pretrain "$config" "${settings[@]}"
}

steps_done() {
  if [[ -e $run/metrics.csv ]]; then wc -l <"$run/metrics.csv"; else echo 0; fi
}

pretrain_and_interrupt() {
  if (($(steps_done) > interrupt_after_steps)); then
    echo "$run has been interrupted already"
    return
  fi
  bash jobs/local.sh -n "$ranks" ijepa-pretrain "$config" "${settings[@]}" &
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
    echo "The images have no classes to be told apart, so the pictures alone show what was learned."
    echo "Put them into one folder a class to have figures."
    return
  fi
  # As many steps of the heads as 4,000 images take in 60 passes: more images would take minutes more.
  local epochs=$((240000 / $(inspected images)))
  if ((epochs > 60)); then epochs=60; fi
  if ((epochs < 10)); then epochs=10; fi
  bash jobs/local.sh -n "$ranks" ijepa-probe --run "$run" --test "$test" --linear-epochs "$epochs" |
    tee "$out/probe.txt"
}

# Numbers of six held-out images, of as many classes as there are.
six_images() {
  awk -F, 'NR > 1 && n < 6 { if (seen[$2]++) spare[++m] = NR - 2; else { print NR - 2; ++n } }
    END { for (i = 1; n < 6 && i <= m; ++i) { print spare[i]; ++n } }' \
    "$out/features/trained/features.csv"
}

# The nearest of the other held-out images to each of six, trained beside untrained, and what patches
# of the six have in common.
pictures() {
  local shown=${test:-$train} table=() images image maps=() count
  rm -rf "$out/features" "$out/neighbours"  # of a run that was there before
  count=$($bin/ijepa-inspect "$shown" | awk '$1 == "images" { print $2 }')
  if ((count <= 100000)); then table=(--csv); fi
  bash jobs/local.sh -n "$ranks" ijepa-infer --run "$run" --input "$shown" \
    --out "$out/features/trained" "${table[@]}"
  bash jobs/local.sh -n "$ranks" ijepa-infer --run "$run" --input "$shown" --encoder untrained \
    --out "$out/features/untrained"
  if ((count <= 100000)); then mapfile -t images < <(six_images); else images=(0 1 2 3 4 5); fi
  if ((${#images[@]} < 2)); then
    echo "One held-out image has no neighbours to show."
    return
  fi
  $bin/ijepa-search --features "$out/features/trained" --beside "$out/features/untrained" \
    --query "${images[@]}" --k $((${#images[@]} > 5 ? 5 : ${#images[@]} - 1)) \
    --out "$out/neighbours" >"$out/neighbours.txt"
  for image in "${images[@]}"; do maps+=(--pca "$image"); done
  $bin/ijepa-infer --run "$run" --input "$shown" --out "$out/features/trained" "${maps[@]}"
  mv "$out/neighbours/hits.png" "$out/neighbours.png"
  mv "$out/features/trained/pca.png" "$out/patches.png"
}

# probed NAME COLUMN: a figure of the table that ijepa-probe printed.
probed() {
  awk -v name="$1" -v column="$2" '$1 == name { print $column; exit }' "$out/probe.txt"
}

# What the features are good for, in two sentences: by accuracies where there are classes, else by
# what the last look at the features' health says.
good_for() {
  if [[ -s $out/probe.txt ]]; then
    awk -v t="$(probed trained 3)" -v u="$(probed untrained 3)" -v p="$(probed pixels 3)" \
      -v c="$(probed chance 2)" -v tl="$(probed trained 5)" -v ul="$(probed untrained 5)" \
      -v pl="$(probed pixels 5)" '
      function end(own, untrained, pixels) {
        if (own < untrained + 2) return ": training is no gain yet; train longer."
        if (own < pixels + 2) return ": training is a gain, but pixels do about as well, or better."
        return "."
      }
      BEGIN {
        printf "For finding alike images: the 20 nearest neighbours of a held-out image name its class\n"
        printf "in %.1f %% of cases, by the untrained network in %.1f %% and by pixels in %.1f %%,\n", t, u, p
        printf "where chance is %.1f %%%s\n", c, end(t, u, p)
        printf "For classifying: a linear layer on the features is right in %.1f %% of cases, on those of\n", tl
        printf "the untrained network in %.1f %%, on pixels in %.1f %%%s\n", ul, pl, end(tl, ul, pl)
      }'
    return
  fi
  local health
  health=$(grep '"event":"health"' "$run/events.jsonl" | tail -n 1) || return 0
  value() { sed -E "s/.*\"$1\":([^,}]*).*/\1/" <<<"$health"; }
  awk -v rank="$(value rankme)" -v cosine="$(value pairwise_cosine)" \
    -v gap="$(value cross_sample_gap)" 'BEGIN {
      printf "For finding alike images: features of different images span some %.0f directions and have\n", rank
      printf "a mean cosine of %.2f (1: all alike).\n", cosine
      printf "For telling what is hidden: a prediction is nearer to its own image than to others by a\n"
      printf "cosine of %.2f (0: it knows the place alone).\n", gap
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
config=configs/synthetic.toml
if [[ -n $input ]]; then
  config=$out/suggested.toml
  phase "choose settings" suggest
fi
choose_settings
phase "pretrain, interrupted" pretrain_and_interrupt
phase "pretrain, resumed" pretrain
phase "judge the features" probe
phase "draw neighbours and patches" pictures
phase "what the features are good for" good_for
if [[ -e $out/neighbours.png ]]; then
  echo
  echo "$out/neighbours.png shows six held-out images and the five nearest to each: on the left by"
  echo "the trained features, on the right by the untrained ones (green: of the same class)."
fi

cat <<EOT

==== Where everything lies
images       ${input:-$out/images}, some of them in $out/images.png
shards       $train${test:+ and $test}
run          $run: config.toml, metrics.csv, events.jsonl, checkpoints/
evaluation   $run/probe/, $out/neighbours.png, $out/patches.png

==== What to run next
Your own images, in one folder a class or a tar of it:
  bash jobs/quickstart.sh PATH
A longer run of your own, from a copy of one of configs/*.toml (docs/recipes.md); first what it would cost:
  $bin/ijepa-pretrain MY.toml --dry-run
  bash jobs/local.sh -n $ranks ijepa-pretrain MY.toml
The same on a Slurm cluster (docs/slurm.md):
  sbatch -A ACCOUNT -p PARTITION jobs/pretrain.sbatch MY.toml

==== Times
$(printf '%s\n' "${times[@]}")
$(printf '%5d s  in all' "$SECONDS")
EOT
