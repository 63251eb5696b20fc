#!/usr/bin/env bash
# How the runs of a sweep stand, a line each in the order of its table of settings:
#   bash jobs/sweep_table.sh RUNFOLDER TABLE
# RUNFOLDER is run.dir of the sweep's configuration, that of row NAME has -NAME behind. `loss` is the
# mean of the last 100 steps; `rankme` and `knn_top1` are the newest of events.jsonl, `-` where the
# run has none.
set -euo pipefail

(($# == 2)) || { echo "usage: $0 RUNFOLDER TABLE" >&2; exit 2; }

# Steps that are done, and the mean loss of the last ones: progress METRICS
progress() {
  awk -F, 'NR == 1 { for (i = 1; i <= NF; ++i) if ($i == "loss") at = i; next }
    { loss[NR % 100] = $at }
    END {
      for (i in loss) sum += loss[i]
      if (NR > 1) printf "%d %.4f\n", NR - 1, sum / length(loss); else print "0 -"
    }' "$1"
}

# The newest value of a figure: figure EVENTS NAME
figure() {
  local value
  value=$(grep -o "\"$2\":[^,}]*" "$1" 2>/dev/null | tail -n 1 | cut -d: -f2) || true
  if [[ -n $value ]]; then printf '%.4g\n' "$value"; else echo -; fi
}

row() {
  printf '%-20s %9s %9s %8s %8s  %s\n' "$@"
}

row run steps loss rankme knn_top1 settings
while read -r name settings; do
  if [[ -z $name || $name == \#* ]]; then continue; fi
  folder=$1-$name
  steps=0 loss=-
  if [[ -s $folder/metrics.csv ]]; then read -r steps loss < <(progress "$folder/metrics.csv"); fi
  row "$name" "$steps" "$loss" "$(figure "$folder/events.jsonl" rankme)" \
    "$(figure "$folder/events.jsonl" knn_top1)" "$settings"
done <"$2"
