"""A command on a disk that fails at its first write, at its second, and so on, and then once more on a sound one."""

from __future__ import annotations

import errno
import os
import re
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from dlcctr.cli import catch, make_app
from dlcctr.contract import ExitCode
from dlcctr.runtime.rows import executor
from dlcctr.slurm.jobs.arrivals import GRACE_S
from dlcctr.transfer.remote import rsync
from tests.unit.support.disk_faults import Disk, failing
from tests.unit.support.fault_world import World
from tests.unit.support.whole_state import assert_whole, leftovers, state_of

SPACE = (errno.ENOSPC, errno.EDQUOT)
"""Errors of a disk on which one can still remove files; on one with the others, nothing works any more."""
IN_TURN = (errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.ESTALE, errno.ENOSPC, errno.EROFS, errno.EACCES)
ALL = "DLCCTR_TEST_ALL_ERRORS"
"""Set, it lets every write fail with every error, which takes six times as long; else they come in turn."""
GRACE = "may still be on its way"

Work = Callable[[], object]
"""What is run on the failing disk, once all that it needs is there."""


def command(*argv: str | Path) -> Work:
    """A command of dlcctr."""

    def run() -> None:
        sys.argv = ["dlcctr", *map(str, argv)]
        make_app()(prog_name="dlcctr")

    return run


@dataclass(frozen=True)
class Case:
    """A command, and what it needs.

    Parameters
    ----------
    name : str
        The command as it is typed, ``image save``; what follows a comma tells cases of one command apart. It is
        empty for a part of dlcctr that no command is.
    prepare : callable
        Makes what the command needs, and gives it.
    is_there : bool
        Where the last step fails, and what is in its place cannot be taken away again, the command may say when it
        is typed again that this already exists.
    already : str
        What it may say when it is typed again after a failure: that this is done, for what cannot be taken back.
    least : int
        Least number of writes: a case with fewer does not do what it is for.
    every : int
        1 for every write, 2 for every second one: where most of them are those of another case.
    """

    name: str
    prepare: Callable[[World], Work]
    is_there: bool = False
    already: str = ""
    least: int = 4
    every: int = 1

    def __str__(self) -> str:
        return self.name or self.prepare.__name__

    @property
    def command(self) -> str:
        return self.name.partition(",")[0]


def check_each_write(case: Case, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Let each write of a command fail, and look: what it says, what is left, and that the same command then works."""
    with pytest.MonkeyPatch.context() as patch:
        for module, name in ((executor, "POLL_S"), (rsync, "_POLL_S")):
            patch.setattr(module, name, 0.001)
        sound = {has_room: _run_on_sound_disk(case, folder, patch, has_room=has_room) for has_room in (True, False)}
        for code, number in _faults({has_room: len(seen) for has_room, (seen, _) in sound.items()}, case.every):
            seen, wanted = sound[code not in SPACE]
            _check_one(case, Fault(code, number, seen[number]), folder, wanted, patch=patch, capsys=capsys)


@dataclass(frozen=True)
class Fault:
    """The write from which on everything fails, and with which error."""

    code: int
    number: int
    what: str

    def __str__(self) -> str:
        return f"{os.strerror(self.code)} from write {self.number} on: {self.what}"


def _run_on_sound_disk(
    case: Case, folder: Path, patch: pytest.MonkeyPatch, *, has_room: bool
) -> tuple[list[str], dict[str, object]]:
    """Writes of the command (removals too, where there is room), and what it leaves."""
    world, work = _prepared(case, folder / f"sound-{has_room}", patch)
    disk = Disk(world.here, errno.EIO if has_room else errno.ENOSPC)
    with failing(disk):
        assert catch(work) == 0
    assert_whole(world.here)
    assert len(disk.seen) >= case.least
    return disk.seen, state_of(world)


def _faults(writes: Mapping[bool, int], every: int) -> Iterator[tuple[int, int]]:
    """Error and number of the write."""
    everything = bool(os.environ.get(ALL))
    for turn, number in enumerate(range(0, writes[True], 1 if everything else every)):
        for code in dict.fromkeys(IN_TURN) if everything else [IN_TURN[turn % len(IN_TURN)]]:
            if number < writes[code not in SPACE]:
                yield code, number


def _check_one(
    case: Case,
    fault: Fault,
    folder: Path,
    wanted: dict[str, object],
    *,
    patch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    world, work = _prepared(case, folder / f"{fault.number}-{fault.code}", patch)
    capsys.readouterr()
    with failing(Disk(world.here, fault.code, fault.number)):
        ended = catch(work)
    _assert_said(capsys.readouterr().err, ended, fault, world.here)
    assert_whole(world.here, torn=fault.code not in SPACE or fault.what.startswith("replace "))
    left = leftovers(world.here) if fault.code in SPACE else []
    # an old result that could not be put back is so by the next command
    assert [name for name in left if not ("-replaced-" in name and fault.what.startswith("rename "))] == [], fault
    again = catch(work)
    said = capsys.readouterr().err
    if again == ExitCode.TRY_AGAIN and GRACE in said and fault.what.startswith("fsync "):
        # the note of what sbatch was to be given has its name; whether sbatch was started, nobody can know
        with pytest.MonkeyPatch.context() as later:
            now = time.time
            later.setattr(time, "time", lambda: now() + GRACE_S)
            again = catch(work)
    may_be_there = case.is_there and (fault.code not in SPACE or fault.what.startswith("fsync "))
    is_done = (may_be_there and "already exists" in said) or (bool(case.already) and case.already in said)
    assert again == 0 or is_done, (fault, said)
    found = state_of(world)
    assert found == wanted, (fault, {key for key in {*found, *wanted} if found.get(key) != wanted.get(key)})
    for place in (world.here, world.there):
        shutil.rmtree(place)


def _prepared(case: Case, folder: Path, patch: pytest.MonkeyPatch) -> tuple[World, Work]:
    world = World(folder)
    world.enter(patch)
    patch.setattr(sys, "argv", sys.argv)
    return world, case.prepare(world)


def _assert_said(said: str, ended: int, fault: Fault, folder: Path) -> None:
    if ended == 0:  # all is done, but for something that is of no use any more
        assert fault.what.startswith(("unlink ", "rmdir ", "remove ")), (fault, said)
        return
    assert ended == ExitCode.OUTPUT, (fault, ended, said)
    (error,) = re.findall(r"^error: (.*)\n  what to do: .+", said, re.MULTILINE) or [said]
    assert str(folder) in error, (fault, said)
    assert os.strerror(fault.code) in error, (fault, said)
