from __future__ import annotations

import builtins
import os
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dlcctr.campaign.videos.fingerprint import fingerprint
from dlcctr.campaign.videos.probe import frame_rate, probe_all, probe_video
from dlcctr.errors import ToolMissingError, VideoError
from entrypoint.video.scan import scan_video
from tests import media


def test_a_video_says_what_it_is(tmp_path: Path) -> None:
    file = media.write_video(tmp_path / "a.mp4", 60, width=160, height=96, fps=Fraction(30000, 1001))
    facts = probe_video(file)
    assert (facts.frames, facts.fps, facts.width, facts.height) == (60, 29.97003, 160, 96)
    assert (facts.codec, facts.error) == ("h264", "")
    assert facts.duration_s == pytest.approx(60 * 1001 / 30000, abs=0.002)
    assert (facts.bytes, facts.fingerprint) == (file.stat().st_size, fingerprint(file))


@pytest.mark.parametrize(
    ("name", "options", "frames"),
    [
        ("a.avi", {"codec": "mpeg4"}, 50),
        ("a.mov", {}, 50),
        ("a.m4v", {}, 50),
        ("a.mkv", {}, 50),
        ("a.mpg", {"codec": "mpeg1video"}, 50),
        ("a.wmv", {"codec": "wmv2", "bframes": 0}, 50),
        ("a.ts", {}, 50),
        ("a.h264", {}, None),
    ],
)
def test_containers(tmp_path: Path, name: str, options: dict[str, Any], frames: int | None) -> None:
    """Counted by the container, or duration x fps (in MPEG some frames off), or empty for a raw stream."""
    facts = probe_video(media.write_video(tmp_path / name, 50, **options))
    assert facts.error == ""
    assert (facts.width, facts.height) == (media.WIDTH, media.HEIGHT)
    assert facts.frames == (None if frames is None else pytest.approx(frames, rel=0.1))


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.avi"])
def test_a_second_video_stream_is_named_and_the_first_is_taken(name: str, tmp_path: Path) -> None:
    file = media.write_streams(tmp_path / name, [("mpeg4", 64, 48), ("mpeg4", 128, 96)])
    facts = probe_video(file)
    assert (facts.width, facts.height, facts.error) == (64, 48, "")
    assert "2 video streams: the first, mpeg4 64x48, is analysed" in facts.note
    assert "left out: mpeg4 128x96; to analyse another one, copy it: ffmpeg" in facts.note
    found = scan_video(file)
    assert (found.width, found.height, found.stream) == (64, 48, 10)


def test_cover_art_is_named(tmp_path: Path) -> None:
    file = media.write_streams(tmp_path / "a.mp4", [("mpeg4", 64, 48), ("mjpeg", 128, 96)], cover=1)
    facts = probe_video(file)
    assert facts.note.endswith("left out: a cover picture (mjpeg 128x96)")
    assert (facts.width, facts.frames, scan_video(file).stream) == (64, 10, 10)
    assert probe_video(media.write_video(tmp_path / "b.mp4", 10)).note == ""


def test_a_turned_telephone_video_has_the_size_that_is_read(tmp_path: Path) -> None:
    upright = media.rotate_mp4(media.write_video(tmp_path / "a.mp4"), tmp_path / "b.mp4")
    facts = probe_video(upright)
    assert (facts.width, facts.height) == (media.HEIGHT, media.WIDTH)


def test_a_lying_header_is_believed_here(tmp_path: Path) -> None:
    """Only `analyze` decodes; a manifest must be quick."""
    avi = media.write_video(tmp_path / "a.avi", 60, codec="mpeg4")
    assert probe_video(media.patch_avi_frames(avi, tmp_path / "b.avi", 90)).frames == 90


def test_an_index_that_claims_more_frames_than_it_names_is_not_believed(tmp_path: Path) -> None:
    data = bytearray(media.write_video(tmp_path / "a.mp4", 60, fps=30).read_bytes())
    times = data.rindex(b"stts")  # one entry: this many frames, each so long
    data[times + 12 : times + 16] = (117_000).to_bytes(4, "big")
    (tmp_path / "lying.mp4").write_bytes(data)
    assert probe_video(tmp_path / "lying.mp4").frames == 60


@pytest.mark.parametrize(
    ("average", "guessed", "base", "rate"), [(1000, 30, 1000, 30), (25, 0, 50, 25), (0, 0, 50, 50)]
)
def test_the_clock_of_a_container_is_not_its_rate(average: int, guessed: int, base: int, rate: int) -> None:
    assert frame_rate(SimpleNamespace(average_rate=average, guessed_rate=guessed, base_rate=base)) == rate


def test_an_encrypted_video_says_so(tmp_path: Path) -> None:
    key = "00112233445566778899aabbccddeeff"
    options = {"encryption_scheme": "cenc-aes-ctr", "encryption_key": key, "encryption_kid": key}
    video = media.write_video(tmp_path / "a.mp4", 20, mux_options=options)
    assert "encrypted" in probe_video(video).error
    with pytest.raises(VideoError, match="encrypted"):
        scan_video(video)


def test_damaged_videos_have_a_cause(tmp_path: Path) -> None:
    good = media.write_video(tmp_path / "good.mp4")
    (tmp_path / "empty.mp4").write_bytes(b"")
    (tmp_path / "text.mp4").write_text("not a video\n" * 100)
    (tmp_path / "text").write_text("not a video\n" * 100)
    (tmp_path / "gone.mp4").symlink_to("nowhere")
    os.mkfifo(tmp_path / "pipe.mp4")
    media.cut(good, tmp_path / "cut.mp4", 0.5)
    causes = {
        "empty.mp4": "the file is empty (0 bytes)",
        "cut.mp4": "cut off while it was written or copied",
        "text.mp4": "not a video, or a damaged one",
        "text": "not a video",
        "gone.mp4": "a symbolic link to a file that does not exist",
        "pipe.mp4": "not a regular file",
        "nothing.mp4": "No such file or directory",
    }
    for name, cause in causes.items():
        facts = probe_video(tmp_path / name)
        assert cause in facts.error, name
        assert facts.frames is None


def test_a_video_without_one_decodable_frame_has_a_cause(tmp_path: Path) -> None:
    good = media.write_video(tmp_path / "good.avi", 10, codec="mpeg4")
    data = bytearray(good.read_bytes())
    for place, size in media.packet_places(good):
        data[place + 8 : place + 8 + size] = bytes(size)
    (tmp_path / "bad.avi").write_bytes(bytes(data))
    assert probe_video(tmp_path / "bad.avi").error == "no frame of it can be decoded"


def test_sound_alone_is_no_video(tmp_path: Path) -> None:
    import av

    with av.open(str(tmp_path / "a.mp4"), "w") as out:
        stream = out.add_stream("aac", rate=44100)
        frame = av.AudioFrame(format="fltp", layout="stereo", samples=1024)
        frame.rate = 44100
        for plane in frame.planes:
            plane.update(bytes(plane.buffer_size))
        out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    assert probe_video(tmp_path / "a.mp4").error == "it contains no video"


@pytest.mark.parametrize("name", ["%03d.mp4", "-x.mp4", "$(id).mp4", "a\nb.mp4", "concat:a|b.mp4", "é 🐭.mp4"])
def test_hostile_names_are_plain_files(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    media.write_video(tmp_path / "plain.mp4", 10).rename(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    assert probe_video(Path(name)).frames == 10


def test_a_playlist_opens_no_other_file(tmp_path: Path) -> None:
    media.write_video(tmp_path / "secret.ts", 10)
    (tmp_path / "list.mp4").write_text("ffconcat version 1.0\nfile 'http://localhost:1/x.ts'\n")
    assert probe_video(tmp_path / "list.mp4").error


def test_many_are_probed_in_order(tmp_path: Path) -> None:
    files = [media.write_video(tmp_path / f"{n}.mp4", 10 + n) for n in range(6)]
    counted: list[int] = []
    facts = probe_all(files, jobs=3, done=lambda: counted.append(1))
    assert [fact.frames for fact in facts] == [10 + n for n in range(6)]
    assert len(counted) == 6


def test_without_pyav_the_remedy_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real_import = builtins.__import__

    def refuse(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "av":
            raise ImportError("No module named 'av'")
        return real_import(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(ToolMissingError) as caught:
        probe_all([tmp_path / "a.mp4"])
    assert "pip install --prefer-binary av" in caught.value.hint
