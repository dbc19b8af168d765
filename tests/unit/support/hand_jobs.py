"""Scripts that a person submits: what Slurm would have of one; its tasks are run for real."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from dlcctr.slurm.queue.output import expand
from tests.unit.support.fake_slurm import FakeSlurm

PLAIN_HEAD = "             JOBID PARTITION     NAME     USER ST       TIME  NODES NODELIST(REASON)\n"


def plain_line(job: str, state: str, name: str, place: str = "(Priority)") -> str:
    """As plain ``squeue`` prints a job: names are cut off after eight letters."""
    return f"{job:>18.18} {'gpu':>9.9} {name:>8.8} {'student':>8.8} {state:>2.2} {'0:00':>10.10} {'1':>6.6} {place}\n"


@dataclass(frozen=True)
class HandJob:
    """A script that was handed to sbatch by a person.

    Parameters
    ----------
    text : str
        The script.
    job_id : str
        Number that Slurm gave.
    """

    text: str
    job_id: str = "900"

    def option(self, name: str) -> str:
        found = re.search(rf"^#SBATCH --{name}=(\"[^\"]*\"|\S+)", self.text, re.MULTILINE)
        assert found, name
        return found[1].strip('"')

    @property
    def name(self) -> str:
        return self.option("job-name")

    def queue(self, slurm: FakeSlurm) -> None:
        """Let Slurm have it, waiting."""
        folder = slurm.folder / "jobs" / "home"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{self.job_id}.job").write_text(f"{self.name} {self.option('array').partition('%')[0]} Priority")

    def leave_queue(self, slurm: FakeSlurm) -> None:
        (slurm.folder / "jobs" / "home" / f"{self.job_id}.job").unlink()

    def run(self, task: int, folder: Path, tool: str = "exit 0", **environment: str) -> tuple[int, Path]:
        """Run a task as slurmd would, with `tool` as the text of apptainer; gives its exit code and Slurm's own log."""
        every = [index for index in expand(self.option("array")) if index is not None]
        log = Path(self.option("output").replace("%A", self.job_id).replace("%a", str(task)))
        (folder / "bin").mkdir(exist_ok=True)
        program = folder / "bin" / "apptainer"
        program.write_text(f"#!/bin/bash\n{tool}\n")
        program.chmod(0o755)
        spooled = folder / f"slurm_script-{task}"
        spooled.write_text(self.text)
        variables = {
            "PATH": f"{folder / 'bin'}:/usr/bin:/bin",
            "TMPDIR": str(folder),
            "SLURMD_NODENAME": "node1",
            "SLURM_CLUSTER_NAME": "home",
            "SLURM_JOB_NAME": self.name,
            "SLURM_ARRAY_JOB_ID": self.job_id,
            "SLURM_ARRAY_TASK_ID": str(task),
            "SLURM_ARRAY_TASK_STEP": "1",
            "SLURM_MEM_PER_NODE": "6144",
            "SLURM_JOB_START_TIME": "1000",
            "SLURM_JOB_END_TIME": "8200",
            "SLURM_ARRAY_TASK_MIN": str(min(every)),
            "SLURM_ARRAY_TASK_MAX": str(max(every)),
            "SLURM_ARRAY_TASK_COUNT": str(len(every)),
        }
        with log.open("ab") as stream:
            done = subprocess.run(
                ["bash", str(spooled)], env={**variables, **environment}, stdout=stream, stderr=stream, check=False
            )
        return done.returncode, log


def copied(root: Path, **edits: str) -> str:
    """`slurm/array.sbatch` of this checkout with the edits that it asks for; `edits` replace words in it."""
    text = (Path(__file__).parents[3] / "slurm" / "array.sbatch").read_text(encoding="utf-8")
    for old, new in {**edits, "/path/to/campaign": str(root), "/path/to": str(root)}.items():
        assert old in text, old
        text = text.replace(old, new)
    return text
