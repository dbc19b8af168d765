#!/bin/sh
# Make sure that ssh and rsync are here, which `dlcctr push` and `fetch` use. On Debian as root: install what is missing;
# elsewhere: say what to install, and fail.
set -eu
missing=
command -v ssh >/dev/null && command -v ssh-keygen >/dev/null || missing="openssh-client"
command -v rsync >/dev/null || missing="$missing rsync"
[ -z "$missing" ] && exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "error: push and fetch need ssh and rsync. Install them (Debian, Ubuntu: apt-get install $missing)." >&2
    exit 10
fi
echo "installing $missing"
apt-get update -qq
# shellcheck disable=SC2086 # a list of packages
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
