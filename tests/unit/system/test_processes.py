from __future__ import annotations

import errno
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from dlcctr.contract import ExitCode
from dlcctr.errors import DlcctrError
from dlcctr.system import processes


@pytest.mark.parametrize("start", [processes.run, processes.start, processes.pipe])
def test_a_program_that_cannot_be_started_is_named(start: Callable[[Sequence[str]], object], tmp_path: Path) -> None:
    (tmp_path / "tool").write_text("x")
    for name, said in (("tool", "cannot be started: Permission denied"), ("none", "was not found on this machine")):
        with pytest.raises(DlcctrError, match=f"{name}:? {said}") as caught:
            start([str(tmp_path / name)])
        assert caught.value.exit_code == ExitCode.TOOL_MISSING
        assert caught.value.hint


def test_a_machine_at_its_limits_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    monkeypatch.setattr(subprocess, "Popen", refuse)
    with pytest.raises(DlcctrError, match="cannot be started now") as caught:
        processes.start(["true"])
    assert caught.value.exit_code == ExitCode.TRY_AGAIN


def test_output_is_utf8_whatever_the_locale_says() -> None:
    assert processes.run(["printf", "K\\303\\244fig\\377"], env={"LC_ALL": "C"}).stdout == "Käfig\ufffd"


def test_what_a_command_left_running_keeps_nobody_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "ENDED_S", 0.2)
    process = processes.pipe(["sh", "-c", "echo begun; (sleep 60 >/dev/null & echo $!; wait) >&2 & exec sleep 60"])
    assert process.stdin and process.stdout and process.stderr
    process.stdin.close()
    sleeper = int(process.stderr.readline())
    reader = threading.Thread(target=process.stderr.read, daemon=True)
    reader.start()
    assert process.stdout.readline() == b"begun\n"
    process.kill()
    process.wait()
    began = time.monotonic()
    processes.close_pipes(process, [reader])
    assert reader.is_alive() and not process.stderr.closed and time.monotonic() - began < 30
    os.kill(sleeper, signal.SIGKILL)
    reader.join()
    processes.close_pipes(process, [reader])
    assert process.stdout.closed and process.stderr.closed
