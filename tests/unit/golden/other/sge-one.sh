#!/bin/bash
# dlcctr: 40 videos of /scratch/lab/mice/m.csv, 10 tasks
#
# Grid Engine starts this script once for each array task. It starts the image, which analyses the videos of that task and
# commits each result with a receipt, or writes down why it could not. Finished videos are skipped, so that the script can
# be submitted again at any time.
#
#     submit it:          qsub THIS_FILE
#     look at it:         qstat
#     check the results:  apptainer run /scratch/lab/mice/dlc.sif check /scratch/lab/mice/m.csv
#
# ---- 1. What the job requests: edit these lines for your cluster --------------------------------------------------
#$ -S /bin/bash
#$ -N dlcctr-m
#$ -t 1-1
# the time limit of each task, hours:minutes:seconds
#$ -l h_rt=02:30:00
# start again after a node failure
#$ -r y
# each task writes its own log, see section 2
#$ -o /dev/null
#$ -j y

# ---- 2. The image, the campaign and what of the file system the container sees -------------------------------------
image=/scratch/lab/mice/dlc.sif
manifest=/scratch/lab/mice/m.csv
plan=/scratch/lab/mice/slurm/m/plans/20260101-120000-abcd.json   # which rows (videos) each task has
results=/scratch/lab/mice/results   # created if it does not exist
offset=0   # this array's task 1 is task number 0 of the plan
binds=(
    --bind /scratch/lab/mice:/scratch/lab/mice:ro
    --bind /scratch/lab/mice/results:/scratch/lab/mice/results:rw
)
options=(--allow-cpu)   # further options of `analyze`, for example --batch-size 4
logs=/scratch/lab/mice/slurm/m/sge   # created if it does not exist
time_s=9000   # the time limit of section 1
warning_s=120   # this long before it a task stops by itself, and keeps what it has

# What Grid Engine says of this task; from here on all output goes to a log of its own.
job=${JOB_ID:-0}
id=${SGE_TASK_ID:-1}
restart=${RESTARTED:-0}
cpus=${NSLOTS:-}
if ! mkdir -p "$logs"; then exit 8; fi
exec >>"$logs/${job}_$id.log" 2>&1

# ---- 3. How the cluster provides apptainer (or singularity) ----------------------------------------------------------
# module load apptainer

# ---- 4. Nothing below needs to be edited -------------------------------------------------------------------------
set -euo pipefail

child=
signal=0
cause=
task=$((id - 1))
node=$(hostname || true)
# shellcheck disable=SC2329 # called when the script ends
finish() {
    code=$?
    trap '' TERM INT USR1 USR2
    printf 'dlcctr-task-end code=%s node=%s signal=%s restart=%s%s\n' \
        "$code" "$node" "$signal" "$restart" "${cause:+ cause=$cause}"
    exit "$code"
}
trap finish EXIT
stop() {   # exit code, word for `dlcctr status`, what is wrong, what to do
    cause=$2
    printf 'error: %s\n  what to do: %s\n' "$3" "$4" >&2
    exit "$1"
}
no_tool() {   # what is missing
    stop 10 no-container "$1 is on $node" \
        "give the module line that brings it in section 3 (in the site's profile: modules)"
}
# Before a task is killed, this shell may be told: pass it on.
# shellcheck disable=SC2329 # called by the signals
forward() {
    signal=$1
    if [ -n "$child" ]; then kill -TERM "$child" 2>/dev/null || true; fi
}
for name in TERM INT USR1 USR2; do
    # shellcheck disable=SC2064 # the name is to be put in now
    trap "forward $name" "$name"
done

tool=
for name in apptainer singularity; do
    if command -v "$name" >/dev/null 2>&1; then
        tool=$name
        break
    fi
done
if [ -z "$tool" ]; then no_tool "neither apptainer nor singularity"; fi
for file in "$image" "$manifest" "$plan"; do
    if [ ! -r "$file" ]; then
        stop 10 unreadable "$file cannot be read on $node" "check whether its file system is mounted there"
    fi
done

if ! mkdir -p "$results"; then
    stop 8 no-folder "$results cannot be created on $node" "check the permissions of the folders above it, or name another folder in section 2"
fi

# Temporary files: the node's own disk where it has one.
scratch=${TMPDIR:-/tmp}
if [ ! -d "$scratch" ] || [ ! -w "$scratch" ]; then
    echo "warning: $scratch on $node is no folder to write into: temporary files go to /tmp" >&2
    scratch=/tmp
fi

# The container starts with a clean environment, the same for everybody; both spellings, for apptainer and singularity.
for name in "${!APPTAINERENV_@}" "${!SINGULARITYENV_@}"; do unset "$name"; done
pass() { export "APPTAINERENV_$1=$2" "SINGULARITYENV_$1=$2"; }
if [ -n "${CUDA_VISIBLE_DEVICES+set}" ]; then pass CUDA_VISIBLE_DEVICES "$CUDA_VISIBLE_DEVICES"; fi
pass DLCCTR_SCHEDULER sge
pass DLCCTR_JOB "$job"
pass DLCCTR_JOB_TASK "$id"
pass DLCCTR_TASK "$((offset + task))"
if [ -n "$cpus" ]; then pass SLURM_CPUS_PER_TASK "$cpus"; fi   # the image takes it for the number of cores, whoever gave them
pass DLCCTR_SCRATCH "$scratch"

echo "dlcctr: task $task (+$offset) of job $job on $node," \
    "GPU ${CUDA_VISIBLE_DEVICES:-none}, $(date '+%Y-%m-%d %H:%M:%S %z')"
timeout --foreground --preserve-status "$((time_s - warning_s))" \
    "$tool" run --cleanenv --contain --no-home --pwd / "${binds[@]}" --bind "$scratch" "$image" \
    analyze --manifest "$manifest" --plan "$plan" ${options[@]+"${options[@]}"} &
child=$!
if [ "$signal" != 0 ]; then forward "$signal"; fi
code=0
wait "$child" || code=$?
while kill -0 "$child" 2>/dev/null; do   # a signal ends `wait`, not the container
    code=0
    wait "$child" || code=$?
done
if [ "$signal" != 0 ]; then   # it may have ended just after the signal: bash remembers with which code
    code=0
    wait "$child" || code=$?
fi
exit "$code"
