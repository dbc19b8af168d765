#!/bin/sh
# The Apptainer bench: an image with the Apptainer of Debian unstable (Debian 12 has none, and its libc is too old for
# it) and with what dlcctr itself imports, used with `docker run`. Idempotent; on Debian as root it installs what it needs. No registry is asked.
set -eu
cd "$(dirname "$0")/../.."
name=dlcctr-bench:apptainer
recipe=$(sha256sum tests/docker/build.sh | cut -c1-16)

sh scripts/engine.sh
[ "$(docker image inspect --format '{{.Config.Labels.recipe}}' "$name" 2>/dev/null)" = "$recipe" ] && exit 0
if ! command -v mmdebstrap >/dev/null; then
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        echo "error: the Apptainer bench needs mmdebstrap (Debian, Ubuntu: apt-get install mmdebstrap)" >&2
        exit 10
    fi
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends mmdebstrap >/dev/null
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
# Mirrors of unstable are often days old: their validity date says nothing about their signatures.
mmdebstrap --quiet --variant=minbase --aptopt='Acquire::Check-Valid-Until "false"' \
    --include=apptainer,squashfuse,fuse2fs,fuse-overlayfs,ca-certificates \
    --include=python3-typer,python3-rich,python3-ruamel.yaml,python3-tomlkit \
    sid "$work/bench.tar" ${DLCCTR_APT_MIRROR:+"$DLCCTR_APT_MIRROR"}
replaced=$(docker image inspect --format '{{.Id}}' "$name" 2>/dev/null || true)
docker import --change "LABEL recipe=$recipe" "$work/bench.tar" "$name" >/dev/null
[ -z "$replaced" ] || docker image rm "$replaced" >/dev/null 2>&1 || true
echo "made $name: $(docker image inspect --format '{{.Size}} bytes' "$name")"
