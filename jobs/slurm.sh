# shellcheck shell=bash
# What the batch scripts share. Slurm starts them in the folder of submission, the top of the
# project; there they source this file. Of the environment it takes:
#   IJEPA_BIN           folder of the programs; else build/release/bin, or bin of a bundle
#   IJEPA_CONTAINER     image (jobs/ijepa.def) in which the programs run; empty: none
#   IJEPA_SRUN_MPI      how srun connects ranks (srun --mpi=list)
#   IJEPA_MAX_RESTARTS  restarts in a row that may bring no new checkpoint, before a job gives up

# Exit codes after which the same command goes on by itself (docs/slurm.md): saved (85), hung (86), or
# ended by a signal: KILL, as the kernel does when memory is short (128 + 9), or USR1, USR2 and TERM
# before the program could listen (128 + 10, 12, 15). Not after errors and NaN, which would come back.
start_again_codes="85 86 137 138 140 143"

# Sourcing leaves the batch script's own arguments as they are: a job that is submitted again has them.
script_arguments=("$@")

in_container=()
programs=${IJEPA_BIN:-build/release/bin}
if [[ -z ${IJEPA_BIN:-} && ! -d $programs ]]; then programs=bin; fi
if [[ -n ${IJEPA_CONTAINER:-} ]]; then
  in_container=(apptainer exec --bind "$PWD")
  # The job has GPUs: the image takes the host's driver.
  if [[ -n ${SLURM_JOB_GPUS:-}${SLURM_GPUS_ON_NODE:-} ]]; then in_container+=(--nv); fi
  in_container+=("$IJEPA_CONTAINER")
  programs=${IJEPA_BIN:-/usr/local/bin}
fi

# Joules of the job's ended steps, since it last started, where Slurm measures them (AcctGatherEnergyType
# and accounting); nothing elsewhere.
joules() {
  timeout 10 sacct --noheader --parsable2 --jobs="$SLURM_JOB_ID" --format=JobID,ConsumedEnergyRaw 2>/dev/null |
    awk -F'|' '$1 ~ /\.[0-9]+$/ && $2 > 0 && $2 < 1e18 { sum += $2 } END { if (sum) printf "%.0f\n", sum }'
}

# What the job did and cost since it last started, as its last line. pretrain sets the work done.
work_done=
job_summary() {
  local nodes=${SLURM_JOB_NUM_NODES:-1} energy
  energy=$(joules) || energy=
  awk -v job="$SLURM_JOB_ID" -v nodes="$nodes" -v s="$SECONDS" -v work="$work_done" -v joules="$energy" 'BEGIN {
    printf "job %s: %d node%s for %d h %02d min %02d s, %.3g node hours", job, nodes, nodes == 1 ? "" : "s",
      s / 3600, s % 3600 / 60, s % 60, nodes * s / 3600
    if (work) printf "; %s", work
    if (joules) printf "; %.3g MJ (%.3g kWh) by Slurm'"'"'s measure", joules / 1e6, joules / 3.6e6
    print ""
  }'
}
# Not where a person sources this file outside of a job. Its own failure leaves the job's code as it is.
if [[ -n ${SLURM_JOB_ID:-} ]]; then trap 'job_summary || true' EXIT; fi

# What ijepa-pretrain with these arguments takes a setting to be: setting KEY ARGUMENT...
setting() {
  "${in_container[@]}" "$programs/ijepa-pretrain" "${@:2}" --show "$1"
}

# on_ranks PROGRAM ARGUMENT...: one process a task of the job, connected by MPI. Its code is the
# largest of the tasks'. One that dies takes the others with it, which would wait for it.
on_ranks() {
  local name=$1
  shift
  export OMP_NUM_THREADS="${SLURM_CPUS_PER_TASK:-1}"
  srun --mpi="${IJEPA_SRUN_MPI:-pmix}" --cpus-per-task="$OMP_NUM_THREADS" --kill-on-bad-exit=1 \
    "${in_container[@]}" "$programs/$name" "$@"
}

starts_again() {
  [[ " $start_again_codes " == *" $1 "* ]]
}

# code_of_all CODE: that of srun, unless the ranks left what says more. Where one ends with an error,
# or before the others, srun kills these and reports them; where none could be started it may report 0.
code_of_all() {
  local left saved=
  while read -r left; do
    ((left == 0)) || starts_again "$left" || { echo "$left"; return; }
    if ((left != 0)); then saved=$left; fi
  done <"$IJEPA_RANK_CODES"
  if [[ -n $saved ]]; then
    echo "$saved"
    return
  fi
  if (($1 == 0)) && [[ ! -s $IJEPA_RANK_CODES ]]; then
    echo "pretrain: no rank has run" >&2
    echo 86
    return
  fi
  echo "$1"
}

# The step of the newest checkpoint of a run folder; 0: it has none. A checkpoint's folder appears
# under this name when it is whole.
newest_step() {
  local folder step=0
  for folder in "$1"/checkpoints/step_*; do
    [[ $folder =~ /step_0*([0-9]+)$ ]] && ((BASH_REMATCH[1] > step)) && step=${BASH_REMATCH[1]}
  done
  echo "$step"
}

# The last whole row of a run's metrics, which ends with its step; nothing where it has none yet.
last_row() {
  local row last=
  while IFS= read -r row; do last=$row; done < <(tail -n 2 "$1/metrics.csv" 2>/dev/null)
  if [[ ${last##*,} =~ ^[0-9]+$ ]]; then echo "$last"; fi
}

# steps_since RUN STEP ROW ARGUMENT...: what a run has done after that step, as its metrics tell. ROW is
# the last one before: where it still is the last, this job added none, and an earlier one did those steps.
steps_since() {
  local last steps batch
  last=$(last_row "$1")
  if [[ -z $last || $last == "$3" ]]; then return 0; fi
  steps=$((10#${last##*,} - $2))
  ((steps > 0)) || return 0
  batch=$(setting optim.global_batch "${@:4}")
  [[ $batch =~ ^[0-9]+$ ]] || return 0
  echo "$steps steps of $batch images, $((steps * batch)) images"
}

# RUN/restarts holds "STEP COUNT": the newest checkpoint's step when this job last started, and how
# often in a row it has started there. A job that a person submits begins to count anew.
count_restart() {
  local run=$1 step before=-1 count=0
  step=$(newest_step "$run")
  if [[ ${SLURM_RESTART_COUNT:-0} -gt 0 || -n ${IJEPA_RESUBMITTED:-} ]] && [[ -e $run/restarts ]]; then
    read -r before count <"$run/restarts" || true
    if ((step > before)); then count=0; else count=$((count + 1)); fi
  fi
  echo "$step $count" >"$run/restarts.new"
  mv "$run/restarts.new" "$run/restarts"
}

# may_restart RUN MORE: whether so many starts more may help.
may_restart() {
  local step count most=${IJEPA_MAX_RESTARTS:-3}
  read -r step count <"$1/restarts"
  if (($(newest_step "$1") > step || count + $2 <= most)); then return; fi
  echo "pretrain: the checkpoint of step $step is still the newest after $most restarts, so the job" \
    "is not started again. Find the cause above (a checkpoint may take longer than the job has);" \
    "the same sbatch line then goes on." >&2
  return 1
}

# The job once more, after this one: where requeueing is forbidden or compute nodes lack scontrol.
resubmit() {
  export IJEPA_RESUBMITTED=1
  local options=(--parsable --dependency="afterany:$SLURM_JOB_ID" --job-name="$SLURM_JOB_NAME"
    --nodes="$SLURM_JOB_NUM_NODES" --open-mode=append)
  local log
  log=$(readlink "/proc/$$/fd/1") && options+=(--output="$log")
  # option:variable with which Slurm tells a job how it was submitted
  local pair name
  for pair in account:SLURM_JOB_ACCOUNT partition:SLURM_JOB_PARTITION qos:SLURM_JOB_QOS \
    reservation:SLURM_JOB_RESERVATION ntasks:SLURM_NTASKS ntasks-per-node:SLURM_NTASKS_PER_NODE \
    cpus-per-task:SLURM_CPUS_PER_TASK gpus-per-node:SLURM_GPUS_PER_NODE \
    gpus-per-task:SLURM_GPUS_PER_TASK mem-per-cpu:SLURM_MEM_PER_CPU array:SLURM_ARRAY_TASK_ID; do
    name=${pair#*:}
    if [[ -n ${!name:-} ]]; then options+=("--${pair%%:*}=${!name}"); fi
  done
  local limit
  limit=$(squeue -h -j "$SLURM_JOB_ID" -o %l) && options+=(--time="$limit")
  sbatch "${options[@]}" "$0" "${script_arguments[@]}"
}

start_again() {
  local next
  # scontrol ends this script, so the word comes first.
  echo "pretrain: asking Slurm to requeue this job, which goes on from the newest checkpoint"
  if scontrol requeue "$SLURM_JOB_ID"; then return; fi
  if next=$(resubmit); then
    echo "pretrain: this job may not be requeued; job $next does the same and waits for its end"
    return
  fi
  echo "pretrain: neither scontrol nor sbatch works here: submit the same line again to go on" >&2
}

# pretrain ARGUMENT...: trains in the run folder. A job that Slurm or a signal interrupts goes on by
# itself, unless restarts bring nothing any more.
pretrain() {
  local run first row code=0 ended_by_slurm=
  run=$(setting run.dir "$@")
  mkdir -p "$run"
  count_restart "$run"
  may_restart "$run" 0
  first=$(newest_step "$run")
  row=$(last_row "$run")
  # At scancel, the time limit or the end of a preemption's grace time Slurm ends the job itself and
  # knows whether it comes back; requeueing a cancelled job would bring it back to life.
  trap 'ended_by_slurm=1' TERM
  export IJEPA_RANK_CODES=$run/rank_codes
  : >"$IJEPA_RANK_CODES"
  on_ranks ijepa-pretrain "$@" || code=$?
  code=$(code_of_all "$code")
  work_done=$(steps_since "$run" "$first" "$row" "$@") || work_done=
  if [[ -z $ended_by_slurm ]] && starts_again "$code" && may_restart "$run" 1; then start_again; fi
  return "$code"
}
