#!/usr/bin/env bash
# slurm_here.sh COMMAND...: run a command beside a real Slurm of one node on this machine's loopback.
# Needs root, and: apt-get install --no-install-recommends slurm-wlm munge. All files of the
# scheduler lie in a temporary folder, but for a link to its configuration in /etc/slurm (jobs look
# nowhere else); link and daemons go with the command.
set -euo pipefail
[ $# -gt 0 ] || { echo "error: what is to be run? slurm_here.sh COMMAND..." >&2; exit 2; }
[ "$(id -u)" = 0 ] || { echo "error: Slurm's daemons need root" >&2; exit 2; }
for program in munged slurmctld slurmd sbatch; do
    command -v "$program" > /dev/null || {
        echo "error: no $program; apt-get install --no-install-recommends slurm-wlm munge" >&2
        exit 2
    }
done
place=$(mktemp -d /tmp/slurm_here.XXXXXX)
chmod 755 "$place"
host=$(hostname -s)
mkdir -p "$place"/{state,spool,munge}
head -c 1024 /dev/urandom > "$place/munge/key"
chmod 400 "$place/munge/key"
chmod 711 "$place/munge"
cat > "$place/slurm.conf" << CONFIG
ClusterName=here
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=16817
SlurmdPort=16818
SlurmUser=root
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket=$place/munge/socket
StateSaveLocation=$place/state
SlurmdSpoolDir=$place/spool
SlurmctldPidFile=$place/slurmctld.pid
SlurmdPidFile=$place/slurmd.pid
SlurmctldLogFile=$place/slurmctld.log
SlurmdLogFile=$place/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
ReturnToService=2
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
MinJobAge=86400
AccountingStorageType=accounting_storage/none
NodeName=$host NodeAddr=127.0.0.1 CPUs=$(getconf _NPROCESSORS_ONLN) RealMemory=$(($(awk '/^MemTotal/ {print $2}' /proc/meminfo) / 1100)) State=UNKNOWN
PartitionName=main Nodes=$host Default=YES MaxTime=INFINITE State=UP
CONFIG
conf=/etc/slurm/slurm.conf
[ ! -e "$conf" ] || { echo "error: $conf: this machine has a Slurm; use that one" >&2; exit 2; }
mkdir -p /etc/slurm
ln -sfn "$place/slurm.conf" "$conf"
daemons=()
finish() {
    status=$?
    trap - EXIT
    scancel --me 2> /dev/null || true
    for pid in "${daemons[@]}"; do kill "$pid" 2> /dev/null || true; done
    wait 2> /dev/null || true
    rm -f "$conf"
    if [ "$status" = 0 ]; then rm -rf "$place"; else echo "the scheduler's logs: $place" >&2; fi
    exit "$status"
}
trap finish EXIT
munged --foreground --force --socket="$place/munge/socket" --key-file="$place/munge/key" \
    --pid-file="$place/munge/pid" --seed-file="$place/munge/seed" > "$place/munge.out" 2>&1 &
daemons+=($!)
for _ in $(seq 100); do [ -S "$place/munge/socket" ] && break; sleep 0.1; done
slurmctld -D > "$place/slurmctld.out" 2>&1 &
daemons+=($!)
slurmd -D -N "$host" > "$place/slurmd.out" 2>&1 &
daemons+=($!)
for _ in $(seq 300); do
    [ "$(sinfo -h -o %T 2> /dev/null)" = idle ] && break
    sleep 0.2
done
sinfo
"$@"
