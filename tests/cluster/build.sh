#!/bin/sh
# The images of the Slurm bench, and of the Grid Engine bench. Idempotent: an image is made again only when its recipe here has changed; on Debian as
# root what is missing to make it is installed. No registry of images is asked.
#
#   build.sh          Debian unstable: current Slurm, slurmdbd with MariaDB, Apptainer
#   build.sh 22.05    the same with Debian 12's Slurm 22.05, as old sites have it, and without accounting
#   build.sh gridengine    Grid Engine in place of Slurm
#
# DLCCTR_APT_MIRROR   a package mirror, if not Debian's default one
set -eu
cd "$(dirname "$0")/../.."

packages=munge,openssh-server,openssh-client,rsync,procps,iproute2,ca-certificates
packages=$packages,apptainer,squashfuse,fuse2fs,fuse-overlayfs
packages=$packages,python3-typer,python3-rich,python3-ruamel.yaml,python3-tomlkit,python3-jinja2
hook=true
case ${1:-current} in
current)
    name=dlcctr-bench:slurm
    packages=$packages,slurm-wlm,slurm-client,slurmdbd,slurm-wlm-mysql-plugin,mariadb-server,mariadb-client
    ;;
22.05)
    # Apptainer wants a newer libc than Debian 12 has; Slurm takes a newer one as it is
    name=dlcctr-bench:slurm-22.05
    hook='sh tests/cluster/old_slurm.sh "$1"'
    ;;
gridengine)
    name=dlcctr-bench:gridengine
    # its package makes a cluster for the host of the build where it is not told otherwise: grid_engine.sh makes one
    hook='chroot "$1" apt-get update -qq
        echo gridengine-master shared/gridengineconfig boolean false | chroot "$1" debconf-set-selections
        DEBIAN_FRONTEND=noninteractive chroot "$1" apt-get install -y -qq --no-install-recommends \
            gridengine-master gridengine-exec gridengine-client >/dev/null'
    ;;
*)
    echo "usage: build.sh [current|22.05|gridengine]" >&2
    exit 2
    ;;
esac
recipe=$(echo "$packages $hook" | cat - tests/cluster/old_slurm.sh | sha256sum | cut -c1-16)

sh scripts/engine.sh
[ "$(docker image inspect --format '{{.Config.Labels.recipe}}' "$name" 2>/dev/null)" = "$recipe" ] && exit 0
if ! command -v mmdebstrap >/dev/null; then
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        echo "error: $name needs mmdebstrap (Debian, Ubuntu: apt-get install mmdebstrap)" >&2
        exit 10
    fi
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends mmdebstrap >/dev/null
fi
echo "making $name (a few minutes, once)" >&2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
# Mirrors of unstable are often days old: their validity date says nothing about their signatures.
# Keys of munge and of sshd are made anew for each cluster: an image that holds some would share them.
mmdebstrap --quiet --variant=minbase --aptopt='Acquire::Check-Valid-Until "false"' \
    --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-include=/usr/share/doc/*/copyright' \
    --include="$packages" \
    --customize-hook="$hook" \
    --customize-hook='rm -f "$1"/etc/munge/munge.key "$1"/etc/ssh/ssh_host_*' \
    sid "$work/bench.tar" ${DLCCTR_APT_MIRROR:+"$DLCCTR_APT_MIRROR"}
replaced=$(docker image inspect --format '{{.Id}}' "$name" 2>/dev/null || true)
docker import --change "LABEL recipe=$recipe" "$work/bench.tar" "$name" >/dev/null
[ -z "$replaced" ] || docker image rm "$replaced" >/dev/null 2>&1 || true
echo "made $name: $(docker image inspect --format '{{.Size}} bytes' "$name")" >&2
