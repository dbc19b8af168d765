"""Which frames of a video are really there: whole, cut, holed and lying files; and copies without loss."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from dlcctr.contract import ExitCode
from dlcctr.errors import OutputError, VideoError
from entrypoint.video.decoding.decode_pass import DecodePass
from entrypoint.video.frame_scan import FrameScan, ranges
from entrypoint.video.lossless_copy import write_copy
from entrypoint.video.scan import scan_video
from tests import media

FORMATS: dict[str, dict[str, Any]] = {
    "h264.mp4": {},
    "open_gop.mp4": {"options": {"x264-params": "open-gop=1:bframes=3:b-pyramid=normal"}},
    "fragmented.mp4": {"mux_options": {"movflags": "frag_keyframe+empty_moov"}},
    "full_range.mp4": {"pix_fmt": "yuvj420p"},
    "bt709.mp4": {"options": {"x264-params": "colormatrix=bt709:colorprim=bt709:transfer=bt709"}},
    "fast.mp4": {"fps": 1000},
    "mjpeg.avi": {"codec": "mjpeg", "pix_fmt": "yuvj420p"},
    "raw.avi": {"codec": "rawvideo", "pix_fmt": "bgr24"},
    "yuyv.avi": {"codec": "rawvideo", "pix_fmt": "yuyv422"},
    "h264.avi": {},
    "mpeg4.avi": {"codec": "mpeg4"},
    "mpeg2.mpg": {"codec": "mpeg2video"},
    "h264.ts": {},
    "uneven.ts": {"vfr": True},
    "bare.h264": {"container": "h264"},
    "uneven.mkv": {"vfr": True},
    "odd_size.mkv": {"codec": "mpeg4", "width": 151, "height": 97},
    "odd_size.avi": {"codec": "mjpeg", "pix_fmt": "yuvj420p", "width": 151, "height": 97},
    "grey.mkv": {"codec": "ffv1", "pix_fmt": "gray"},
    "ten_bit.mkv": {"codec": "libx265", "pix_fmt": "yuv420p10le", "options": {"x265-params": "log-level=none"}},
    "vp9.webm": {"codec": "libvpx-vp9", "options": {"deadline": "realtime", "cpu-used": "8"}},
    "windows.wmv": {"codec": "wmv2"},
    "png.mov": {"codec": "png", "pix_fmt": "rgb24"},
}
CONTAINER_SAYS = {"uneven.mkv": 47, "uneven.ts": 47, "mpeg2.mpg": 32, "bare.h264": 0}
"""Headers that do not tell the number of frames, as OpenCV reports them too."""


def planes(frame: Any) -> bytes:
    rows = [
        np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)[:, : plane.width].tobytes()
        for plane in frame.planes
    ]
    return b"".join(rows)


def decode(path: Path) -> list[bytes]:
    with av.open(str(path)) as source:
        return [planes(frame) for frame in source.decode(video=0)]


def decoded_frames(path: Path, found: FrameScan) -> list[bytes]:
    """What the scan calls decoded, in its order."""
    wanted = {number for first, stop in found.outputs for number in range(first, stop)}
    threads, strict = (0, True) if found.strict is None else (1, found.strict)
    with DecodePass(path, threads=threads, strict=strict) as reading:
        return [planes(frame) for number, frame in reading.frames() if number in wanted]


def numbers(found: FrameScan) -> list[int]:
    missing = {number for first, stop in found.missing for number in range(first, stop)}
    return [number for number in range(found.stream) if number not in missing]


def assert_sound(path: Path, truth: list[bytes], found: FrameScan) -> None:
    """Every frame called decoded equals the original's frame of that number, pixel for pixel."""
    have, places = decoded_frames(path, found), numbers(found)
    assert len(have) == len(places) == found.decoded
    wrong = [place for place, frame in zip(places, have, strict=True) if place >= len(truth) or truth[place] != frame]
    assert not wrong, f"{path.name}: {wrong} of {found}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("videos")


@pytest.mark.parametrize("name", FORMATS)
def test_whole_videos_are_clean_and_copies_equal_them(name: str, folder: Path) -> None:
    path = media.write_video(folder / name, 40, **FORMATS[name])
    found = scan_video(path)
    assert (found.stream, found.decoded, found.missing) == (40, 40, [])
    assert found.header == CONTAINER_SAYS.get(name, 40)
    assert found.clean
    assert found.header_true == (name not in CONTAINER_SAYS)
    target = folder / f"copy_of_{name}"
    write_copy(path, target, found)
    copy = scan_video(target)
    assert copy.clean
    assert (copy.header, copy.width, copy.height) == (40, found.width, found.height)
    assert copy.fps == pytest.approx(found.fps, rel=1e-6)
    assert media.decode_numbers(target) == list(range(40))
    if name != "raw.avi":  # bgr24 becomes bgr0
        assert decode(target) == decode(path)


def test_rotation_is_kept(tmp_path: Path) -> None:
    path = media.rotate_mp4(media.write_video(tmp_path / "a.mp4", 20), tmp_path / "turned.mp4")
    found = scan_video(path)
    assert (found.width, found.height) == (media.HEIGHT, media.WIDTH)
    write_copy(path, tmp_path / "copy.avi", found)
    turns = []
    for each in (path, tmp_path / "copy.avi"):
        with av.open(str(each)) as source:
            turns.append(next(source.decode(video=0)).rotation)
    assert turns[0] == turns[1] != 0


def test_interlaced_is_said(tmp_path: Path) -> None:
    path = media.write_video(tmp_path / "a.mp4", 20, options={"x264-params": "interlaced=1"})
    found = scan_video(path)
    assert found.clean
    assert found.interlaced
    write_copy(path, tmp_path / "copy.mov", found)
    assert not scan_video(tmp_path / "copy.mov").interlaced
    assert media.decode_numbers(tmp_path / "copy.mov") == list(range(20))


@pytest.mark.parametrize("claim", [30, 90])
def test_a_lying_header_of_a_whole_avi_is_not_believed(claim: int, tmp_path: Path) -> None:
    whole = media.write_video(tmp_path / "a.avi", 60, codec="mjpeg", pix_fmt="yuvj420p")
    path = media.patch_avi_frames(whole, tmp_path / "lying.avi", claim)
    found = scan_video(path)
    assert (found.header, found.stream, found.decoded) == (claim, 60, 60)
    assert found.clean
    assert not found.header_true
    write_copy(path, tmp_path / "copy.avi", found)
    assert scan_video(tmp_path / "copy.avi").header == 60
    assert media.decode_numbers(tmp_path / "copy.avi") == list(range(60))


@pytest.mark.parametrize("codec", ["mjpeg", "rawvideo", "mpeg4", "libx264"])
def test_an_avi_cut_in_the_middle_misses_its_end(codec: str, tmp_path: Path) -> None:
    pix_fmt = {"mjpeg": "yuvj420p", "rawvideo": "bgr24"}.get(codec, "yuv420p")
    whole = media.write_video(tmp_path / "a.avi", 100, codec=codec, pix_fmt=pix_fmt)
    path = media.cut(whole, tmp_path / "cut.avi", 0.6)
    found = scan_video(path)
    assert (found.header, found.stream) == (100, 100)
    assert 20 < found.decoded < 70
    assert found.missing[-1][1] == 100
    assert_sound(path, decode(whole), found)


@pytest.mark.parametrize(
    ("name", "options"),
    [("a.mp4", {"mux_options": {"movflags": "faststart"}}), ("a.mkv", {})],
)
def test_a_cut_file_with_its_index_or_length_in_front_misses_its_end(
    name: str, options: dict[str, Any], tmp_path: Path
) -> None:
    whole = media.write_video(tmp_path / name, 100, **options)
    path = media.cut(whole, tmp_path / f"cut_{name}", 0.6)
    found = scan_video(path)
    assert (found.header, found.stream) == (100, 100)
    assert 20 < found.decoded < 70
    assert_sound(path, decode(whole), found)


@pytest.mark.parametrize(
    ("name", "options"),
    [("a.mp4", {"mux_options": {"movflags": "frag_keyframe+empty_moov"}}), ("a.wmv", {"codec": "wmv2"})],
)
def test_a_cut_file_that_does_not_count_its_frames_is_never_clean(
    name: str, options: dict[str, Any], tmp_path: Path
) -> None:
    whole = media.write_video(tmp_path / name, 100, **options)
    path = media.cut(whole, tmp_path / f"cut_{name}", 0.5)
    found = scan_video(path)
    assert not found.clean
    assert_sound(path, decode(whole), found)


@pytest.mark.parametrize("seed", [None, 1])
def test_a_hole_in_an_mp4(seed: int | None, tmp_path: Path) -> None:
    whole = media.write_video(tmp_path / "a.mp4", 200, gop=25)
    places = media.packet_places(whole)
    start = places[80][0] + 20
    path = media.punch_hole(whole, tmp_path / "hole.mp4", start, places[90][0] - start, seed=seed)
    found = scan_video(path)
    assert (found.header, found.stream) == (200, 200)
    # the key frame behind the hole is frame 100, the one before it 75
    assert all(75 < first < stop <= 100 for first, stop in found.missing)
    assert 10 <= 200 - found.decoded <= 24
    assert_sound(path, decode(whole), found)
    write_copy(path, tmp_path / "copy.avi", found)
    assert decode(tmp_path / "copy.avi") == [decode(whole)[number] for number in numbers(found)]
    assert scan_video(tmp_path / "copy.avi").header == found.decoded


HOLED = ["h264.mp4", "open_gop.mp4", "fragmented.mp4", "mjpeg.avi", "h264.avi", "mpeg4.avi", "h264.ts", "odd_size.mkv"]


@pytest.mark.parametrize("name", HOLED)
def test_no_frame_called_decoded_is_wrong_wherever_the_hole_is(name: str, folder: Path) -> None:
    """Lost blocks are zeros; frames behind the hole keep their numbers, or the video is refused."""
    whole = media.write_video(folder / f"whole_{name}", 60, **FORMATS[name])
    truth, size = decode(whole), whole.stat().st_size
    dice, counted = random.Random(name), 0
    for trial in range(8):
        length = min(dice.choice([512, 2048, 8192]), size // 4)
        path = folder / f"hole{trial}_{name}"
        media.punch_hole(whole, path, dice.randrange(2500, size - length), length)
        try:
            found = scan_video(path)
        except VideoError as error:
            assert error.hint
            continue
        counted += 1
        assert_sound(path, truth, found)
    assert counted


def test_a_hole_in_a_matroska_of_uneven_rate_is_refused(tmp_path: Path) -> None:
    whole = media.write_video(tmp_path / "a.mkv", 200, vfr=True)
    path = media.punch_hole(whole, tmp_path / "hole.mkv", whole.stat().st_size // 3, 3000)
    with pytest.raises(VideoError, match="cannot be known"):
        scan_video(path)


def test_a_damaged_hevc_ends(tmp_path: Path) -> None:
    """With several threads, PyAV's closing of a decoder hung for ever when packets carried objects."""
    options = {"x265-params": "log-level=none:keyint=20"}
    whole = media.write_video(tmp_path / "a.mp4", 60, codec="libx265", options=options)
    truth, places = decode(whole), media.packet_places(whole)
    for seed in range(5):
        path = media.punch_hole(whole, tmp_path / f"hole{seed}.mp4", places[seed * 10 + 2][0], 300)
        found = scan_video(path, threads=4)
        assert not found.clean
        assert_sound(path, truth, found)


def test_a_recording_that_starts_between_key_frames_misses_nothing(tmp_path: Path) -> None:
    whole = media.write_video(tmp_path / "a.ts", 60, bframes=0)
    data = whole.read_bytes()
    path = tmp_path / "late.ts"
    path.write_bytes(data[:564] + data[188 * 20 :])  # tables, then from somewhere
    found = scan_video(path)
    assert found.clean
    assert 20 < found.stream < 60


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("zero.mp4", b"", "empty"),
        ("text.mp4", b"this is a text file\n" * 20, "text file"),
        ("noise.avi", bytes(range(256)) * 40, "no video|not one frame"),
    ],
)
def test_what_is_no_video_is_refused_with_its_reason(name: str, content: bytes, reason: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(VideoError, match=reason) as caught:
        scan_video(path)
    assert caught.value.exit_code == ExitCode.VIDEO
    assert caught.value.hint
    assert str(path) in caught.value.message


def test_a_missing_file_and_an_mp4_without_index(tmp_path: Path) -> None:
    with pytest.raises(VideoError, match="no such file"):
        scan_video(tmp_path / "not there.mp4")
    whole = media.write_video(tmp_path / "a.mp4", 60)
    with pytest.raises(VideoError, match="without its index"):
        scan_video(media.cut(whole, tmp_path / "cut.mp4", 0.5))


def test_the_ending_of_the_name_does_not_matter(tmp_path: Path) -> None:
    whole = media.write_video(tmp_path / "a.mp4", 30)
    odd = tmp_path / "-x $(touch hacked) file:%03d 'q'.avi"
    whole.rename(odd)
    found = scan_video(odd)
    assert (found.stream, found.codec, found.clean) == (30, "h264", True)


def test_a_copy_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    path = media.write_video(tmp_path / "a.mp4", 10)
    with pytest.raises(OutputError, match="cannot be written") as caught:
        write_copy(path, tmp_path / "no folder" / "copy.avi", scan_video(path))
    assert "DLCCTR_SCRATCH" in caught.value.hint


def test_a_video_that_changed_since_its_scan_is_refused(tmp_path: Path) -> None:
    path = media.write_video(tmp_path / "a.mp4", 20)
    found = scan_video(path)
    media.write_video(path, 10)
    with pytest.raises(VideoError, match="second time"):
        write_copy(path, tmp_path / "copy.avi", found)
    assert not (tmp_path / "copy.avi").exists()


def test_ranges() -> None:
    assert ranges([]) == []
    assert ranges([1, 2, 5]) == [[1, 3], [5, 6]]
