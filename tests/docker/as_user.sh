#!/bin/sh
# PID 1's child in a bench container: become an ordinary user, as people are on a cluster, and run the command.
# as_user.sh UID COMMAND…
set -eu
uid=$1
shift
chmod 666 /dev/fuse
echo "student:x:$uid:$uid:A student:/home/student:/bin/bash" >>/etc/passwd
echo "student:x:$uid:" >>/etc/group
mkdir -p /home/student
chown "$uid:$uid" /home/student
exec setpriv --reuid="$uid" --regid="$uid" --clear-groups --inh-caps=-all \
    env HOME=/home/student USER=student LOGNAME=student "$@"
