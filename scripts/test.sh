#!/bin/sh
# `make test` and `make test-full`: all set-up from nothing, then lint, unit tests and the real ones. Never skips:
# what a machine lacks is installed (Debian, root) or named, and then this fails.
set -eu
cd "$(dirname "$0")/.."
full=no
[ "${1:-}" = "--full" ] && full=yes
python=.venv/bin/python
began=$(date +%s)
cat <<'TEXT'
What this does (the first run downloads about 6 GB; every later one a few MB):
  installs, where missing and as root on Debian: python3-venv, docker.io, mmdebstrap, openssh-client, rsync, chromium
  makes    .venv, .cache (SIF files, DeepLabCut's own tests, Snakemake, Playwright), and below ~/.cache/dlcctr the two CPU environments of DeepLabCut (6 GB)
  builds   Docker images named dlcctr:*, dlcctr-base:*, dlcctr-bench:* and dlcctr-test:* (10 GB with their layers)
  starts   dockerd where no engine answers, stopped at the end; containers with a Slurm cluster, Grid Engine, sshd and a registry,
           reachable from this machine only and gone at the end
  leaves   .venv, .cache, ~/.cache/dlcctr and the images, for the next run; `make clean-cache` removes them
Time: 35 to 60 minutes on two cores, all set-up included. `make test-full` takes hours.
TEXT
step() { printf '\n== %s (%s s)\n' "$1" "$(($(date +%s) - began))"; }

step "host environment"
sh scripts/bootstrap.sh
sh scripts/staging-tools.sh
# The image is downloads and disk, the unit tests are processor: side by side.
log=$(mktemp)
docker info >/dev/null 2>&1 && was_running=yes || was_running=no
sh scripts/engine.sh run sh -ec "sh scripts/base.sh --if-needed
    $python -m dlcctr image build --engine pytorch --device cpu" >"$log" 2>&1 &
image=$!
finish() {
    kill $image 2>/dev/null || true
    [ $was_running = yes ] || sh scripts/engine.sh stop
    rm -f "$log"
}
trap finish EXIT
trap 'exit 1' INT TERM

step "lint and types (container engine, base image and the image pytorch, cpu are made meanwhile)"
$python -m ruff check .
$python -m ruff format --check .
$python -m mypy
step "unit tests"
$python -m pytest tests/unit -q -n 2 --dist loadfile
step "container engine, base image, image (pytorch, cpu)"
if wait $image; then
    tail -3 "$log"
else
    cat "$log"
    exit 1
fi
if [ $full = yes ]; then
    step "every write of every command with every error of a disk"
    DLCCTR_TEST_ALL_ERRORS=1 $python -m pytest tests/unit/failing_disks -q
    step "all other images"
    sh scripts/engine.sh run $python -m dlcctr image build --all
fi
step "real tests, in two processes"
if [ $full = yes ]; then
    sh scripts/engine.sh run $python -m pytest tests/integration -v --durations=60 -n 2 --dist loadfile --no-loadscope-reorder -m "real or full"
else
    sh scripts/engine.sh run $python -m pytest tests/integration -v --durations=60 -n 2 --dist loadfile --no-loadscope-reorder -m "real and not full"
    step "done; not run here, but by make test-full"
    $python -m pytest tests/integration -m full --collect-only -q
fi
step "done"
