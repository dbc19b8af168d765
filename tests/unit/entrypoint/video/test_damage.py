"""What proves damage beside a decoder's error: its log, checksums, the structure of each kind of file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av.logging
import pytest

from dlcctr.errors import VideoError
from entrypoint.video.containers.packet_chains import mxf_value
from entrypoint.video.scan import scan_video
from tests import media
from tests.unit.entrypoint.video.test_scan import assert_sound, decode


def drop(source: Path, target: Path, start: int, length: int) -> Path:
    """A file without some of its bytes, as a stream arrives where a part is lost."""
    data = source.read_bytes()
    target.write_bytes(data[:start] + data[start + length :])
    return target


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.avi", {"codec": "ffv1", "options": {"level": "3", "slicecrc": "1"}, "gop": 1}),  # only its log says it
        ("b.mkv", {"codec": "rawvideo"}),  # the checksum of a cluster says it
        (
            "c.mp4",
            {"codec": "libx265", "options": {"x265-params": "log-level=none:hash=1"}, "width": 320, "height": 240},
        ),
    ],
)
def test_wrong_bytes_that_give_no_error_are_found(name: str, options: dict[str, Any], tmp_path: Path) -> None:
    whole = media.write_video(tmp_path / name, 20, **options)
    assert scan_video(whole).clean
    place, size = media.packet_places(whole)[7]
    path = media.punch_hole(whole, tmp_path / f"noise_{name}", place + size // 2, 40, seed=3)
    found = scan_video(path)
    assert not found.clean
    assert any(first <= 7 < stop for first, stop in found.missing)
    assert_sound(path, decode(whole), found)
    assert av.logging.get_level() is None  # the process's own again


def test_an_error_at_the_very_end_counts(tmp_path: Path) -> None:
    """With several threads a decoder reports what is wrong with the last packets when it is emptied."""
    whole = media.write_video(tmp_path / "a.mp4", 20, width=320, height=240, bframes=0)
    place, size = media.packet_places(whole)[-1]
    path = media.punch_hole(whole, tmp_path / "noise.mp4", place + 20, size - 20, seed=1)
    assert not scan_video(path, threads=4).clean


def test_what_a_lost_frame_leads_to_ends_where_the_decoder_calls_a_frame_a_key_frame(tmp_path: Path) -> None:
    """AVI marks all packets of some codecs as key frames."""
    whole = media.write_video(tmp_path / "a.avi", 36, codec="h263p", gop=12)
    place, size = media.packet_places(whole)[14]
    path = media.punch_hole(whole, tmp_path / "zeros.avi", place + 8, size - 16)
    found = scan_video(path)
    assert found.missing == [[13, 24]]
    assert_sound(path, decode(whole), found)


@pytest.mark.parametrize("name", ["a.ts", "a.flv", "a.ivf", "a.nut", "a.mpg"])
def test_a_cut_stream_misses_its_end(name: str, tmp_path: Path) -> None:
    codec = {"a.ivf": "libvpx", "a.mpg": "mpeg2video"}.get(name, "libx264")
    whole = media.write_video(tmp_path / name, 60, codec=codec)
    path = media.cut(whole, tmp_path / f"cut_{name}", 0.601)
    found = scan_video(path)
    assert found.missing[-1][1] == found.stream
    assert found.stream == 60 if name in ("a.flv", "a.ivf") else found.stream < 60  # these say how long they were
    assert_sound(path, decode(whole), found)


@pytest.mark.parametrize(
    ("name", "codec", "stream"),
    [("a.flv", "libx264", 60), ("b.flv", "flv1", 60), ("a.ivf", "libvpx", 60), ("a.mxf", "mpeg2video", 41)],
)
def test_a_cut_between_two_parts_is_seen_by_what_the_header_says(
    name: str, codec: str, stream: int, tmp_path: Path
) -> None:
    whole = media.write_video(tmp_path / name, 60, codec=codec)
    assert scan_video(whole).clean
    place = media.packet_places(whole)[40][0]
    path = drop(whole, tmp_path / f"cut_{name}", place, whole.stat().st_size - place)
    found = scan_video(path)
    assert found.missing[-1][1] == found.stream == stream
    assert_sound(path, decode(whole), found)


@pytest.mark.parametrize(("name", "codec"), [("a.flv", "libx264"), ("a.ivf", "libvpx"), ("a.mxf", "mpeg2video")])
def test_a_header_that_was_never_filled_in_says_nothing(name: str, codec: str, tmp_path: Path) -> None:
    """As live recorders leave it."""
    path = media.write_video(tmp_path / name, 60, codec=codec)
    data = bytearray(path.read_bytes())
    if name == "a.flv":
        place = data.index(b"filesize\0") + 9
        data[place : place + 8] = bytes(8)
    elif name == "a.ivf":
        data[24:28] = b"\xff" * 4
    else:
        place = mxf_value(bytes(data[:32])) + 24
        data[place : place + 8] = bytes(8)
    path.write_bytes(data)
    assert (scan_video(path).stream, scan_video(path).clean) == (60, True)


def test_a_cut_behind_the_last_frame_costs_no_row(tmp_path: Path) -> None:
    whole = media.write_video(tmp_path / "a.mkv", 60)
    path = media.cut(whole, tmp_path / "cut.mkv", (whole.stat().st_size - 20) / whole.stat().st_size)
    assert (scan_video(path).stream, scan_video(path).clean) == (60, True)


@pytest.mark.parametrize("name", ["a.ts", "a.flv", "a.mkv"])
def test_a_part_that_never_arrived_shifts_nothing(name: str, tmp_path: Path) -> None:
    whole = media.write_video(tmp_path / name, 60, width=320, height=240, gop=60, options={"crf": "8"})
    truth, counted = decode(whole), 0
    for number in (20, 30, 40):
        place = media.packet_places(whole)[number][0]
        path = drop(whole, tmp_path / f"lost_{name}", place // 188 * 188 if name == "a.ts" else place, 188 * 60)
        try:
            found = scan_video(path)
        except VideoError as error:
            assert error.hint
            continue
        counted += 1
        assert found.stream == 60
        assert not found.clean
        assert_sound(path, truth, found)
    assert counted


@pytest.mark.parametrize(("name", "codec"), [("a.mxf", "mpeg2video"), ("a.m2v", "mpeg2video")])
def test_a_loss_that_nothing_counts_is_refused(name: str, codec: str, tmp_path: Path) -> None:
    """FFmpeg makes the times of these up, and the frames behind a loss would move."""
    container = {"a.m2v": "mpeg2video"}.get(name)
    whole = media.write_video(tmp_path / name, 60, codec=codec, container=container)
    data = whole.read_bytes()
    path = drop(whole, tmp_path / f"lost_{name}", len(data) // 2, 3000)
    with pytest.raises(VideoError, match="cannot be known"):
        scan_video(path)


def test_a_wrong_time_in_a_damaged_packet_moves_no_other_frame(tmp_path: Path) -> None:
    whole = media.write_video(tmp_path / "a.flv", 36)
    place, size = media.packet_places(whole)[17]
    data = bytearray(whole.read_bytes())
    data[place - 3 : place] = b"\0\x01\x10"  # composition time, in ms
    data[place : place + size] = bytes(size)
    path = tmp_path / "time.flv"
    path.write_bytes(bytes(data))
    found = scan_video(path)
    assert found.stream == 36
    assert_sound(path, decode(whole), found)
