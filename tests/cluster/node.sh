#!/bin/sh
# A compute node: slurmd, and Apptainer for the jobs.
set -eu
. /bench/scripts/common.sh
install -d /var/lib/slurm/slurmd
if [ "$BENCH_MEMORY_CGROUPS" = yes ]; then
    for each in memory cpuset cpuacct cpu freezer devices; do
        mount -o remount,bind,rw "/sys/fs/cgroup/$each"
    done
fi
# a slurmd that finds no controller tries again only after 10 s
controller_answers() { scontrol ping | grep -qw UP; }
wait_for 90 controller_answers
supervise slurmd slurmd -D -N "$(hostname)"
wait
