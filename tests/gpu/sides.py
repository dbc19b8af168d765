"""Stock DeepLabCut and our loop, each in a process of its own that stays: the client of `tests.gpu.server`."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

from dlcctr.system.cpus import thread_environment
from tests.gpu.budget import Budget, TimeIsOver
from tests.gpu.clips import ROOT
from tests.gpu.server import ANSWER

SAID_CHARS = 1500
NAMES = ("stock", "own")


class SideError(Exception):
    """The other process could not do what it was told, or is gone for another reason than the time."""


class Side:
    """One process; it is ended where it does not answer in time.

    Parameters
    ----------
    name : str
        ``stock`` or ``own``.
    """

    def __init__(self, name: str, threads: int, environment: dict[str, str], budget: Budget) -> None:
        self._name, self._budget, self._ready = name, budget, False
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - for as long as the process lives
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.gpu.server", name, str(threads)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._said, text=True, cwd=ROOT, env=environment,
        )  # fmt: skip

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def do(self, what: str, **order: Any) -> dict[str, Any]:
        """Have something done and give the answer.

        Raises
        ------
        SideError
            It could not be done.
        TimeIsOver
            The process had to be ended first.
        """
        if not self._ready:
            self._answer()
            self._ready = True
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": what, **order}) + "\n")
        self._process.stdin.flush()
        answer = self._answer()
        if "error" in answer:
            raise SideError(f"{self._name}: {answer['error']}")
        return answer

    def close(self) -> None:
        """End the process; nothing of it is needed any more."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._said):
            assert stream is not None
            with contextlib.suppress(OSError):
                stream.close()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        watchdog = threading.Timer(self._budget.timeout_s, self._process.kill)
        watchdog.start()
        try:
            for line in self._process.stdout:
                if line.startswith(ANSWER):
                    answer: dict[str, Any] = json.loads(line.removeprefix(ANSWER))
                    return answer
        finally:
            watchdog.cancel()
        code = self._process.wait()
        if not self._budget.left_s:
            raise TimeIsOver(f"{self._name}: ended, since the time of the check was over")
        self._said.seek(0)
        said = self._said.read().decode(errors="replace")[-SAID_CHARS:]
        raise SideError(f"{self._name}: the process ended with {code}; its last words:\n{said}")


class Sides:
    """Both sides, started when one is needed, and again where one is gone."""

    def __init__(self, threads: int, environment: dict[str, str], budget: Budget) -> None:
        self._threads, self._environment, self._budget = threads, environment, budget
        self._running: dict[str, Side] = {}

    def start(self) -> None:
        """Let both import DeepLabCut while something else is done."""
        for name in NAMES:
            if name not in self._running or not self._running[name].alive:
                self._running[name] = Side(name, self._threads, self._environment, self._budget)

    def __getitem__(self, name: str) -> Side:
        self.start()
        return self._running[name]

    def close(self) -> None:
        """End both."""
        for side in self._running.values():
            side.close()


def environment_of(device: str, scratch: Path, threads: int) -> dict[str, str]:
    """Environment of all processes of the check: so many threads, one GPU or none, and no window.

    The first GPU of CUDA_VISIBLE_DEVICES is taken where that is set.
    """
    mask = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0].strip()
    return {
        **os.environ, "DLClight": "True", "CUDA_VISIBLE_DEVICES": mask if device == "cuda" else "-1",
        "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]),
        **thread_environment(threads), "SLURM_CPUS_PER_TASK": str(threads), "MPLCONFIGDIR": str(scratch),
        "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
    }  # fmt: skip
