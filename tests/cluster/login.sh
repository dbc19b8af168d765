#!/bin/sh
# The login node: sshd, the controller and, with BENCH_ACCOUNTING=yes, slurmdbd with its database.
set -eu
. /bench/scripts/common.sh

ssh-keygen -A >/dev/null
as_student() { setpriv --reuid="$BENCH_UID" --regid="$BENCH_UID" --clear-groups env HOME="$BENCH_HOME" "$@"; }
if [ ! -e "$BENCH_HOME/.ssh/id_ed25519" ]; then
    as_student mkdir -p -m 700 "$BENCH_HOME/.ssh"
    as_student ssh-keygen -q -t ed25519 -N '' -C student@bench -f "$BENCH_HOME/.ssh/id_ed25519"
    as_student cp "$BENCH_HOME/.ssh/id_ed25519.pub" "$BENCH_HOME/.ssh/authorized_keys"
fi
echo "login,$BENCH_ADDRESS $(cut -d' ' -f1,2 /etc/ssh/ssh_host_ed25519_key.pub)" |
    as_student tee "$BENCH_HOME/.ssh/known_hosts" >/dev/null
supervise sshd /usr/sbin/sshd -D -e

if [ "$BENCH_ACCOUNTING" = yes ]; then
    # old and new name of the folder of MariaDB's socket: server and clients take either
    install -d -o mysql -g mysql /run/mariadbd
    ln -sfn mariadbd /run/mysqld
    # nothing here outlives the cluster: no write waits for the disk
    supervise mariadb mariadbd --user=mysql --skip-networking --skip-log-bin --innodb-flush-log-at-trx-commit=0 \
        --innodb-buffer-pool-size=64M --innodb-lock-wait-timeout=900 --innodb-snapshot-isolation=OFF
    wait_for 60 mariadb -e 'SELECT 1'
    mariadb -e 'CREATE DATABASE IF NOT EXISTS slurm_acct_db;
        CREATE USER IF NOT EXISTS slurm@localhost IDENTIFIED VIA unix_socket;
        GRANT ALL ON slurm_acct_db.* TO slurm@localhost'
    # slurmdbd refuses a file that others can read
    install -o slurm -g slurm -m 600 /bench/etc/slurmdbd.conf /etc/slurm/slurmdbd.conf
    supervise slurmdbd setpriv --reuid=slurm --regid=slurm --clear-groups slurmdbd -D
    wait_for 60 sacctmgr --noheader list cluster
    sacctmgr --immediate --quiet add cluster bench || true
    sacctmgr --immediate --quiet add account lab Description=lab Organization=lab || true
    sacctmgr --immediate --quiet add user student account=lab || true
fi

install -d -o slurm -g slurm /var/lib/slurm/slurmctld
supervise slurmctld setpriv --reuid=slurm --regid=slurm --clear-groups slurmctld -D
wait
