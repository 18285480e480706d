#!/bin/bash
# Starts munged, slurmctld and slurmd of this machine alone, with all state in the folder given. Says on standard error
# why it cannot, with status 1. Stop it with: kill $(cat FOLDER/*.pid)
set -eu
folder=$1

cannot() { echo "no Slurm here: $1" >&2; exit 1; }

[ "$(id -u)" = 0 ] || cannot "it takes root"
for program in munged slurmctld slurmd sbatch; do
    command -v $program > /dev/null || cannot "$program is not installed (Debian: apt-get install slurm-wlm munge)"
done

chmod 755 "$folder"
head -c 128 /dev/urandom > "$folder/munge.key"
chmod 400 "$folder/munge.key"
munged --force --key-file="$folder/munge.key" --socket="$folder/munge.socket" --pid-file="$folder/munged.pid" \
    --log-file="$folder/munged.log" --seed-file="$folder/munge.seed" || cannot "munged does not start"

cat > "$folder/slurm.conf" << CONF
ClusterName=one
SlurmctldHost=$(hostname -s)(127.0.0.1)
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=$folder/munge.socket
CredType=cred/munge
MpiDefault=none
ProctrackType=proctrack/pgid
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
ReturnToService=2
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
SlurmdSpoolDir=$folder/spool
StateSaveLocation=$folder/state
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd.log
SlurmctldPort=26817
SlurmdPort=26818
SchedulerType=sched/backfill
SelectType=select/cons_tres
NodeName=$(hostname -s) NodeAddr=127.0.0.1 CPUs=$(nproc) State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
CONF
mkdir -p "$folder/spool" "$folder/state"
export SLURM_CONF=$folder/slurm.conf
slurmctld || cannot "slurmctld does not start: $(tail -1 "$folder/slurmctld.log" 2> /dev/null)"
slurmd || cannot "slurmd does not start: $(tail -1 "$folder/slurmd.log" 2> /dev/null)"
for _ in $(seq 30); do
    if sinfo --noheader --format %T 2> /dev/null | grep -q idle; then exit 0; fi
    sleep 1
done
cannot "the node does not come up: $(tail -1 "$folder/slurmd.log")"
