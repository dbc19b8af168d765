#!/bin/sh
# Make sure that a Docker engine answers. On Debian as root: install what is missing and start it; elsewhere: say what
# to install, and fail. `engine.sh stop` stops the engine if this script started it.
set -eu
state=/run/dlcctr-dockerd.pid

if [ "${1:-start}" = stop ]; then
    if [ -f "$state" ]; then
        kill "$(cat "$state")" 2>/dev/null || true
        rm -f "$state"
    fi
    exit 0
fi

answers() { docker info >/dev/null 2>&1; }
answers && exit 0

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "error: no Docker Engine answers. Install it (Debian: apt-get install docker.io), start it, and let this user use it." >&2
    exit 10
fi
if ! command -v dockerd >/dev/null || ! command -v docker >/dev/null; then
    echo "installing docker.io"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends docker.io >/dev/null
fi
log=$(mktemp /tmp/dlcctr-dockerd.XXXXXX.log)
setsid dockerd >"$log" 2>&1 </dev/null &
echo $! >"$state"
i=0
while ! answers; do
    i=$((i + 1))
    if [ $i -gt 60 ]; then
        tail -n 20 "$log" >&2
        echo "error: dockerd did not start in 60 s; its log is $log" >&2
        exit 10
    fi
    sleep 1
done
echo "started dockerd (log: $log)"
