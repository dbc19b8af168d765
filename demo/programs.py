"""Programs that the demo starts: commands of dlcctr as a person types them, and its own scripts beside DeepLabCut."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import time
from pathlib import Path

from dlcctr.errors import CommandFailedError
from dlcctr.system import processes as run

HERE = Path(__file__).resolve().parent
REPORT_S = 20.0


def say(line: str) -> None:
    """Print one line at once."""
    print(line, flush=True)


def dlcctr(*words: str | Path) -> None:
    """Run a command of dlcctr as a person would, and show it.

    Raises
    ------
    CommandFailedError
        Its exit code is not 0.
    """
    typed = [shown(word) if isinstance(word, Path) else word for word in words]
    say(f"$ dlcctr {shlex.join(typed)}")
    run.run([sys.executable, "-m", "dlcctr", *typed], capture=False)


def shown(path: Path) -> str:
    """A path as a person types it here: short where it is below this folder."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def in_native(python: Path, script: str, *words: str | Path, log: Path | None = None) -> None:
    """Run a script of this folder in the native environment; with a log, report its progress now and then."""
    argv = [str(python), "-Es", str(HERE / script), *map(str, words)]
    hidden = {"DLClight": "True", "CUDA_VISIBLE_DEVICES": "", "NO_ALBUMENTATIONS_UPDATE": "1", "PYTHONUNBUFFERED": "1"}
    hidden["OMP_WAIT_POLICY"] = "PASSIVE"  # threads that spin cost a busy machine three times the time
    env = {**os.environ, **hidden}
    if log is None:
        code = run.run(argv, env=hidden, capture=False, check=False).returncode
    else:
        with log.open("wb") as output:
            process = run.start(argv, output=output, env=env)
            try:
                code = _wait_and_report(process, log)
            finally:
                process.kill()
                process.wait()
    if code:
        where = f"; see {log}" if log else ""
        raise CommandFailedError(f"{script} ended with code {code}{where}", f"by hand: {shlex.join(argv)}")


def _wait_and_report(process: subprocess.Popen[bytes], log: Path) -> int:
    """Wait for a process, with a line of its log now and then."""
    began = time.monotonic()
    while True:
        try:
            return process.wait(timeout=REPORT_S)
        except subprocess.TimeoutExpired:
            lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines() or ["starting"]
            say(f"  {time.monotonic() - began:4.0f} s: {lines[-1].strip()[:90]}")
