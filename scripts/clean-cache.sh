#!/bin/sh
# Remove what `make demo`, `make image`, `make cluster` and `make test` leave on this machine beside the checkout:
# environments and caches of dlcctr, its Docker images, the checkout's .cache. Debian packages stay, and so do results.
set -eu
cd "$(dirname "$0")/.."
cache=${XDG_CACHE_HOME:-$HOME/.cache}/dlcctr

for folder in "$cache" .cache; do
    [ -e "$folder" ] || continue
    echo "removing $folder ($(du -sh "$folder" | cut -f1))"
    chmod -R u+w "$folder"
    rm -rf "$folder"
done
if ! command -v docker >/dev/null || ! docker info >/dev/null 2>&1; then
    echo "no Docker engine answers: images, if there are any, stay (start it: sh scripts/engine.sh)"
    exit 0
fi
for name in dlcctr dlcctr-base dlcctr-bench dlcctr-test; do
    docker image ls --format '{{.Repository}}:{{.Tag}}' "$name" | while read -r image; do
        echo "removing the Docker image $image"
        docker image rm "$image" >/dev/null || echo "  it stays: a container uses it (docker ps --all)"
    done
done
# Layers without a name that our builds left behind; other projects' stay.
for label in org.dlcctr.contract org.dlcctr.stage recipe; do
    docker image prune --force --filter "label=$label" >/dev/null
done
sh scripts/engine.sh stop
