"""A row is judged in the pass that analyses it; nothing about that can harm the analysis."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dlcctr.model.prior.make import prior_text
from dlcctr.model.prior.record import PosePrior
from dlcctr.quality.record import QUALITIES, QUALITY_FILENAME, TABLE_FILENAME, Quality
from entrypoint.loop.judging import child, judge_job, judge_row
from entrypoint.loop.loop import Loop
from entrypoint.loop.result import LoopResult
from entrypoint.protocol import Job, Message
from entrypoint.video.scan import scan_video
from tests import media
from tests.unit.entrypoint.loop.test_resume import Killed, Mortal
from tests.unit.support.number_network import make_job

FRAMES = 60
COLUMNS = [[part, coord] for part in ("nose", "tail") for coord in ("x", "y", "likelihood")]


def job_of(video: Path, **options: Any) -> Job:
    return replace(make_job(video, batch_size=8, columns=COLUMNS), scan=None, **options)


def analyse(job: Job, network: Mortal | None = None) -> tuple[LoopResult, list[str]]:
    said: list[str] = []

    def hear(event: object) -> None:
        if isinstance(event, Message):
            said.append(event.text)

    network = network or Mortal()
    return Loop(lambda _: network, network.first_picture).analyze(job, hear), said  # type: ignore[arg-type,return-value]


def files_of(result: LoopResult) -> Mapping[str, bytes]:
    assert result.judged is not None
    return result.judged.files


def quality_of(result: LoopResult) -> Quality:
    return QUALITIES.parse(files_of(result)[QUALITY_FILENAME].decode(), Path("quality.json"))


def table_of(result: LoopResult) -> list[list[str]]:
    return [line.split(",") for line in gzip.decompress(files_of(result)[TABLE_FILENAME]).decode().splitlines()]


@pytest.fixture
def video(tmp_path: Path) -> Path:
    return media.write_video(tmp_path / "a.mp4", FRAMES, gop=40)


def test_every_frame_is_measured_in_the_pass(video: Path) -> None:
    result, said = analyse(job_of(video))
    quality, (head, *lines) = quality_of(result), table_of(result)
    assert not said
    assert quality.frames == len(lines) == FRAMES
    assert [line[head.index("time_s")] for line in lines[:3]] == ["0", "0.04", "0.08"]
    assert all(float(line[head.index("brightness")]) > 0 for line in lines)
    assert [part.name for part in quality.parts] == ["nose", "tail"]
    names = [each.file for each in quality.pictures]
    assert names
    assert all(files_of(result)[name].startswith(b"\xff\xd8\xff") for name in names)
    assert set(files_of(result)) == {QUALITY_FILENAME, TABLE_FILENAME, *names}
    assert {"pictures", "quality"} <= result.timings_s.keys()


def test_frames_that_this_attempt_did_not_see_have_no_picture_but_all_else(video: Path, tmp_path: Path) -> None:
    job = job_of(video, checkpoint_folder=str(tmp_path / "parts"), checkpoint_s=0.0)
    with pytest.raises(Killed):
        analyse(job, Mortal(1 + 48))
    whole, _ = analyse(replace(job, checkpoint_folder=""))
    result, _ = analyse(job)
    (head, *lines), (_, *all_lines) = table_of(result), table_of(whole)
    known = [bool(line[head.index("brightness")]) for line in lines]
    assert not all(known)
    assert all(known[48:])
    for name in ("score", "x", "time_s"):
        assert [line[head.index(name)] for line in lines] == [line[head.index(name)] for line in all_lines], name


def test_frames_that_did_not_decode_keep_the_others_in_place(tmp_path: Path) -> None:
    whole = media.write_video(tmp_path / "b.mp4", FRAMES, gop=10)
    place, size = media.packet_places(whole)[25]
    video = media.punch_hole(whole, tmp_path / "hole.mp4", place, size)
    scan = scan_video(video)
    assert scan.missing
    result, _ = analyse(replace(job_of(video), scan=scan))
    head, *lines = table_of(result)
    dark = [n for n, line in enumerate(lines) if not line[head.index("brightness")]]
    assert dark == [n for first, stop in scan.missing for n in range(first, stop)]


def test_whatever_goes_wrong_the_result_stays(video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise ZeroDivisionError("of no use")

    monkeypatch.setattr(judge_row, "judge", fail)
    network = Mortal()
    result, said = analyse(job_of(video), network)
    assert files_of(result) == {}
    assert said == ["it could not be judged (ZeroDivisionError: of no use); its result is whole"]
    assert network.written[:, 0, 0].tolist() == list(range(FRAMES))


def test_a_row_that_would_take_too_much_memory_is_left_to_the_command(
    video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judge_job, "MOST_VALUES", 100)
    result, said = analyse(job_of(video))
    assert (files_of(result), said) == ({}, ["too long to be judged here; afterwards: dlcctr quality m.csv"])


def test_pictures_hold_what_was_analysed(video: Path) -> None:
    job = job_of(video)
    scan = scan_video(video)
    result, _ = analyse(replace(job, crop=[0, scan.width - 8, 0, scan.height - 6]))
    assert result.seen is not None
    assert (result.seen.series.width, result.seen.series.height) == (scan.width - 8, scan.height - 6)
    assert np.isfinite(result.seen.series.brightness).all()


def test_another_process_says_the_same_of_a_long_row(video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here, _ = analyse(job_of(video, prior=prior_text(PosePrior("labels", ("nose", "tail"), 3))))
    monkeypatch.setattr(judge_job, "FEW_VALUES", 10)
    there, said = analyse(job_of(video, prior=prior_text(PosePrior("labels", ("nose", "tail"), 3))))
    assert said == []
    assert files_of(there) == files_of(here)
    assert there.judged == here.judged
    assert not list(video.parent.glob("judging*"))


@pytest.mark.parametrize("ends", ["import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "raise SystemExit(3)"])
def test_whatever_ends_that_process_the_result_stays(video: Path, monkeypatch: pytest.MonkeyPatch, ends: str) -> None:
    monkeypatch.setattr(judge_job, "FEW_VALUES", 10)
    monkeypatch.setattr(child, "BOOT", ends)
    network = Mortal()
    result, said = analyse(job_of(video), network)
    assert files_of(result) == {}
    assert len(said) == 1
    assert "its result is whole" in said[0]
    assert network.written[:, 0, 0].tolist() == list(range(FRAMES))
    assert not list(video.parent.glob("judging*"))
