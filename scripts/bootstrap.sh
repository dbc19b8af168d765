#!/bin/sh
# Make .venv, where dlcctr and its tests run: hashed packages of requirements/dev.lock and this checkout, editable.
# Done before: returns at once. On Debian as root it installs what Python lacks; elsewhere it says what to install.
# DLCCTR_PYTHON names another Python (3.10 or newer) for it.
set -eu
cd "$(dirname "$0")/.."

usable() { command -v "$1" >/dev/null 2>&1 && "$1" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; }
has_venv() { "$1" -c 'import venv, ensurepip' 2>/dev/null; }

find_python() {
    for candidate in ${DLCCTR_PYTHON:+"$DLCCTR_PYTHON"} python3.11 python3 python3.12 python3.13 python3.10 python; do
        if usable "$candidate"; then
            command -v "$candidate"
            return 0
        fi
    done
    return 1
}

install_debian() {
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        echo "error: Python 3.10 or newer with its venv module is needed (found: ${1:-none})." >&2
        echo "  what to do: install it (Debian and Ubuntu, as root: apt-get install $2), then run this again" >&2
        exit 10
    fi
    echo "installing $2 (apt-get)"
    apt-get update -qq
    # shellcheck disable=SC2086 # several packages are several words
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $2 >/dev/null
}

python=$(find_python) || {
    install_debian "" "python3 python3-venv"
    python=$(find_python)
}
if ! has_venv "$python"; then
    version=$("$python" -c 'import sys; print("python%d.%d" % sys.version_info[:2])')
    install_debian "$python" "python3-venv $version-venv"
fi

# One at a time: `make -j`, or two terminals.
if command -v flock >/dev/null; then
    mkdir -p .cache
    exec 9>.cache/venv.lock
    flock 9
fi
# Said here since a user's own settings may install elsewhere.
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_USER=0 PIP_ROOT_USER_ACTION=ignore

key="$({ "$python" -c 'import sys; print(sys.version, sys.executable)'; pwd; cat requirements/dev.lock; } | sha256sum)"
marker=.venv/dlcctr-packages
if [ "$(cat "$marker" 2>/dev/null)" != "$key" ]; then
    echo "setting up .venv with $python"
    rm -rf .venv
    "$python" -m venv .venv
    .venv/bin/python -m pip install -qq --require-hashes --no-deps -r requirements/dev.lock
    echo "$key" >"$marker"
fi
key="$(sha256sum <pyproject.toml)"
marker=.venv/dlcctr-editable
if [ "$(cat "$marker" 2>/dev/null)" != "$key" ]; then
    .venv/bin/python -m pip install -qq --no-deps --no-build-isolation -e .
    echo "$key" >"$marker"
fi
