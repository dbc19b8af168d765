# What every container of the cluster does first. Sourced by login.sh and node.sh with the cluster's settings in its environment:
# BENCH_UID and BENCH_HOME of the ordinary user, BENCH_CHECKOUT; /bench holds Slurm's files and the munge key.
mkdir -p /run/bench /run/munge /run/sshd /var/log/bench
chmod 1777 /run/bench
chmod 666 /dev/fuse
groupadd --force --gid "$BENCH_UID" student
id student >/dev/null 2>&1 ||
    useradd --uid "$BENCH_UID" --gid "$BENCH_UID" --home-dir "$BENCH_HOME" --no-create-home --shell /bin/bash --password '*' student

cat >/usr/local/bin/dlcctr <<EOF
#!/usr/bin/python3 -B
import sys

sys.path.insert(0, "$BENCH_CHECKOUT")
from dlcctr.cli import main

main()
EOF
chmod 755 /usr/local/bin/dlcctr

# links, so that a changed file is there after the next restart of a daemon
mkdir -p /etc/slurm
ln -sf /bench/etc/slurm.conf /bench/etc/gres.conf /bench/etc/cgroup.conf /etc/slurm/
install -o munge -g munge -m 400 /bench/private/munge.key /etc/munge/munge.key
chown munge:munge /run/munge
chmod 755 /run/munge

# Keep a daemon running, in the foreground of a loop of its own; /run/bench/NAME.off keeps it down.
supervise() { # NAME COMMAND…
    (
        name=$1
        shift
        while :; do
            if [ ! -e "/run/bench/$name.off" ]; then
                "$@" >>"/var/log/bench/$name.log" 2>&1 &
                echo $! >"/run/bench/$name.pid"
                wait $! || true
            fi
            sleep 0.2
        done
    ) &
}

wait_for() { # SECONDS COMMAND…
    left=$(($1 * 5))
    shift
    until "$@" >/dev/null 2>&1; do
        left=$((left - 1))
        if [ $left -le 0 ]; then
            echo "never came true: $*" >&2
            exit 1
        fi
        sleep 0.2
    done
}

supervise munged setpriv --reuid=munge --regid=munge --clear-groups munged --foreground
wait_for 20 munge --no-input
