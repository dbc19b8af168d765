#!/bin/sh
# Debian 12's Slurm in the folder of another Debian's system, which build.sh is about to pack: old_slurm.sh FOLDER
set -eu
sed 's/ sid / bookworm /' "$1/etc/apt/sources.list" >"$1/etc/apt/sources.list.d/bookworm.list"
printf 'Package: *slurm*\nPin: release n=bookworm\nPin-Priority: 1001\n' >"$1/etc/apt/preferences.d/slurm"
APT_CONFIG="$MMDEBSTRAP_APT_CONFIG" apt-get update -qq
chroot "$1" apt-get update -qq
DEBIAN_FRONTEND=noninteractive chroot "$1" apt-get install -y -qq --no-install-recommends \
    slurmctld slurmd slurm-client >/dev/null
