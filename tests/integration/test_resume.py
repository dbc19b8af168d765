"""A row that is killed again and again: it goes on where it was, and its result is the uninterrupted one."""

from __future__ import annotations

import contextlib
import os
import random
import re
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dlcctr.campaign.manifest import write_manifest
from dlcctr.campaign.rows import Row
from dlcctr.contract import CHECKPOINTS_PREFIX, SCRATCH_PREFIX, ExitCode
from dlcctr.results.sections import ReusedPart
from entrypoint.loop.pose_array import DECODED_NAME
from tests import media
from tests.integration.support.own_loop import BOOT, ONE_THREAD, ROOT, OwnLoop, only
from tests.integration.support.tiny_models import BODYPARTS, make_model

SEED = 20261123
GOING_ON = re.compile(r"continuing at frame (\d+) of (\d+)")


@dataclass
class Running:
    """An `analyze` in a process group of its own, and the worker that it started in another."""

    process: subprocess.Popen[bytes]
    log: Path

    @property
    def said(self) -> str:
        return self.log.read_text()

    def worker(self) -> int | None:
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        found = children.read_text().split() if children.exists() else []
        return int(found[0]) if found else None

    def peak_mb(self) -> float:
        """Most memory that the worker had so far, in MB."""
        status = Path(f"/proc/{self.worker()}/status")
        found = re.search(r"VmHWM:\s*(\d+) kB", status.read_text()) if status.exists() else None
        return int(found[1]) / 1024 if found else 0.0

    def kill(self) -> bool:
        """Like a node that fails: all processes at once. Says whether they were still there."""
        worker, running = self.worker(), self.process.poll() is None
        for pid in (worker, self.process.pid):
            if pid and running:
                os.kill(pid, signal.SIGKILL)
        self.process.wait()
        return running

    def wait(self, code: int = 0) -> str:
        self.process.wait(600)
        assert self.process.returncode == code, self.said[-3000:]
        return self.said


@dataclass
class Case(OwnLoop):
    """One video, its uninterrupted result, and attempts that can be killed.

    Parameters
    ----------
    peaks_mb : list of float
        Most memory that the workers of the uninterrupted and of the killed attempts had.
    """

    peaks_mb: list[float] = field(default_factory=list)

    def start(self, name: str, *, checkpoint_s: float = 0.2) -> Running:
        write_manifest(self.manifest, self.rows)
        log = self.folder / f"{name}.log"
        argv = [
            self.python, "-I", "-c", BOOT, ROOT, "analyze", "--manifest", self.manifest, "--index", "0",
            "--out", self.folder / "own", "--video-root", self.videos, "--device", "cpu", "--path", "own",
            "--batch-size", str(self.batch_size), "--scratch", self.folder / "scratch",
        ]  # fmt: skip
        environment = {**ONE_THREAD, "DLCCTR_CHECKPOINT_S": str(checkpoint_s)}
        with log.open("wb") as out:
            process = subprocess.Popen(
                list(map(str, argv)), stdout=out, stderr=subprocess.STDOUT, cwd=self.folder, env=environment,
                start_new_session=True,
            )  # fmt: skip
        return Running(process, log)

    @property
    def row(self) -> Row:
        return self.rows[0]

    @property
    def folder_of_row(self) -> Path:
        return self.result(self.row, "own")

    def reach(self) -> int:
        """Decoded frames that the names of the checkpoints claim."""
        names = [
            file.stem.split("-") for folder in self.checkpoint_folders() for file in folder.glob("[0-9]*-[0-9]*.npz")
        ]
        return max((int(stop) for _, stop in names), default=0)

    def analysed(self, running: Running) -> int:
        """Frames that an attempt has positions of, in its own scratch folder: killed ones leave theirs behind."""
        for file in (self.folder / "scratch").glob(f"{SCRATCH_PREFIX}*-{running.process.pid}-*/*/{DECODED_NAME}"):
            with contextlib.suppress(OSError):
                values = np.frombuffer(file.read_bytes(), np.float32)
                return int(values.reshape(-1, 3 * len(BODYPARTS)).any(axis=1).sum())
        return 0

    def checkpoint_folders(self) -> list[Path]:
        return list(self.folder_of_row.parent.glob(f"{CHECKPOINTS_PREFIX}*"))

    def clean(self) -> Path:
        """Analyse without interruption, and put that aside."""
        running = self.start("clean", checkpoint_s=1000)
        peak_mb = 0.0
        while running.process.poll() is None:
            peak_mb = max(peak_mb, running.peak_mb())
            time.sleep(0.02)
        running.wait()
        self.peaks_mb.append(peak_mb)
        assert self.checkpoint_folders() == []
        aside = self.folder / "clean"
        self.folder_of_row.rename(aside)
        return aside

    def assert_equal(self, clean: Path) -> None:
        """Bit by bit: the .csv as a file, the .h5 (which holds times of its making) by its values."""
        ours = self.folder_of_row
        assert only(ours, "*.csv").read_bytes() == only(clean, "*.csv").read_bytes()
        self.call("-I", "-c", SAME_BITS, only(ours, "*.h5"), only(clean, "*.h5"))
        assert self.checkpoint_folders() == []
        assert not [path for path in ours.parent.iterdir() if path.name.startswith(".")]


SAME_BITS = """
import sys, pandas
ours, clean = (pandas.read_hdf(name) for name in sys.argv[1:])
assert list(ours.columns) == list(clean.columns) and list(ours.index) == list(clean.index)
assert ours.to_numpy().tobytes() == clean.to_numpy().tobytes()
"""


def make_case(python: Path, kind: str, folder: Path, write: Callable[[Path], object], batch_size: int = 4) -> Case:
    case = Case(python, make_model(python, kind, folder / "models"), folder, batch_size)
    case.videos.mkdir(parents=True)
    (folder / "scratch").mkdir()
    write(case.videos / "a.mp4")
    case.add(case.videos / "a.mp4")
    return case


def wait_until(condition: Callable[[], Any], running: Running, limit_s: float = 300) -> None:
    """Wait for something, or for the end of the process."""
    deadline = time.monotonic() + limit_s
    while not condition() and running.process.poll() is None:
        assert time.monotonic() < deadline, running.said[-2000:]
        time.sleep(0.01)


def kill_at(case: Case, targets: Sequence[int], chance: random.Random, *, later_s: float) -> list[int]:
    """Kill one attempt after the other at random moments behind so many finished frames. Gives where each went on."""
    places = []
    for number, target in enumerate(targets):
        running = case.start(f"killed-{number}")
        wait_until(lambda target=target: case.reach() >= target, running)  # type: ignore[misc]
        time.sleep(chance.uniform(0, later_s))
        case.peaks_mb.append(running.peak_mb())
        assert running.kill(), "it ended before it was killed"
        assert not case.folder_of_row.exists()
        places += [int(found[1]) for found in GOING_ON.finditer(running.said)]
    return places


def stop(case: Case) -> float:
    """SIGTERM while frames are analysed; how long it took, in s."""
    before = case.reach()
    running = case.start("stopped", checkpoint_s=1000)
    wait_until(lambda: case.analysed(running) >= before + 2 * case.batch_size, running)
    began = time.monotonic()
    running.process.send_signal(signal.SIGTERM)
    said = running.wait(ExitCode.TRY_AGAIN)
    assert "stopped by SIGTERM; row 0 (a.mp4): the frames analysed so far are kept" in said
    assert case.reach() >= before + 2 * case.batch_size, "what was analysed since the last checkpoint is kept"
    return time.monotonic() - began


def verify(case: Case, targets: Sequence[int], *, later_s: float) -> None:
    """Kill, stop, and let it end; against the uninterrupted result."""
    clean = case.clean()
    places = kill_at(case, targets, random.Random(SEED), later_s=later_s)
    took = stop(case)
    kept = case.reach()
    said = case.start("last").wait()
    print(f"went on at {places}, then at {kept}; stopped in {took:.1f} s")
    assert places == sorted(places)
    assert places[-1] >= targets[-2]
    assert [int(found[1]) for found in GOING_ON.finditer(said)] == [kept]
    assert took < 6
    case.assert_equal(clean)
    (used,) = case.receipt(case.row, "own").device.parts
    assert replace(used, backend="") == ReusedPart(0, kept, case.batch_size, "cpu")


@pytest.mark.real
def test_killed_and_stopped_with_pytorch(native_pytorch: Path, tmp_path: Path) -> None:
    case = make_case(native_pytorch, "pytorch-single", tmp_path, lambda file: media.write_video(file, 300))
    verify(case, (12, 40, 90, 130), later_s=0.3)


@pytest.mark.real
def test_killed_and_stopped_with_tensorflow(native_tensorflow: Path, tmp_path: Path) -> None:
    case = make_case(native_tensorflow, "tensorflow-single", tmp_path, lambda file: media.write_video(file, 100))
    verify(case, (8, 24), later_s=0.2)


HOURS_2 = {"frames": 36_000, "fps": 5, "width": 64, "height": 48, "gop": 250}
KILLS = 20
GROWTH_MB = 48
"""Ten times as many frames may take so much more memory: the pictures alone of 32,400 frames are 299 MB."""


@pytest.mark.full
def test_two_hours_killed_twenty_times(native_pytorch: Path, tmp_path: Path) -> None:
    """One result, equal to the uninterrupted one; and memory that does not grow with the video."""
    frames, chance = int(HOURS_2["frames"]), random.Random(SEED)
    short = make_case(native_pytorch, "pytorch-single", tmp_path / "short", two_hours(frames // 10), 32)
    long = make_case(native_pytorch, "pytorch-single", tmp_path / "long", two_hours(frames), 32)
    short.clean()
    targets = sorted(chance.sample(range(32, frames * 3 // 4), KILLS))
    verify(long, targets, later_s=1.5)
    print(f"peak memory in MB: {short.peaks_mb} for {frames // 10} frames, {long.peaks_mb} for {frames}")
    assert len(long.peaks_mb) == KILLS + 1
    assert max(long.peaks_mb) < short.peaks_mb[0] + GROWTH_MB


def two_hours(frames: int) -> Callable[[Path], object]:
    """So many frames of a video of two hours."""
    return lambda file: media.write_video(file, **{**HOURS_2, "frames": frames})  # type: ignore[arg-type]
