#!/bin/sh
# Make sure that Chromium is here, in which a test opens a report. On Debian as root: install it; elsewhere: say so, and fail.
set -eu
command -v chromium >/dev/null && exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "error: the test of the report needs Chromium. Install it (Debian: apt-get install chromium)." >&2
    exit 10
fi
echo "installing chromium"
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null
