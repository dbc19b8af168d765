#!/bin/sh
# The base image without a registry: Debian 12 from Debian's own package archive, imported into Docker.
# For machines behind an air gap or a mirror. `image build` finds the result by its name.
#
#   base.sh               make it (or make it again)
#   base.sh --if-needed   only when the pinned base is neither here nor to be had from a registry
#
# DLCCTR_APT_MIRROR   a package mirror, if not Debian's default one: an address, or a line for sources.list. The image's
#                     own Debian packages come from it, too
set -eu
cd "$(dirname "$0")/.."
. ./versions.env
export SOURCE_DATE_EPOCH # mmdebstrap's: the same packages give the same base
name=dlcctr-base:bookworm

if ! command -v docker >/dev/null; then
    echo "error: docker was not found. Install Docker Engine (Debian: apt-get install docker.io) and start it." >&2
    exit 10
fi
here() { docker image inspect "$1" >/dev/null 2>&1; }
if [ "${1:-}" = --if-needed ]; then
    for image in "$BASE_IMAGE@$BASE_DIGEST" "$name"; do
        here "$image" && exit 0
    done
    docker pull -q "$BASE_IMAGE@$BASE_DIGEST" >/dev/null 2>&1 && exit 0
fi

if ! command -v mmdebstrap >/dev/null; then
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        echo "error: mmdebstrap was not found. Install it (Debian, Ubuntu: apt-get install mmdebstrap), or take another" >&2
        echo "  base with: dlcctr image build --base IMAGE" >&2
        exit 10
    fi
    echo "installing mmdebstrap"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends mmdebstrap >/dev/null
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
# The same files stay out as in Debian's own slim image: manuals, translations and most of the documentation.
mmdebstrap --quiet --variant=minbase \
    --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/info/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-include=/usr/share/doc/*/copyright' \
    bookworm "$work/base.tar" ${DLCCTR_APT_MIRROR:+"$DLCCTR_APT_MIRROR"}
replaced=$(docker image inspect --format '{{.Id}}' "$name" 2>/dev/null || true)
docker import --change 'CMD ["bash"]' --message "Debian 12 made by scripts/base.sh" "$work/base.tar" "$name" >/dev/null
[ -z "$replaced" ] || docker image rm "$replaced" >/dev/null 2>&1 || true
echo "made $name: $(docker image inspect --format '{{.Id}} {{.Size}} bytes' "$name")"
