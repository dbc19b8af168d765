#!/bin/sh
# `make test` and `make test-full`: all set-up from nothing, then lint, unit tests and the real ones. Never skips:
# what a machine lacks is installed (Debian, root) or named, and then this fails.
set -eu
cd "$(dirname "$0")/.."
full=no
[ "${1:-}" = "--full" ] && full=yes
python=.venv/bin/python
began=$(date +%s)
step() { printf '\n== %s (%s s)\n' "$1" "$(($(date +%s) - began))"; }

step "host environment"
sh scripts/bootstrap.sh
step "lint and types"
$python -m ruff check .
$python -m ruff format --check .
$python -m mypy
step "unit tests"
$python -m pytest tests/unit -q

step "container engine, wheels, base image"
sh scripts/engine.sh
trap 'sh scripts/engine.sh stop' EXIT INT TERM
sh scripts/base.sh --if-needed
step "image (pytorch, cpu)"
$python -m dlcctr image build --engine pytorch --device cpu
if [ $full = yes ]; then
    step "all other images"
    $python -m dlcctr image build --all
fi
step "real tests"
if [ $full = yes ]; then
    $python -m pytest tests/integration -v -m "real or full"
else
    $python -m pytest tests/integration -v -m "real and not full"
    step "done; not run here, but by make test-full"
    $python -m pytest tests/integration -m full --collect-only -q
fi
step "done"
