"""A sound video is never called damaged: every codec and container that FFmpeg writes here, however odd its clock."""

from __future__ import annotations

import math
import subprocess
from itertools import pairwise
from pathlib import Path

import av
import pytest

from dlcctr.results.times.frame_times import CONTAINER, COUNTED
from entrypoint.video.scan import scan_video
from tests import media
from tests.integration.conftest import REAL_DATA
from tests.integration.support.video_corpus import CLOCKS, FRAMES, Kind, cases, count, write

JOINED = {"ts", "mpg", "vob", "h264", "hevc", "m2v", "m1v", "mjpeg", "m4v", "flv", "dv", "gif"}
"""Formats that may be put one behind the other, as cameras and `cat` do."""
NOT_PADDED = {"nut", "obu"}
"""FFmpeg itself refuses these with zeros behind them."""
REPORTED = {
    "ts_vfr.ts": 55, "pause.ts": 100, "pi.h264": 25, "live.mkv": 24, "res_change.h264": 50, "leaves720.mp4": 508,
    "empty.mp4": 24,
}  # fmt: skip
"""Small files of the kinds that people report, and the frames that FFmpeg and OpenCV both give of each."""


OPENCV_READS = """
import sys, cv2
for name in sys.argv[1:]:
    video, pictures = cv2.VideoCapture(name), []
    while (read := video.read())[0]:
        pictures.append(read[1].shape[1::-1])
    print(*pictures[0], len(pictures))
"""
"""Width, height and number of the pictures that OpenCV reads of each file."""


def assert_clean(video: Path, frames: int) -> None:
    found = scan_video(video, threads=2)
    assert (found.stream, found.decoded, found.missing) == (frames, frames, []), video.name


def assert_times(video: Path) -> None:
    """Every frame has the time that FFmpeg's own list gives it, but for formats whose list is guessed."""
    times = scan_video(video, threads=2).times
    assert times
    with av.open(str(video)) as source:
        wanted = [frame.time for frame in source.decode(video=0)]
    if times.source == CONTAINER:
        assert list(times.seconds) == pytest.approx(sorted(wanted) if times.reordered else wanted, abs=1e-9), video.name
    elif times.source == COUNTED:
        assert video.suffix == ".avi"
        assert all(a < b for a, b in pairwise(times.seconds)), video.name
    else:
        assert all(map(math.isnan, times.seconds)), video.name


def name_of(case: tuple[Kind, str]) -> str:
    return f"{case[0].codec}-{case[0].pix_fmt}.{case[1]}"


@pytest.mark.real
def test_the_corpus_is_large() -> None:
    assert len(list(cases())) >= 100


@pytest.mark.real
@pytest.mark.parametrize("case", list(cases()), ids=name_of)
def test_flat_stretches_odd_clocks_joined_and_padded_files_are_not_damage(
    case: tuple[Kind, str], tmp_path: Path
) -> None:
    kind, ending = case
    for clock in CLOCKS:
        video = write(tmp_path / f"{clock}.{ending}", kind, ending, clock)
        there = count(video)
        assert clock != "even" or there == FRAMES
        assert_times(video)
        assert_clean(video, there)
    data = (tmp_path / f"even.{ending}").read_bytes()
    others = {"joined": data * 2} if ending in JOINED else {}
    others |= {} if ending in NOT_PADDED else {"padded": data + bytes(3000)}
    for name, content in others.items():
        video = tmp_path / f"{name}.{ending}"
        video.write_bytes(content)
        assert_clean(video, count(video))


@pytest.mark.real
def test_what_people_report_is_whole() -> None:
    folder = REAL_DATA / "cases" / "video"
    for name, frames in REPORTED.items() if folder.is_dir() else ():
        assert_clean(folder / name, frames)


@pytest.mark.real
def test_of_several_streams_the_one_is_scanned_that_opencv_reads(native_pytorch: Path, tmp_path: Path) -> None:
    small, large, cover = ("mpeg4", 64, 48), ("mpeg4", 128, 96), ("mjpeg", 128, 96)
    files = [media.write_streams(tmp_path / f"two.{ending}", [small, large]) for ending in ("mp4", "mkv", "avi", "ts")]
    files += [
        media.write_streams(tmp_path / "cover.mp4", [small, cover], cover=1),
        media.write_streams(tmp_path / "first.mp4", [cover, small], cover=0),
        media.write_streams(tmp_path / "first.mkv", [cover, small], cover=0),
    ]
    ran = subprocess.run([native_pytorch, "-c", OPENCV_READS, *files], check=True, capture_output=True, text=True)
    ours = [(found.width, found.height, found.stream) for found in map(scan_video, files)]
    assert ours == [tuple(map(int, line.split())) for line in ran.stdout.splitlines()]
