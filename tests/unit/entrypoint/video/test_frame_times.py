"""The time of every frame, compared with FFmpeg's own list: what a plain decode gives, one frame after the other."""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest

from dlcctr.results.times.frame_times import CONTAINER, COUNTED, NONE, write_frame_times
from entrypoint.video.damage.bitstream import PacketFacts
from entrypoint.video.decoding.packets import Packet
from entrypoint.video.frame_scan import FrameScan
from entrypoint.video.frame_times import UNKNOWN, PassTimes, slot_ticks, untangle
from entrypoint.video.restart import Jump, RestartLost
from entrypoint.video.scan import scan_video
from entrypoint.video.sound_pass import SoundPass
from tests import media

FRAMES = 90
ALT_REF = {"auto-alt-ref": "1", "lag-in-frames": "16", "arnr-maxframes": "5", "deadline": "good", "b": "200k"}
FORMATS: dict[str, dict[str, Any]] = {
    "h264.mp4": {},
    "uneven.mp4": {"vfr": True},
    "open-gop.mp4": {"options": {"x264-params": "open-gop=1:bframes=3:b-pyramid=normal"}},
    "ntsc.mp4": {"fps": Fraction(30000, 1001)},
    "fragments.mp4": {"mux_options": {"movflags": "frag_keyframe+empty_moov"}},
    "hevc.mov": {"codec": "libx265", "options": {"x265-params": "log-level=none:keyint=12:open-gop=0"}},
    "av1.mp4": {"codec": "libsvtav1", "options": {"svtav1-params": "lookahead=0"}},
    "mpeg4.mp4": {"codec": "mpeg4"},
    "h264.mkv": {},
    "uneven.mkv": {"vfr": True},
    "vp8.webm": {"codec": "libvpx", "options": ALT_REF},
    "vp9.webm": {"codec": "libvpx-vp9", "options": ALT_REF},
    "h264.ts": {},
    "uneven.ts": {"vfr": True},
    "mpeg2.mpg": {"codec": "mpeg2video"},
    "h264.flv": {},
    "wmv2.wmv": {"codec": "wmv2"},
    "h264.nut": {},
    "mpeg2.mxf": {"codec": "mpeg2video"},
    "vp8.ivf": {"codec": "libvpx"},
}


def ffmpeg_s(path: Path) -> list[float]:
    """FFmpeg's own list."""
    with av.open(str(path)) as source:
        return [math.nan if frame.time is None else frame.time for frame in source.decode(video=0)]


def assert_equal(found: FrameScan, wanted: list[float], *, off_s: float = 1e-9) -> None:
    """Not one frame is mistimed."""
    assert found.times
    assert len(found.times.seconds) == found.stream == len(wanted)
    pairs = zip(found.times.seconds, wanted, strict=True)
    assert [number for number, (ours, true) in enumerate(pairs) if not abs(ours - true) <= off_s] == []


def make(folder: Path, name: str) -> Path:
    return media.write_video(folder / name, FRAMES, **FORMATS[name])


def resumed(path: Path, at: int, after: int = 4) -> FrameScan:
    """A scan that begins again at the last place before a frame; `RestartLost` where none is known."""
    with SoundPass(path, 1) as whole:
        for _ in whole.frames():
            pass
        place = whole.reading.restarts.before(at)
    if place is None:
        raise RestartLost
    with SoundPass(path, 1) as rest:
        numbers = [number for number, _ in rest.frames(Jump(after, place))]
        assert numbers == [*range(after), *range(place.output, FRAMES)]
        return rest.judge()


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_has_ffmpeg_s_times(tmp_path: Path, name: str) -> None:
    path = make(tmp_path, name)
    wanted = ffmpeg_s(path)
    for suspect in (False, True):  # the fast pass and the careful one
        found = scan_video(path, suspect=suspect)
        assert_equal(found, wanted)
        assert found.times
        assert found.times.source == CONTAINER
        assert found.times.describe().zero_s == wanted[0]


@pytest.mark.parametrize(
    "name",
    ["h264.mp4", "uneven.mp4", "fragments.mp4", "hevc.mov", "av1.mp4", "h264.mkv", "vp8.webm", "vp9.webm", "h264.ts",
     "h264.flv"],
)  # fmt: skip
def test_a_pass_that_begins_in_the_middle_writes_the_same_bytes(tmp_path: Path, name: str) -> None:
    path = make(tmp_path, name)
    files = [tmp_path / "whole", tmp_path / "rest"]
    for file, found in zip(files, (scan_video(path), resumed(path, 70)), strict=True):
        assert found.times
        write_frame_times(file, found.times.seconds)
    assert files[0].read_bytes() == files[1].read_bytes()


@pytest.mark.parametrize("options", [{}, {"bframes": 0}, {"codec": "mpeg4"}, {"codec": "mjpeg", "pix_fmt": "yuvj420p"}])
def test_an_avi_has_no_timestamps_and_its_frames_are_counted(tmp_path: Path, options: dict[str, Any]) -> None:
    """FFmpeg's own list goes backwards here, or begins one frame late: it guesses."""
    path = media.write_video(tmp_path / "a.avi", FRAMES, **options)
    for suspect in (False, True):
        found = scan_video(path, suspect=suspect)
        assert_equal(found, [number / 25 for number in range(FRAMES)])
        assert found.times
        assert (found.times.source, found.times.rate) == (COUNTED, 25)


def test_an_avi_with_b_frames_begins_in_the_middle(tmp_path: Path) -> None:
    path = media.write_video(tmp_path / "a.avi", FRAMES)
    assert_equal(resumed(path, 70), [number / 25 for number in range(FRAMES)])


def test_frames_that_a_camera_dropped_into_an_avi_take_time(tmp_path: Path) -> None:
    """Every fifth is followed by an empty chunk, which repeats it."""
    path = media.write_video(tmp_path / "a.avi", FRAMES, vfr=True, bframes=0)
    found = scan_video(path)
    assert_equal(found, [(number + number // 5) / 25 for number in range(FRAMES)])
    assert found.times
    assert found.times.describe().gaps == FRAMES // 5 - 1


@pytest.mark.parametrize(
    ("name", "options", "rate"),
    [
        ("a.h264", {"fps": 30}, 30),
        ("a.h265", {"fps": 30, "codec": "libx265", "options": {"x265-params": "log-level=none"}}, 30),
        ("a.obu", {"fps": 30, "codec": "libsvtav1"}, None),
        ("a.mjpeg", {"fps": 30, "codec": "mjpeg", "pix_fmt": "yuvj420p", "frames": 20}, None),
    ],
)
def test_a_bare_stream_has_no_times(tmp_path: Path, name: str, options: dict[str, Any], rate: int | None) -> None:
    path = media.write_video(tmp_path / name, **{"frames": FRAMES, **options})
    found = scan_video(path)
    assert found.times
    assert all(map(math.isnan, found.times.seconds))
    told = found.times.describe()
    assert (told.source, told.zero_s, told.unknown) == (NONE, None, found.stream)
    assert told.rate == rate, "25 is only what FFmpeg takes for granted"


def remux(source: Path, target: Path, change: Callable[[int, Any], bool], **options: str) -> Path:
    """Copy packets; `change` gets the number and the packet, and says whether it is kept."""
    with av.open(str(source)) as read, av.open(str(target), "w", options=options) as write:
        stream = write.add_stream_from_template(read.streams.video[0])
        for number, packet in enumerate(read.demux(video=0)):
            if packet.size and change(number, packet):
                packet.stream = stream
                write.mux(packet)
    return target


def shift(seconds: float) -> Callable[[int, Any], bool]:
    def change(_: int, packet: Any) -> bool:
        ticks = round(seconds / packet.time_base)
        packet.pts += ticks
        packet.dts += ticks
        return True

    return change


@pytest.mark.parametrize("seconds", [-1.0, 2.0])
def test_an_edit_list_hides_frames_or_delays_them(tmp_path: Path, seconds: float) -> None:
    source = media.write_video(tmp_path / "a.mp4", FRAMES, bframes=0)
    path = remux(source, tmp_path / "b.mp4", shift(seconds), avoid_negative_ts="disabled", use_editlist="1")
    wanted = ffmpeg_s(path)
    assert len(wanted) == (FRAMES - 25 if seconds < 0 else FRAMES), "the test is about hidden frames"
    for suspect in (False, True):
        assert_equal(scan_video(path, suspect=suspect), wanted)
    if seconds > 0:
        assert_equal(resumed(path, 70), wanted)


@pytest.mark.parametrize("name", ["h264.ts", "mpeg2.mpg"])
def test_joined_recordings_go_back_in_time_and_that_is_said(tmp_path: Path, name: str) -> None:
    one = make(tmp_path, name)
    path = tmp_path / f"joined{one.suffix}"
    path.write_bytes(one.read_bytes() * 2)
    wanted = ffmpeg_s(path)
    found = scan_video(path)
    assert_equal(found, wanted)
    assert found.times
    told = found.times.describe()
    back = [number for number in range(1, len(wanted)) if wanted[number] < wanted[number - 1]]
    assert [frame for frame, _ in told.listed.backwards] == back
    assert told.backwards == len(back) == 1


def test_holes_in_a_recording_are_gaps_at_their_places(tmp_path: Path) -> None:
    """A camera that lost frames 20 to 24 and 50: the container says so."""
    source = media.write_video(tmp_path / "a.mp4", FRAMES, codec="mjpeg", pix_fmt="yuvj420p")
    lost = {*range(20, 25), 50}
    path = remux(source, tmp_path / "a.mkv", lambda number, _: number not in lost)
    found = scan_video(path)
    assert_equal(found, ffmpeg_s(path))
    assert found.times
    told = found.times.describe()
    assert (told.gaps, told.repeats, told.backwards, told.unknown) == (2, 0, 0, 0)
    assert told.listed.gaps == ((20, pytest.approx(0.24)), (45, pytest.approx(0.08)))


@pytest.mark.parametrize(
    ("name", "off_s"),
    [("h264.mp4", 0), ("uneven.mp4", 0), ("hevc.mov", 0), ("h264.mkv", 0.001), ("h264.ts", 0), ("h264.flv", 0.001)],
)
def test_frames_that_do_not_decode_have_their_times(tmp_path: Path, name: str, off_s: float) -> None:
    whole = make(tmp_path, name)
    wanted = ffmpeg_s(whole)
    path = media.punch_hole(whole, tmp_path / f"torn{whole.suffix}", whole.stat().st_size // 2, 600, seed=1)
    found = scan_video(path)
    assert found.decoded < found.stream
    assert_equal(found, wanted, off_s=off_s + 1e-9)


def test_frames_of_a_torn_avi_are_counted_on(tmp_path: Path) -> None:
    whole = media.write_video(tmp_path / "a.avi", FRAMES, codec="mpeg4")
    found = scan_video(media.punch_hole(whole, tmp_path / "b.avi", whole.stat().st_size // 2, 600, seed=1))
    assert found.decoded < found.stream
    assert_equal(found, [number / 25 for number in range(FRAMES)])


def test_frames_that_were_cut_off_have_no_times(tmp_path: Path) -> None:
    whole = media.write_video(tmp_path / "a.mkv", FRAMES, codec="mjpeg", pix_fmt="yuvj420p")
    found = scan_video(media.cut(whole, tmp_path / "b.mkv", 0.5))
    assert found.times
    wanted = ffmpeg_s(whole)
    known = [(ours, true) for ours, true in zip(found.times.seconds, wanted, strict=False) if not math.isnan(ours)]
    assert known
    assert all(ours == true for ours, true in known)
    assert len(known) >= found.decoded
    assert math.isnan(found.times.seconds[-1])


@pytest.mark.parametrize("shown", [True, False])
def test_only_where_packets_tell_the_times_is_a_place_to_begin(shown: bool) -> None:
    """A hidden picture of VP8 has a packet with a time of its own."""
    times = PassTimes("matroska,webm", "vp8")
    for pts, place, is_shown in ((0, True, True), (7, False, shown), (40, False, True), (80, True, True)):
        facts = PacketFacts(restart="closed" if place else "", shown=is_shown)
        times.see_packet(Packet(pts, pts, 0, 100, facts), is_place=place)
    told = times.told
    times.see_frame(0)
    times.see_frame(40)
    assert times.proves(told) is not shown
    assert times.leap(told)


def test_the_times_of_lost_frames_are_in_order_or_not_known() -> None:
    times = PassTimes("mov", "h264")
    for pts in (0, 10, 60, 70):
        times.see_frame(pts)

    def lost(*between: int | None) -> list[float | None]:
        slots = [(0, 0), (1, 10), *((None, each) for each in between), (2, 60), (3, 70)]
        ticks = slot_ticks(times, slots)
        assert [*ticks[:2], *ticks[-2:]] == [0, 10, 60, 70]
        return [None if tick == UNKNOWN else tick for tick in ticks[2:-2]]

    assert lost(40, 20, 30, 50) == [20, 30, 40, 50]
    assert lost(20, None, 30) == [None] * 3
    assert lost(20, 20) == [None] * 2
    assert lost(20, 65) == [None] * 2
    at_end = slot_ticks(times, [(0, 0), (None, 20), (None, 30), (None, None)])
    assert list(at_end) == [0, 20, 30, UNKNOWN]


def test_times_that_contradict_the_order_of_frames_are_sorted(tmp_path: Path) -> None:
    """ASF notes when frames are decoded: FFmpeg's own list goes backwards and forwards."""
    path = media.write_video(tmp_path / "a.asf", FRAMES)
    wanted = ffmpeg_s(path)
    assert wanted != sorted(wanted), "the test is about times that do"
    for suspect in (False, True):
        found = scan_video(path, suspect=suspect)
        assert_equal(found, sorted(wanted))
        assert found.times
        told = found.times.describe()
        assert (told.backwards, told.gaps) == (0, 0)
        assert told.reordered == sum(a != b for a, b in zip(wanted, sorted(wanted), strict=True)) > 0


@pytest.mark.parametrize(
    ("ticks", "sorted_ticks", "count"),
    [
        ([0, 1, 2], [0, 1, 2], 0), ([], [], 0), ([0, 2, 1, 3], [0, 1, 2, 3], 2), ([1, 3, 4, 2, 5], [1, 2, 3, 4, 5], 3),
        ([0, 1, 2, 0, 1, 2], [0, 1, 2, 0, 1, 2], 0), ([0, 2, 1, UNKNOWN], [0, 1, 2, UNKNOWN], 2),
        ([*range(50, 100), *range(50)], [*range(50, 100), *range(50)], 0), ([0, UNKNOWN, 2, 1], [0, UNKNOWN, 1, 2], 2),
    ],
)  # fmt: skip
def test_only_what_is_tangled_is_sorted(ticks: list[int], sorted_ticks: list[int], count: int) -> None:
    found, changed = untangle(array("q", ticks))
    assert (list(found), changed) == (sorted_ticks, count)


def test_memory_is_eight_bytes_a_frame(tmp_path: Path) -> None:
    found = scan_video(make(tmp_path, "h264.mp4"))
    assert found.times
    assert isinstance(found.times.seconds, array)
    assert found.times.seconds.itemsize == 8


def test_an_mp4_made_of_a_bare_stream_has_times_in_the_order_of_frames(tmp_path: Path) -> None:
    """Its writer knew no presentation times and counted packets, though B-frames are shown in another order."""
    source = media.write_video(tmp_path / "a.mp4", FRAMES)

    def count(number: int, packet: Any) -> bool:
        packet.pts = packet.dts = number * packet.duration
        return True

    path = remux(source, tmp_path / "b.mp4", count)
    wanted = ffmpeg_s(path)
    assert wanted != sorted(wanted), "the test is about a clock that goes backwards"
    found = scan_video(path)
    assert_equal(found, [number / 25 for number in range(FRAMES)])
    assert found.times
    assert found.times.describe().reordered > 0
    with pytest.raises(RestartLost):  # the packets do not tell what frame is shown when
        resumed(path, 70)
