#!/bin/sh
# Grid Engine as one container has it: the master, and an execution host with cores, memory and two fake GPUs.
set -eu
host=$(hostname)
cell=/var/lib/gridengine/default/common
chmod 666 /dev/fuse
groupadd --force --gid "$BENCH_UID" student
id student >/dev/null 2>&1 ||
    useradd --uid "$BENCH_UID" --gid "$BENCH_UID" --home-dir "$BENCH_HOME" --no-create-home --shell /bin/bash --password '*' student

su -s /bin/sh sgeadmin -c "/usr/share/gridengine/scripts/init_cluster ${cell%/default/common} default /var/spool/gridengine/spooldb sgeadmin"
echo "$host" >"$cell/act_qmaster"
chown sgeadmin "$cell/act_qmaster"
install -d -o sgeadmin -g sgeadmin /run/gridengine
sge_qmaster
until qconf -sconf 2>/dev/null | grep -q load_report_time; do sleep 0.2; done

conf=$(mktemp -d)
chmod 755 "$conf"
# as fast as it can: tests wait for it
qconf -sconf | sed -e 's/^load_report_time .*/load_report_time 00:00:01/' >"$conf/global"
qconf -ssconf | sed -e 's/^schedule_interval .*/schedule_interval 0:0:1/' -e 's/^flush_.*_sec .*/#&/' >"$conf/scheduler"
printf 'flush_submit_sec 1\nflush_finish_sec 1\n' >>"$conf/scheduler"
qconf -Mconf "$conf/global"
qconf -Msconf "$conf/scheduler"
{
    qconf -sc
    echo "gpu gpu INT <= YES JOB 0 0"
} >"$conf/complexes"
qconf -Mc "$conf/complexes"
cat >"$conf/smp" <<END
pe_name smp
slots 99
user_lists NONE
xuser_lists NONE
start_proc_args NONE
stop_proc_args NONE
allocation_rule \$pe_slots
control_slaves FALSE
job_is_first_task TRUE
urgency_slots min
accounting_summary FALSE
qsort_args NONE
END
qconf -Ap "$conf/smp"
qconf -as "$host"
qconf -sq | sed -e "s/^qname .*/qname gpu.q/" -e "s/^hostlist .*/hostlist $host/" -e 's/^slots .*/slots 4/' \
    -e 's/^pe_list .*/pe_list smp/' -e 's/^load_thresholds .*/load_thresholds NONE/' -e 's/^shell .*/shell \/bin\/sh/' \
    -e "s/^complex_values .*/complex_values gpu=2/" >"$conf/queue"
qconf -Aq "$conf/queue"
sge_execd
until qhost | grep "^$host " | grep -qv -- '- *-'; do sleep 0.2; done
touch /run/gridengine/ready
exec sleep infinity
