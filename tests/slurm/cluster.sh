#!/usr/bin/env bash
# A Slurm cluster of emulated nodes on this machine, for tests and for trying job scripts by hand:
#   cluster.sh FOLDER [NODES [CPUS]]     then, elsewhere: export SLURM_CONF=FOLDER/slurm.conf; sbatch ...
# Unless said, 2 nodes that Slurm takes to have 16 CPUs each, as the scripts of jobs/ ask for.
# It prints "ready" once all nodes are idle and lives until its standard input ends (Ctrl-D, or the
# end of the test that started it, however that comes); then it ends what it started, jobs included.
#   cluster.sh --kill-node FOLDER NODE    a node dies: its daemon, its job steps, its ranks
#   cluster.sh --start-node FOLDER NODE   it comes back
# shellcheck disable=SC2317  # functions are called by traps
set -euo pipefail

# Processes of a node: its daemon and the steps write its log; what jobs run there has its name.
node_processes() {
  local folder=$1 node=$2
  {
    find /proc/[0-9]*/fd -lname "$folder/log/slurmd.$node.log" 2>/dev/null || true
    grep -lzx "SLURMD_NODENAME=$node" /proc/[0-9]*/environ 2>/dev/null |
      xargs -r grep -lz "^SLURM_CONF=$folder/" 2>/dev/null || true
  } | cut -d/ -f3 | sort -u
}

kill_node() {
  local processes
  # Ranks first would let the step report them; a machine without power reports nothing.
  mapfile -t processes < <(node_processes "$1" "$2")
  ((${#processes[@]} == 0)) || kill -KILL "${processes[@]}" 2>/dev/null || true
}

start_node() {
  # What a dead node left of PMIx would keep the same step from starting there again; booting clears it.
  rm -rf "$1/spool/$2"/*pmix* "$1/pmix/$2"/*
  SLURM_CONF=$1/conf.$2/slurm.conf slurmd -f "$1/conf.$2/slurm.conf" -N "$2"
}

PATH=$PATH:/usr/sbin
case "${1:-}" in
  --kill-node) kill_node "$(realpath "$2")" "$3"; exit ;;
  --start-node) start_node "$(realpath "$2")" "$3"; exit ;;
esac

(($# >= 1)) || { echo "usage: $0 FOLDER [NODES [CPUS]]" >&2; exit 2; }
mkdir -p "$1"
folder=$(realpath "$1")
nodes=${2:-2}
cpus=${3:-16}
user=$(id -un)
host=$(hostname -s)
export SLURM_CONF=$folder/slurm.conf
for program in munged slurmctld slurmd; do
  command -v $program >/dev/null ||
    { echo "$0: there is no $program; jobs/install_packages.sh tests installs it" >&2; exit 1; }
done

# A port that nobody listens on; tests of several checkouts may run at a time.
free_port() {
  local port
  while port=$((20000 + RANDOM % 12000)); (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do :; done
  echo "$port"
}

write_configuration() {
  mkdir -p "$folder"/{run,log,spool,state,pmix}
  chmod 755 "$folder/run"
  dd if=/dev/urandom of="$folder/munge.key" bs=1024 count=1 status=none
  chmod 600 "$folder/munge.key"
  cat >"$SLURM_CONF" <<EOT
ClusterName=test
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$(free_port)
SlurmUser=$user
SlurmdUser=$user
AuthType=auth/munge
AuthInfo=socket=$folder/run/munge.sock
CredType=cred/munge
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool/%n
SlurmctldPidFile=$folder/run/slurmctld.pid
SlurmdPidFile=$folder/run/slurmd.%n.pid
SlurmctldLogFile=$folder/log/slurmctld.log
SlurmdLogFile=$folder/log/slurmd.%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=bf_interval=1,sched_interval=2,batch_sched_delay=0
MpiDefault=none
SwitchType=switch/none
JobAcctGatherType=jobacct_gather/none
JobCompType=jobcomp/filetxt
JobCompLoc=$folder/log/jobs.txt
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
ReturnToService=2
SlurmdParameters=config_overrides
SlurmdTimeout=8
SlurmctldTimeout=8
MessageTimeout=5
KillWait=5
MinJobAge=3600
EOT
  local i
  for ((i = 1; i <= nodes; ++i)); do
    mkdir -p "$folder/spool/n$i" "$folder/pmix/n$i" "$folder/conf.n$i"
    echo "NodeName=n$i NodeHostname=$host NodeAddr=127.0.0.1 Port=$(free_port) CPUs=$cpus" \
      "RealMemory=4000" >>"$SLURM_CONF"
    ln -sf ../slurm.conf "$folder/conf.n$i/slurm.conf"
    # Two nodes on one host would share, and so refuse, the folders of PMIx.
    echo "PMIxCliTmpDirBase=$folder/pmix/n$i" >"$folder/conf.n$i/mpi.conf"
  done
  cat >>"$SLURM_CONF" <<EOT
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE PriorityTier=1 PreemptMode=REQUEUE GraceTime=8
PartitionName=urgent Nodes=ALL MaxTime=INFINITE PriorityTier=10 PreemptMode=OFF
EOT
}

start() {
  munged --force --key-file="$folder/munge.key" --socket="$folder/run/munge.sock" \
    --pid-file="$folder/run/munged.pid" --log-file="$folder/log/munged.log" \
    --seed-file="$folder/munge.seed"
  # Apart from this script's group: a signal to that is for the script, which ends all in order.
  setsid slurmctld -f "$SLURM_CONF"
  local i
  for ((i = 1; i <= nodes; ++i)); do start_node "$folder" "n$i"; done
  local tries
  for ((tries = 0; tries < 300; ++tries)); do
    if (($(sinfo -h -N -p main -t idle -o %n 2>/dev/null | wc -l) == nodes)); then return; fi
    sleep 0.1
  done
  echo "$0: the nodes did not come up; see $folder/log" >&2
  return 1
}

stop() {
  trap - EXIT
  trap '' INT TERM HUP
  local i pid
  for ((i = 1; i <= nodes; ++i)); do kill_node "$folder" "n$i"; done
  for pid in "$folder"/run/*.pid; do
    kill -KILL "$(cat "$pid")" 2>/dev/null || true
  done
}

trap stop EXIT
trap exit INT TERM HUP
write_configuration
start
echo ready
# Nobody may be left to read; a word of the shell would then end it before it has ended the others.
exec >/dev/null 2>&1
cat
