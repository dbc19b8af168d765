"""Record what a real Slurm answers, as test data for the readers of its text.

``python -m tests.cluster.record FOLDER [22.05]`` starts a cluster, makes jobs end in every way that it can, and writes
what each command printed to a file of its own.
"""

from __future__ import annotations

import platform
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.cluster.cluster import Cluster
from tests.cluster.config import Settings

SQUEUE = ["squeue", "--noheader", "--all", "--format=%i|%F|%K|%T|%r|%N|%M|%l|%j|%S"]
SACCT_FIELDS = (
    "JobID,JobIDRaw,JobName%200,State,ExitCode,NodeList,ElapsedRaw,TimelimitRaw,Start,End,Partition,ReqMem,MaxRSS,"
    "AllocTRES,Restarts"
)
SACCT = ["sacct", "--noheader", "--parsable2", f"--format={SACCT_FIELDS}"]
SITE = {
    "scontrol-show-config": ["scontrol", "show", "config"],
    "scontrol-show-partition": ["scontrol", "show", "partition", "-o"],
    "scontrol-show-node": ["scontrol", "show", "node", "-o"],
    "scontrol-ping": ["scontrol", "ping"],
    "sinfo": ["sinfo", "-h", "-o", "%P|%a|%l|%D|%c|%m|%G|%f"],
    "sacctmgr-assoc": ["sacctmgr", "-nP", "show", "assoc", "user=student"],
    "sacctmgr-assoc-limits": [
        *("sacctmgr", "-nP", "show", "assoc", "user=student"),
        "format=Account,User,Partition,MaxJobs,MaxSubmit,GrpTRES,QOS",
    ],
    "sacctmgr-qos": ["sacctmgr", "-nP", "show", "qos", "format=Name,MaxSubmitPU,MaxJobsPU,MaxWall,MaxTRESPU"],
    "sbatch-version": ["sbatch", "--version"],
}
REFUSED = {
    "fine": [],
    "wrong-partition": ["--partition=nowhere"],
    "wrong-gres": ["--gres=gpu:a100:1"],
    "too-many-gpus": ["--gres=gpu:8"],
    "too-long": ["--partition=short", "--time=1-00:00:00"],
    "bad-time": ["--time=soon"],
    "too-much-memory": ["--mem=4000G"],
    "wrong-account": ["--account=nobody"],
    "wrong-qos": ["--qos=urgent"],
    "array-index-too-large": ["--array=0-100000"],
    "wrong-constraint": ["--constraint=h100"],
    "unknown-option": ["--no-such-option"],
}
TRUE = "#!/bin/sh\ntrue\n"
HUNGRY = "python3 -c 'x = bytearray(300 << 20)\nfor i in range(0, len(x), 4096): x[i] = 1\nimport time; time.sleep(60)'"


def write(folder: Path, name: str, argv: Sequence[str], done: subprocess.CompletedProcess[str]) -> None:
    """Keep the output of one command: what it printed, and, where it complained or failed, that and its exit code."""
    folder.mkdir(parents=True, exist_ok=True)
    kernel = platform.release()  # of the machine on which this runs, and nobody's business
    if done.stdout or not done.stderr:
        (folder / f"{name}.out").write_text(done.stdout.replace(kernel, "6.1.0-bench"))
    if done.stderr or done.returncode:
        (folder / f"{name}.err").write_text(f"{done.stderr}# exit code {done.returncode}\n")
    with (folder / "COMMANDS").open("a") as list_of_commands:
        list_of_commands.write(f"{name}: {shlex.join(argv)}\n")


class Recorder:
    """Runs commands as the user and keeps what they said."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self.cluster, self.folder = cluster, folder

    def keep(self, name: str, argv: Sequence[str], stdin: str | None = None) -> None:
        write(self.folder, name, argv, self.cluster.run_as_user(argv, stdin=stdin))

    def site(self) -> None:
        """What a cluster says of itself, and what it says to a wrong question."""
        for name, argv in SITE.items():
            self.keep(name, argv)
        for name, options in REFUSED.items():
            self.keep(f"sbatch-test-only-{name}", ["sbatch", "--test-only", *options], TRUE)

    def queue(self, name: str) -> None:
        self.keep(f"squeue-{name}", SQUEUE)
        self.keep(f"squeue-array-{name}", [*SQUEUE, "--array"])
        self.keep(f"squeue-all-states-{name}", [*SQUEUE, "--states=all"])
        if not self.cluster.settings.accounting:
            return
        self.keep(f"sacct-x-{name}", [*SACCT, "-X"])
        self.keep(f"sacct-{name}", SACCT)
        self.keep(f"sacct-x-duplicates-{name}", [*SACCT, "-X", "--duplicates"])

    def jobs(self) -> None:
        """Every end that a job can have here."""
        sbatch = self.cluster.sbatch
        sbatch("sleep 1; echo fine", "--job-name=good", "--array=0-3%2", "--gres=gpu:1")
        sbatch("exit 7", "--job-name=exits-7")
        sbatch('[ "$SLURM_ARRAY_TASK_ID" != 2 ] || exit 4', "--job-name=one|of three fails", "--array=1-3")
        sbatch("kill -SEGV $$", "--job-name=segfault")
        sbatch("sleep 300", "--job-name=timeout", "--time=1", "--nodelist=node1")
        sbatch(HUNGRY, "--job-name=memory", "--mem=100M")
        sbatch(f"srun {HUNGRY}", "--job-name=memory-step", "--mem=100M")
        cancelled = sbatch("sleep 300", "--job-name=cancelled")
        restarted = sbatch("sleep 300", "--job-name=requeued")
        sbatch("sleep 300", "--job-name=lost-node", "--nodelist=node2", "--no-requeue", "--gres=gpu:1")
        sbatch("sleep 300", "--job-name=lost-node-requeued", "--nodelist=node2", "--requeue")
        running = sbatch("sleep 300", "--job-name=running", "--nodelist=node1", "--array=5", "--gres=gpu:1")
        sbatch("true", "--job-name=after-running", f"--dependency=afterok:{running}")
        never = sbatch("exit 1", "--job-name=fails")
        sbatch("true", "--job-name=never", f"--dependency=afterok:{never}")
        sbatch("true", "--job-name=held", "--hold", "--array=0-9%3")
        sbatch("sleep 300", "--job-name=waiting", "--gres=gpu:2", "--nodelist=node1", "--array=0-2,7,9-20:2%4")
        sbatch("true", "--job-name=later", "--begin=now+3hours")
        sbatch("true", "--job-name=too-long", "--partition=short", "--time=1-00:00:00")
        gone = sbatch("true", "--job-name=cancelled-waiting", "--hold")
        time.sleep(8)
        self.queue("begin")
        self.cluster.run_as_user(["scancel", cancelled, gone])
        self.cluster.run_as_user(["scontrol", "requeue", restarted])
        self.cluster.kill_node("node2")
        time.sleep(5)
        self.queue("node-gone")
        self.cluster.wait_for(lambda: "NODE_FAIL" in self.cluster.states().values(), 60, "NODE_FAIL")
        self.keep("sinfo-reasons", ["sinfo", "-R", "-h", "-o", "%n|%T|%E"])
        self.queue("node-down")
        self.cluster.start_node("node2")
        self.cluster.wait_for(lambda: "TIMEOUT" in self.cluster.states().values(), 120, "TIMEOUT")
        time.sleep(5)
        self.queue("end")
        self.keep("log-memory", ["sh", "-c", "grep -h oom slurm-*.out"])
        self.keep("log-timeout", ["sh", "-c", "grep -h TIME slurm-*.out"])

    def outages(self) -> None:
        """What the user's commands say while a daemon is down."""
        if self.cluster.settings.accounting:
            self.cluster.stop_accounting()
            self.keep("sacct-slurmdbd-down", [*SACCT, "-X"])
            self.keep("sacctmgr-slurmdbd-down", SITE["sacctmgr-assoc"])
            self.cluster.start_accounting()
        else:
            self.keep("sacct-disabled", [*SACCT, "-X"])
        self.cluster.run_as_root(["touch", "/run/bench/slurmctld.off"])
        self.cluster.run_as_root(["sh", "-c", "kill $(cat /run/bench/slurmctld.pid)"])
        for name, argv in (("squeue", SQUEUE), ("sbatch", ["sbatch"])):
            self.keep(f"{name}-slurmctld-down", argv, TRUE)
        self.cluster.run_as_root(["rm", "/run/bench/slurmctld.off"])
        self.cluster.wait_for(self.cluster.answers, 30, "slurmctld")

    def strict(self) -> None:
        """What a site with limits says."""
        self.cluster.configure(EnforcePartLimits="ALL")
        self.keep("sbatch-test-only-too-long-enforced", ["sbatch", "--test-only", *REFUSED["too-long"]], TRUE)
        if not self.cluster.settings.accounting:
            return
        limits = ["MaxSubmitJobs=3", "MaxJobs=1"]
        self.cluster.run_as_root(["sacctmgr", "-i", "modify", "user", "student", "set", *limits])
        self.keep("sacctmgr-assoc-limits-set", SITE["sacctmgr-assoc-limits"])
        self.keep("sbatch-too-many-jobs", ["sbatch", "--array=0-9"], TRUE)
        self.cluster.run_as_user(["scancel", "--me"])
        self.cluster.wait_until_idle()
        self.cluster.sbatch("sleep 30", "--array=0-1")
        time.sleep(5)
        self.keep("squeue-max-jobs", SQUEUE)

    def memory(self) -> None:
        """The other way to be out of memory."""
        self.cluster.sbatch(HUNGRY, "--job-name=memory", "--mem=100M")
        self.cluster.sbatch(f"srun {HUNGRY}", "--job-name=memory-step", "--mem=100M")
        self.cluster.wait_until_idle()
        self.queue("memory-without-cgroups")
        self.keep("log-memory-without-cgroups", ["sh", "-c", "cat slurm-*.out"])


def main(target: str, slurm: str = "current") -> None:
    accounting = slurm == "current"
    with tempfile.TemporaryDirectory() as name:
        settings = Settings(memory_cgroups=False, accounting=accounting)
        with Cluster(Path(name), slurm, settings) as cluster:
            Recorder(cluster, Path(target)).memory()
    with tempfile.TemporaryDirectory() as name, Cluster(Path(name), slurm) as cluster:
        recorder = Recorder(cluster, Path(target))
        recorder.site()
        recorder.jobs()
        recorder.outages()
        recorder.strict()


if __name__ == "__main__":
    main(*sys.argv[1:])
