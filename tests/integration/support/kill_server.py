"""Run `analyze` many times in a process that has imported DeepLabCut once, so that it can be killed many times.

Reads one JSON line per attempt, ``{"argv": [...], "kill_at": "STEP" or null, "slow_s": seconds}``, forks a supervisor
for it, prints its pid, waits for it and prints how it ended. The worker is forked too, instead of started anew: all
the rest, from the manifest to the commit, is the product's own code on the product's own files.

Steps of the commit at which the supervisor kills itself with SIGKILL, as the system would:
write (half of an output's bytes), fsync (before one), receipt (its temporary name written, not renamed),
rename (before the folder gets its name), after (the folder has its name).
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

ROOT = Path(__file__).resolve().parents[3]


class ForkedWorker:
    """Stands in for the worker's `subprocess.Popen`: forks this process, which has DeepLabCut in it.

    Parameters are those of `dlcctr.system.processes.pipe`.
    """

    def __init__(self, argv: list[str], *, env: dict[str, str], cwd: Path, **_: Any) -> None:
        engine, events, threads = argv[-3], int(argv[-2]), int(argv[-1])
        stdin_read, stdin_write = os.pipe()
        stdout_read, stdout_write = os.pipe()
        self.returncode: int | None = None
        self.pid = os.fork()
        if self.pid == 0:
            self._become_worker(stdin_read, stdout_write, {stdin_write, stdout_read}, env, cwd)
            from entrypoint import worker

            worker.main(engine, events, threads)
            os._exit(0)
        os.close(stdin_read)
        os.close(stdout_write)
        self.stdin = os.fdopen(stdin_write, "wb", buffering=0)
        self.stdout = os.fdopen(stdout_read, "rb", buffering=0)

    @staticmethod
    def _become_worker(stdin: int, stdout: int, close: set[int], env: dict[str, str], cwd: Path) -> None:
        os.setsid()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        for handle in close:
            os.close(handle)
        os.dup2(stdin, 0)
        os.dup2(stdout, 1)
        os.dup2(stdout, 2)
        os.environ.clear()
        os.environ.update(env)
        os.chdir(cwd)
        sys.stdin = os.fdopen(0, encoding="utf-8")

    def wait(self, timeout: float | None = None) -> int:
        import subprocess

        deadline = None if timeout is None else time.monotonic() + timeout
        while self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
            elif deadline is not None and time.monotonic() > deadline:
                raise subprocess.TimeoutExpired("worker", timeout or 0)
            else:
                time.sleep(0.01)
        return self.returncode


def die() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise SystemExit  # not reached


def arm(step: str | None, slow_s: float) -> None:
    """Change this (forked) process's commit so that it dies at one step, or is slow enough to be hit from outside."""
    from dlcctr.contract import ATTEMPT_PREFIX
    from dlcctr.results import commit

    copyfile, fsync, write = commit.shutil.copyfile, commit.fsync_path, commit.write_text_atomic
    rename = Path.rename

    def slow(function: Callable[..., Any], name: str, before: Callable[..., Any] = lambda *_: None) -> Any:
        def run(*arguments: Any) -> Any:
            time.sleep(slow_s)
            if step == name:
                before(*arguments)
                die()
            return function(*arguments)

        return run

    def half(source: Path, target: Path) -> None:
        data = source.read_bytes()
        target.write_bytes(data[: len(data) // 2])

    def temporary(path: Path, text: str) -> None:
        path.with_name(f".{path.name}.half").write_text(text, encoding="utf-8")

    commit.shutil.copyfile = slow(copyfile, "write", half)
    commit.fsync_path = slow(fsync, "fsync")
    commit.write_text_atomic = slow(write, "receipt", temporary)
    slow_rename = slow(rename, "after" if step == "after" else "rename", rename if step == "after" else lambda *_: None)

    def rename_attempt(path: Path, target: Path) -> Path:
        done: Path = (slow_rename if path.name.startswith(ATTEMPT_PREFIX) else rename)(path, target)
        return done

    Path.rename = rename_attempt  # type: ignore[method-assign]


def supervise(command: dict[str, Any], log: Path) -> NoReturn:
    """Be `dlc analyze` in a session of its own."""
    os.setsid()
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    arm(command["kill_at"], command["slow_s"])
    sys.argv = ["dlc", *command["argv"]]
    from dlcctr.cli import catch
    from entrypoint import app

    code = 1
    with contextlib.suppress(BaseException):
        code = catch(app.main)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def main() -> None:
    sys.path.insert(0, str(ROOT))
    engine, log = sys.argv[1], Path(sys.argv[2])
    from entrypoint.analyze.worker import process as child
    from entrypoint.engines.base import get_engine

    get_engine(engine).load(1)
    child.processes.pipe = ForkedWorker
    print("ready", flush=True)
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            supervise(json.loads(line), log)
        print(pid, flush=True)
        _, status = os.waitpid(pid, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main()
