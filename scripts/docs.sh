#!/bin/sh
# `make docs`: build the site into site/ with MkDocs, from hashed packages in .cache/docs. A broken link fails it.
set -eu
cd "$(dirname "$0")/.."
sh scripts/bootstrap.sh
marker=.cache/docs/packages
key=$(sha256sum <requirements/docs.lock)
if [ "$(cat "$marker" 2>/dev/null)" != "$key" ]; then
    rm -rf .cache/docs
    .venv/bin/python -m venv .cache/docs
    .cache/docs/bin/python -m pip install -qq --disable-pip-version-check --require-hashes --no-deps -r requirements/docs.lock
    echo "$key" >"$marker"
fi
.venv/bin/python scripts/reference.py
NO_MKDOCS_2_WARNING=1 .cache/docs/bin/python -m mkdocs build --strict --quiet
echo "made site/index.html"
