"""A process of its own that judges: its memory ends with it, and whatever ends it harms no result."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable
from pathlib import Path

from dlcctr.errors import CommandFailedError
from dlcctr.system import processes
from entrypoint.loop.judging.judge_row import Judged

ROOT = Path(__file__).resolve().parents[3]
BOOT = "import importlib, sys; sys.path.insert(0, sys.argv[1]); importlib.import_module(sys.argv[2]).main(sys.argv[3])"
FLAGS, OUT = "flags.json", "out"
LONGEST_S = 1800.0
SHOWN_CHARS = 300


def judge_in_child(module: str, folder: Path) -> Judged:
    """Have a module's `main` judge what is in a folder.

    Raises
    ------
    CommandFailedError
        The process ended otherwise than it should, or took longer than half an hour.
    """
    argv = [sys.executable, "-I", "-X", "utf8", "-c", BOOT, str(ROOT), module, str(folder)]
    done = processes.run(argv, check=False, timeout_s=LONGEST_S)
    if done.returncode:
        said = " ".join((done.stdout or "").split())[-SHOWN_CHARS:]
        raise CommandFailedError(f"the process that judges it ended with {done.returncode}: {said}")
    files = {file.name: file.read_bytes() for file in (folder / OUT).iterdir()}
    return Judged(files, tuple(json.loads((folder / FLAGS).read_text(encoding="utf-8"))))


def be_child(folder: str, judge: Callable[[Path], Judged]) -> None:
    """Judge what is in a folder, and leave the files in it. If memory is short, the kernel ends this process first."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    place = Path(folder)
    judged = judge(place)
    (place / OUT).mkdir()
    for name, data in judged.files.items():
        (place / OUT / name).write_bytes(data)
    (place / FLAGS).write_text(json.dumps(judged.flags), encoding="utf-8")
