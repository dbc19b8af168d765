"""Other programs as functions: what `subprocess.Popen` starts ends with what a function answers, and starts nothing."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.unit.support.disk_faults import another_program

NO_PROCESS = (1 << 22) + 4711
"""No process has this id: Linux gives none above 2**22."""


@dataclass(frozen=True)
class Answer:
    """How a program ended, and what it printed and said."""

    code: int = 0
    out: bytes = b""
    said: bytes = b""


@dataclass(frozen=True)
class Call:
    """What a program was given."""

    argv: list[str]
    stdin: bytes
    cwd: Path
    env: Mapping[str, str]


Program = Callable[[Call], Answer]


class FakeProcess:
    """Stands for `subprocess.Popen`; its program runs in a thread, once its standard input is closed."""

    programs: Mapping[str, Program]

    def __init__(
        self,
        argv: Sequence[str],
        *,
        stdin: Any = None,
        stdout: Any = None,
        stderr: Any = None,
        encoding: str | None = None,
        errors: str | None = None,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        **_: Any,
    ) -> None:
        self.args, self.pid, self.returncode = list(argv), NO_PROCESS, None
        program = self.programs.get(Path(argv[0]).name)
        if program is None:
            raise FileNotFoundError(2, "No such file or directory", argv[0])
        self._text: dict[str, Any] | None = {"encoding": encoding, "errors": errors} if encoding else None
        ends = {"stdin": None, "stdout": None, "stderr": None}
        for name, wanted in {"stdin": stdin, "stdout": stdout, "stderr": stderr}.items():
            if wanted == subprocess.PIPE:
                reading, writing = os.pipe()
                own, ends[name] = (writing, reading) if name == "stdin" else (reading, writing)
                setattr(self, name, self._open(own, "w" if name == "stdin" else "r"))
            else:
                ends[name] = os.dup(wanted.fileno()) if hasattr(wanted, "fileno") else None
                setattr(self, name, None)
        if stderr == subprocess.STDOUT and ends["stdout"] is not None:
            ends["stderr"] = os.dup(ends["stdout"])
        call = Call(list(map(str, argv)), b"", Path(cwd or "."), dict(env or os.environ))
        self._thread = threading.Thread(target=self._live, args=(program, call, ends), daemon=True)
        self._thread.start()

    def _open(self, handle: int, mode: str) -> Any:
        stream = io.FileIO(handle, mode)
        raw = io.BufferedWriter(stream) if mode == "w" else io.BufferedReader(stream)
        return io.TextIOWrapper(raw, **self._text) if self._text else raw

    def _live(self, program: Program, call: Call, ends: Mapping[str, int | None]) -> None:
        given = b""
        if (source := ends["stdin"]) is not None:
            with io.FileIO(source) as stream:
                given = stream.readall() or b""
        with another_program():
            try:
                answer = program(Call(call.argv, given, call.cwd, call.env))
            except Exception:
                answer = Answer(70, said=traceback.format_exc().encode())
        for name, data in (("stdout", answer.out), ("stderr", answer.said)):
            if (handle := ends[name]) is not None:
                with another_program(), io.FileIO(handle, "w") as stream:
                    left = data
                    while left:
                        left = left[stream.write(left) :]
        self.returncode = answer.code

    def __enter__(self) -> FakeProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self.wait()
        for stream in (self.stdin, self.stdout, self.stderr):
            if stream:
                stream.close()

    def poll(self) -> int | None:
        return None if self._thread.is_alive() else self.returncode

    def wait(self, timeout: float | None = None) -> int | None:
        self._thread.join(timeout)
        return self.returncode

    def communicate(self, given: Any = None, timeout: float | None = None) -> tuple[Any, Any]:
        if self.stdin:
            if given:
                self.stdin.write(given)
            self.stdin.close()
        streams = (self.stdout, self.stderr)
        texts = tuple(stream.read() if stream else None for stream in streams)
        for stream in streams:
            if stream:
                stream.close()
        self.wait()
        return texts

    def terminate(self) -> None:
        pass

    kill = terminate


def install(monkeypatch: pytest.MonkeyPatch, programs: Mapping[str, Program]) -> None:
    """Let these programs be all that there are on PATH."""
    monkeypatch.setattr(subprocess, "Popen", type("Popen", (FakeProcess,), {"programs": programs}))
    monkeypatch.setattr(shutil, "which", lambda name, *_, **__: f"/usr/bin/{name}" if name in programs else None)
