"""What DeepLabCut itself has written is judged by another process; nothing about that can harm the result."""

from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest

from dlcctr.model.prior.make import prior_text
from dlcctr.model.prior.record import PosePrior
from dlcctr.quality.record import QUALITIES, QUALITY_FILENAME, TABLE_FILENAME, Quality
from dlcctr.results.times.frame_times import write_frame_times
from entrypoint.loop.judging import child, judge_files
from entrypoint.loop.judging.judge_row import Judged
from entrypoint.protocol import Job, Message
from entrypoint.video.scan import scan_video
from tests import media
from tests.unit.support.number_network import make_job

FRAMES = 50
PARTS, ANIMALS = ("snout", "tail"), ("one", "two")


def table_of(n_frames: int) -> Any:
    """Two animals; the second one is there in the first ten frames only."""
    columns = [("s", who, part, coord) for who in ANIMALS for part in PARTS for coord in ("x", "y", "likelihood")]
    index = pandas.MultiIndex.from_tuples(columns, names=["scorer", "individuals", "bodyparts", "coords"])
    values = np.full((n_frames, 2, 2, 3), 0.9)
    values[..., 0] = 20 + 60 * np.arange(2)[None, :, None] + np.arange(n_frames)[:, None, None] * 0.1
    values[..., 1] = 30 + 10 * np.arange(2)[None, None, :]
    values[10:, 1] = np.nan
    return pandas.DataFrame(values.reshape(n_frames, -1), columns=index)


def job_of(video: Path, n_rows: int = FRAMES, **options: Any) -> Job:
    columns = [[who, part, coord] for who in ANIMALS for part in PARTS for coord in ("x", "y", "likelihood")]
    job = make_job(video, path="stock", multianimal=True, columns=columns, original=str(video), **options)
    times = video.with_name("times.csv.gz")
    assert job.found.times is not None
    write_frame_times(times, job.found.times.seconds)
    table_of(n_rows).to_hdf(Path(job.folder) / "vDLC.h5", key="tracks", format="table", mode="w")
    return replace(job, times=str(times))


def judged(job: Job) -> tuple[Judged, list[str]]:
    said: list[str] = []
    found = judge_files.judge_files(job, lambda event: said.append(event.text) if isinstance(event, Message) else None)
    return found, said


def quality_of(found: Judged) -> Quality:
    return QUALITIES.parse(found.files[QUALITY_FILENAME].decode(), Path("quality.json"))


@pytest.fixture
def video(tmp_path: Path) -> Path:
    return media.write_video(tmp_path / "a.mp4", FRAMES, gop=10)


def test_several_animals_are_judged_with_pictures(video: Path) -> None:
    prior = PosePrior("labels", PARTS, 3)
    found, said = judged(job_of(video, prior=prior_text(prior)))
    quality = quality_of(found)
    assert not said
    assert quality.frames == FRAMES
    assert quality.prior.hash == prior.hash
    assert {part.individual for part in quality.parts} == set(ANIMALS)
    assert "missing-individuals" in found.flags
    assert quality.flag_names == found.flags
    assert quality.summary["brightness"] > 0
    head, *lines = gzip.decompress(found.files[TABLE_FILENAME]).decode().splitlines()
    assert (len(lines), lines[2].split(",")[1]) == (FRAMES, "0.08")
    assert "score.two.tail" in head
    pictures = [each.file for each in quality.pictures]
    assert pictures
    assert set(found.files) == {QUALITY_FILENAME, TABLE_FILENAME, *pictures}
    assert not list(video.parent.glob("judging*"))


def test_tracks_may_end_before_the_video_does(video: Path) -> None:
    found, said = judged(job_of(video, n_rows=30))
    lines = gzip.decompress(found.files[TABLE_FILENAME]).decode().splitlines()
    assert (said, len(lines) - 1, lines[-1].split(",")[1]) == ([], 30, "1.16")


def test_frames_that_did_not_decode_have_no_picture(tmp_path: Path) -> None:
    whole = media.write_video(tmp_path / "b.mp4", FRAMES, gop=10)
    place, size = media.packet_places(whole)[25]
    video = media.punch_hole(whole, tmp_path / "hole.mp4", place, size)
    missing = scan_video(video).missing
    assert missing
    found, _ = judged(job_of(video))
    head, *lines = [line.split(",") for line in gzip.decompress(found.files[TABLE_FILENAME]).decode().splitlines()]
    dark = [n for n, line in enumerate(lines) if not line[head.index("brightness")]]
    assert dark == [n for first, stop in missing for n in range(first, stop)]


def test_without_a_readable_video_positions_are_judged(video: Path) -> None:
    job = job_of(video)
    video.write_bytes(b"gone")
    found, said = judged(job)
    quality = quality_of(found)
    assert not said
    assert "missing-individuals" in found.flags
    assert "brightness" not in quality.summary
    assert not quality.pictures


@pytest.mark.parametrize("ends", ["import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "raise SystemExit(3)"])
def test_whatever_ends_the_process_the_result_stays(video: Path, monkeypatch: pytest.MonkeyPatch, ends: str) -> None:
    job = job_of(video)
    monkeypatch.setattr(child, "BOOT", ends)
    found, said = judged(job)
    assert not found.files
    assert len(said) == 1
    assert "its result is whole" in said[0]
    assert [file.name for file in Path(job.folder).iterdir()] == ["vDLC.h5"]
    assert not list(video.parent.glob("judging*"))


def test_a_damaged_table_harms_nothing(video: Path) -> None:
    job = job_of(video)
    (Path(job.folder) / "vDLC.h5").write_bytes(b"no table")
    found, said = judged(job)
    assert not found.files
    assert "its result is whole" in said[0]


def test_a_row_that_is_too_long_is_left_to_the_command(video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judge_files, "MOST_VALUES", 4 * FRAMES - 1)
    found, said = judged(job_of(video))
    assert (dict(found.files), said) == ({}, ["too long to be judged here; afterwards: dlcctr quality m.csv"])
