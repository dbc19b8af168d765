#!/bin/sh
# Make sure that a Docker engine answers. On Debian as root: install what is missing and start it; elsewhere: say what
# to install, and fail.
#
#   engine.sh        start the engine if none answers; it keeps running afterwards
#   engine.sh run COMMAND...
#                    start it if need be, and run a command during which nobody's `engine.sh stop` stops it
#   engine.sh stop   stop it if this script started it and nothing uses it: neither a container nor such a command
set -eu
self=$0
run=${DLCCTR_ENGINE_RUN:-/run} # another folder for its tests
state=$run/dlcctr-dockerd.pid
lock=$run/dlcctr-engine.lock

ours() { [ -f "$state" ] && [ "$(cat "/proc/$(cat "$state")/comm" 2>/dev/null)" = dockerd ]; }
answers() { docker info >/dev/null 2>&1; }

if [ "${1:-start}" = run ]; then
    shift
    # Where this file cannot be written, the engine is not ours to stop either.
    if [ -w "$run" ]; then
        exec 8>>"$lock"
        flock -s 8
    fi
    sh "$self"
    exec "$@"
fi
if [ "${1:-start}" = stop ]; then
    ours || exit 0
    exec 9>>"$lock"
    if ! flock -n 9; then
        echo "the Docker engine keeps running: another command uses it"
    elif [ -n "$(docker ps -q 2>/dev/null)" ]; then
        echo "the Docker engine keeps running: containers use it (docker ps). Stop it later: sh scripts/engine.sh stop"
    else
        kill "$(cat "$state")" 2>/dev/null || true
        rm -f "$state"
    fi
    exit 0
fi

answers && exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "error: Docker Engine does not answer. Install it (Debian: apt-get install docker.io), start it, and give this user access to it." >&2
    exit 10
fi
# One at a time: two terminals would start two engines.
exec 9>>"$lock.start"
flock 9
answers && exit 0
if ! command -v dockerd >/dev/null || ! command -v docker >/dev/null; then
    echo "installing docker.io"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends docker.io >/dev/null
fi
log=$(mktemp /tmp/dlcctr-dockerd.XXXXXX.log)
setsid dockerd >"$log" 2>&1 </dev/null 8>&- 9>&- &
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
echo "started dockerd (log: $log; stop it: sh scripts/engine.sh stop)"
