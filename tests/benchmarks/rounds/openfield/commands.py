"""Commands as a lab types them, in the native environment on one thread; what they print goes into a log."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from dlcctr.system.cpus import thread_environment
from tests.benchmarks.rounds.openfield.real import ROOT

QUIET = {"DLClight": "True", "CUDA_VISIBLE_DEVICES": "", "NO_ALBUMENTATIONS_UPDATE": "1", "SLURM_CPUS_PER_TASK": "1"}


@dataclass(frozen=True)
class Commands:
    """Where commands run and what they print.

    Parameters
    ----------
    python : Path
        Of the native environment.
    log : Path
        Every command, its output, its exit code and its seconds are added to it.
    """

    python: Path
    log: Path

    def dlcctr(self, *words: object) -> None:
        """Run a command of dlcctr; `SystemExit` where it fails."""
        self._run([sys.executable, "-m", "dlcctr", *map(str, words)])

    def in_native(self, *words: object) -> None:
        """Run `tests.benchmarks.rounds.openfield.in_native` in the native environment."""
        self._run([str(self.python), "-m", "tests.benchmarks.rounds.openfield.in_native", *map(str, words)])

    def _run(self, argv: list[str]) -> None:
        path = os.pathsep.join(map(str, (ROOT, ROOT / "demo")))
        env = {**os.environ, **thread_environment(1), **QUIET, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1"}
        began = time.monotonic()
        with self.log.open("a", encoding="utf-8") as log:
            log.write(f"$ {shlex.join(argv[2:])}\n")
            log.flush()
            code = subprocess.run(argv, cwd=ROOT, env=env, stdout=log, stderr=log, check=False).returncode
            log.write(f"# code {code}, {time.monotonic() - began:.0f} s\n")
        if code:
            raise SystemExit(f"{shlex.join(argv)}: exit code {code}; see {self.log}")
