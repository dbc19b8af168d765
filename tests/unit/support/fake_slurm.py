"""Slurm's commands as small programs on PATH: two clusters behind one login node, whose jobs are files.

Files in the folder say what they do: `hold` keeps sbatch waiting (its process id is in `waiting`), `delay` is how many
seconds at most it waits in any case, `start` what sbatch says of a trial, `silent-CLUSTER` makes squeue fail, `private`
hides all jobs as others', and a folder `meet-2` keeps each process's second scontrol until two have come so far.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest

from dlcctr.cli import catch, make_app

PROGRAMS = ("sbatch", "squeue", "sacct", "scancel", "scontrol")
CODE = r"""#!{python} -SE
import os, random, re, sys, time
from pathlib import Path

root, program = Path({root!r}), Path(sys.argv[0]).name
given = dict(word[2:].partition("=")[::2] for word in sys.argv[1:] if word.startswith("--"))
with open(root / "calls", "a") as file:
    file.write(" ".join([program, *sys.argv[1:]]) + "\n")
own = (root / "own").read_text()
named = given.get("clusters") or os.environ.get("SLURM_CLUSTERS")
if program == "sbatch":
    named = given.get("clusters") or os.environ.get("SBATCH_CLUSTERS") or named
jobs = root / "jobs" / (named or own)

def fail(text):
    print(text, file=sys.stderr)
    sys.exit(1)

def found():
    ids, names = given.get("jobs", "").split(","), given.get("name", "").split(",")
    jobs_there = [(file.stem, *file.read_text().split()) for file in sorted(jobs.glob("*.job"))]
    return [job for job in jobs_there if job[0] in ids or job[1] in names]

if program == "sbatch":
    if "test-only" in given:
        if (root / "start").exists():
            print((root / "start").read_text(), file=sys.stderr)
        sys.exit(0)
    (root / "waiting.new").write_text(str(os.getpid()))
    os.replace(root / "waiting.new", root / "waiting")
    while (root / "hold").exists():
        time.sleep(0.02)
    if (root / "delay").exists():
        time.sleep(random.uniform(0, float((root / "delay").read_text())))
    jobs.mkdir(parents=True, exist_ok=True)
    number = 500
    while True:
        number += 1
        try:
            handle = os.open(jobs / f"{{number}}.new", os.O_WRONLY | os.O_CREAT | os.O_EXCL)
            break
        except FileExistsError:
            pass
    reason = "Dependency" if "dependency" in given else "Priority"
    os.write(handle, " ".join([given["job-name"], given["array"].partition("%")[0], reason]).encode())
    os.close(handle)
    os.link(jobs / f"{{number}}.new", jobs / f"{{number}}.job")
    print(f"{{number}};{{named}}" if named else number)
elif program == "squeue":
    if (root / f"silent-{{named or own}}").exists():
        fail("slurm_load_jobs error: Unable to contact slurm controller (connect failure)")
    known = [] if (root / "private").exists() else found()
    if not known and re.fullmatch("[0-9]+", given.get("jobs", "")):
        fail("slurm_load_jobs error: Invalid job id specified")
    if named:
        print(f"CLUSTER: {{named}}")
    print("ARRAY_JOB_ID|ARRAY_TASK_ID|STATE|REASON|NODELIST|TIME|TIME_LIMIT|START_TIME|NAME")
    for number, name, tasks, reason in known:
        print(f"{{number}}|{{tasks}}|PENDING|{{reason}}||0:00|1:00:00|N/A|{{name}}")
elif program == "sacct":
    fail("Slurm accounting storage is disabled")
elif program == "scancel":
    for word in sys.argv[1:]:
        number = re.match("[0-9]+", word)
        if number and not (jobs / f"{{number[0]}}.job").exists():
            fail(f"scancel: error: Kill job error on job id {{word}}: Invalid job id specified")
        if number:
            (jobs / f"{{number[0]}}.job").unlink()
elif program == "scontrol":
    calls = root / f"calls-{{os.getppid()}}"
    with open(calls, "a") as file:
        file.write(".")
    meet = root / f"meet-{{calls.stat().st_size}}"
    if meet.is_dir():
        (meet / str(os.getpid())).touch()
        end = time.monotonic() + 4
        while len(list(meet.iterdir())) < 2 and time.monotonic() < end:
            time.sleep(0.02)
    print(f"ClusterName             = {{named or own}}\nMaxArraySize            = 1001")
    if (root / "private").exists():
        print("PrivateData             = jobs,usage")
"""


@dataclass
class FakeSlurm:
    """The programs' folder, and what they were given."""

    folder: Path
    own: str = "home"

    def __post_init__(self) -> None:
        self.bin.mkdir(parents=True)
        self.be(self.own)
        for name in PROGRAMS:
            (self.bin / name).write_text(CODE.format(python=sys.executable, root=str(self.folder)))
            (self.bin / name).chmod(0o755)

    @property
    def bin(self) -> Path:
        return self.folder / "bin"

    def be(self, cluster: str) -> None:
        """Stand on the login node of a cluster."""
        (self.folder / "own").write_text(cluster)

    def calls(self, program: str) -> list[str]:
        """Command lines of a program so far, without trials."""
        file = self.folder / "calls"
        lines = file.read_text().splitlines() if file.exists() else []
        return [line for line in lines if line.startswith(f"{program} ") and "--test-only" not in line]

    def jobs(self, cluster: str = "home") -> dict[str, str]:
        """Jobs of a cluster that were not cancelled: id to name."""
        files = sorted((self.folder / "jobs" / cluster).glob("*.job"))
        return {file.stem: file.read_text().split()[0] for file in files}

    def start(self, *words: str | Path, **environment: str) -> subprocess.Popen[str]:
        """Start `dlcctr` where these programs are on PATH."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("SLURM", "SBATCH"))}
        return subprocess.Popen(
            [sys.executable, "-m", "dlcctr", *map(str, words)],
            env={**kept, "PATH": f"{self.bin}:/usr/bin:/bin", **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *words: str | Path, code: int = 0, **environment: str) -> str:
        """Run `dlcctr` in this very process, which is quicker; gives what it printed and said."""
        streams = io.StringIO()
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(streams), redirect_stderr(streams):
            for name in [name for name in os.environ if name.startswith(("SLURM", "SBATCH"))]:
                patch.delenv(name)
            for name, value in {"PATH": f"{self.bin}:/usr/bin:/bin", **environment}.items():
                patch.setenv(name, value)
            patch.setattr(sys, "argv", ["dlcctr", *map(str, words)])
            ended = catch(lambda: make_app()(prog_name="dlcctr"))
        assert ended == code, (words, ended, streams.getvalue())
        return streams.getvalue()


def end_all(processes: Sequence[subprocess.Popen[str]]) -> list[tuple[int, str]]:
    """Wait for all; gives codes and what they printed and said."""
    texts = ["".join(each.communicate(timeout=300)) for each in processes]
    return [(each.returncode, text) for each, text in zip(processes, texts, strict=True)]
