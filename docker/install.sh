#!/bin/sh
# Install one flavour's lock into the virtual environment $1: install.sh VENV FLAVOUR. Runs at build time only.
set -eu
venv=$1 flavour=$2 build=/build
lock=$build/requirements/$flavour.lock
pip=$build/pip/bin/pip

# Mirrors that intercept TLS: trust the given certificates beside the public ones. Of this build stage alone.
export SSL_CERT_FILE=$build/ca.pem PIP_CERT=$build/ca.pem
cat /etc/ssl/certs/ca-certificates.crt > "$PIP_CERT"
for file in "$build"/certs/*.crt "$build"/certs/*.pem; do
    if [ -f "$file" ]; then cat "$file" >> "$PIP_CERT"; fi
done

export PIP_FIND_LINKS=$build/wheels PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
options="--no-deps --require-hashes --only-binary :all:"
mkdir -p "$build/reports"
n=0
pip_install() { # pip's reports say which file of a lock was taken: docker/sbom.py reads their hashes
    n=$((n + 1))
    # shellcheck disable=SC2086
    "$pip" --python "$venv/bin/python" install $options --no-compile --report "$build/reports/$n.json" "$@"
}

# CPU builds of torch are not on the public registry: look for that wheel first, and say what to do without it.
sed -n '/^torch==.*+cpu/,/[^\\]$/p' "$lock" > "$build/torch.lock"
if [ -s "$build/torch.lock" ]; then
    wanted=$(sed -n 's/^\(torch==[^ ]*\).*/\1/p' "$build/torch.lock")
    # shellcheck disable=SC2086
    if ! "$pip" --python "$venv/bin/python" download $options -q -d "$build/wheels" -r "$build/torch.lock"; then
        {
            echo "error: $wanted was not found (or has another hash than requirements/$flavour.lock says)."
            echo "  The public registry's torch of this version is a CUDA build of several GB; flavour $flavour takes the CPU build."
            echo "  what to do, one of:"
            echo "  - put its wheel (torch-…+cpu-cp311-cp311-manylinux_2_28_x86_64.whl) into the folder wheels/ and build again;"
            echo "  - name PyTorch's own CPU wheel index: --build-arg PIP_EXTRA_INDEX_URL=… (docs/image.md has the address);"
            echo "  - behind a mirror that intercepts TLS, put its CA certificate into certs/ (*.crt or *.pem)."
        } >&2
        exit 1
    fi
fi
# filterpy before 2 is a source archive (why: requirements/common.in). It is built by the lock's own setuptools, since pip
# would fetch another one for that, of no fixed version.
for name in setuptools filterpy; do
    sed -n "/^$name==/,/[^\\\\]\$/p" "$lock" > "$build/$name.lock"
done
pip_install -r "$build/setuptools.lock"
pip_install --no-binary filterpy --no-build-isolation --use-pep517 -r "$build/filterpy.lock"
pip_install -r "$lock"

# OpenVINO for CPUs, where an import does not find it: stock DeepLabCut would take it.
case $flavour in
    *-cpu)
        pip_install -r "$build/requirements/openvino.lock" --target "$venv/lib/python3.11/site-packages/dlcctr_openvino"
        ;;
esac
find "${venv%/*}" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
