"""Whoever goes on does not decode what was finished, where the packets prove where a key frame stands."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from entrypoint.loop.checkpoints.files import CheckpointFolder
from entrypoint.protocol import Job, Message
from entrypoint.video.decoding.decode_pass import DecodePass
from entrypoint.video.restart import Jump, RestartLost
from entrypoint.video.scan import scan_video
from entrypoint.video.sound_pass import DamagedVideo, SoundPass
from tests import media
from tests.unit.entrypoint.loop.test_one_pass import attempt, one_pass
from tests.unit.entrypoint.loop.test_resume import Mortal, MortalWhole, die

FRAMES = 400
GROUP = 40
X264: dict[str, Any] = {"options": {"g": str(GROUP), "x264-params": "scenecut=0"}}
CLOSED: dict[str, dict[str, Any]] = {
    "h264.mp4": X264,
    "h264.mkv": X264,
    "h264.ts": X264,
    "hevc.mp4": {"codec": "libx265", "options": {"x265-params": f"keyint={GROUP}:open-gop=0:log-level=none"}},
    "vp9.webm": {"codec": "libvpx-vp9", "bframes": 0, "options": {"g": str(GROUP), "deadline": "realtime"}},
}
OTHERS: dict[str, dict[str, Any]] = {
    "open.mp4": {"options": {"g": str(GROUP), "x264-params": "scenecut=0:open-gop=1"}},
    "one-group.mp4": {"options": {"g": "1000", "x264-params": "scenecut=0"}},
    "mpeg4.avi": {"codec": "mpeg4", "bframes": 0, "options": {"g": str(GROUP)}},
    "mjpeg.avi": {"codec": "mjpeg", "pix_fmt": "yuvj420p", "bframes": 0},
    "raw.h264": X264,
}


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Numbers of all frames that decoders put out."""
    numbers: list[int] = []
    before = DecodePass.frames

    def note(self: DecodePass, jump: Jump | None = None) -> Any:
        for number, frame in before(self, jump):
            numbers.append(number)
            yield number, frame

    monkeypatch.setattr(DecodePass, "frames", note)
    return numbers


def make_job_of(tmp_path: Path, name: str, options: dict[str, Any], **more: Any) -> Job:
    job = one_pass(media.write_video(tmp_path / name, FRAMES, **options), announced=FRAMES, batch_size=8, **more)
    return replace(job, checkpoint_folder=str(tmp_path / "parts"), checkpoint_s=0.0)


@pytest.mark.parametrize("kind", [Mortal, MortalWhole])
@pytest.mark.parametrize("name", CLOSED)
def test_finished_groups_are_not_decoded(tmp_path: Path, name: str, kind: type[Mortal], decoded: list[int]) -> None:
    job = make_job_of(tmp_path, name, CLOSED[name])
    whole = kind()
    expected = attempt(replace(job, checkpoint_folder=""), whole).scan
    die(job, kind(1 + 300))
    decoded.clear()
    network = kind()
    result = attempt(job, network)
    assert network.written.tobytes() == whole.written.tobytes()
    assert result.scan == expected == scan_video(Path(job.video))
    assert result.scan.times.seconds == expected.times.seconds, "also of frames that were not decoded again"
    assert result.scan.times.seconds == scan_video(Path(job.video), suspect=True).times.seconds
    assert network.seen[:9] == [0, *range(8)]
    assert network.seen[9:] == list(range(288, FRAMES)), "the last finished batch proves the pictures"
    new = decoded[: decoded.index(FRAMES - 1) + 1]
    assert new.index(280) < 100, new
    assert set(range(150, 280)).isdisjoint(new), "seven groups are left out"
    assert list(range(280, FRAMES)) == new[new.index(280) :]


@pytest.mark.parametrize("name", OTHERS)
def test_what_cannot_be_proven_is_decoded(tmp_path: Path, name: str, decoded: list[int]) -> None:
    job = make_job_of(tmp_path, name, OTHERS[name])
    whole = Mortal()
    attempt(replace(job, checkpoint_folder=""), whole)
    die(job, Mortal(1 + 300))
    decoded.clear()
    network = Mortal()
    attempt(job, network)
    assert network.written.tobytes() == whole.written.tobytes()
    assert decoded == list(range(FRAMES))


def test_interrupted_again_and_again(tmp_path: Path) -> None:
    job = make_job_of(tmp_path, "h264.mp4", CLOSED["h264.mp4"])
    whole = Mortal()
    attempt(replace(job, checkpoint_folder=""), whole)
    for _ in range(12):
        die(job, Mortal(1 + 8 + 40))
        kept = list(CheckpointFolder(Path(job.checkpoint_folder), None, 2, 8).chain())
        if kept[-1].checkpoint.stop >= FRAMES - 40:
            break
    network = Mortal()
    attempt(job, network)
    assert network.written.tobytes() == whole.written.tobytes()


@pytest.mark.parametrize("change", [{"digest": "0" * 32}, {"pts": 1}, {"packet": 241}, {"output": 239}])
def test_a_place_that_is_not_there_is_not_used(tmp_path: Path, change: dict[str, Any], decoded: list[int]) -> None:
    """Nothing that is written makes a result wrong: at worst the video is decoded from its beginning."""
    job = make_job_of(tmp_path, "h264.mp4", CLOSED["h264.mp4"])
    whole = Mortal()
    attempt(replace(job, checkpoint_folder=""), whole)
    die(job, Mortal(1 + 300))
    folder = CheckpointFolder(Path(job.checkpoint_folder), None, 2, 8)
    for kept in list(folder.chain()):
        place = replace(kept.restart, **change) if kept.restart else None
        folder.write(kept.checkpoint, kept.positions, place)
    decoded.clear()
    network, reported = Mortal(), list[Any]()
    attempt(job, network, reported.append)
    assert network.written.tobytes() == whole.written.tobytes()
    assert list(range(FRAMES)) == decoded[-FRAMES:], "from the beginning"
    assert not any("is not used" in event.text for event in reported if isinstance(event, Message))


def test_damage_behind_the_place_is_found(tmp_path: Path) -> None:
    job = make_job_of(tmp_path, "h264.mp4", CLOSED["h264.mp4"])
    die(job, Mortal(1 + 300))
    video = Path(job.video)
    places = media.packet_places(video)
    media.punch_hole(video, video, places[350][0], 3 * places[350][1], seed=1)
    with pytest.raises(DamagedVideo):
        attempt(job, Mortal())


def test_pictures_behind_a_place_are_those_of_the_whole_pass(tmp_path: Path) -> None:
    video = media.write_video(tmp_path / "a.mp4", FRAMES, **CLOSED["h264.mp4"])

    def planes(frames: Any) -> dict[int, bytes]:
        return {number: b"".join(bytes(plane) for plane in frame.planes) for number, frame in frames}

    with SoundPass(video) as sound:
        whole = planes(sound.frames())
        place = sound.reading.restarts.before(250)
    assert place is not None
    assert place.output == 240
    with SoundPass(video) as sound:
        part = planes(sound.frames(Jump(10, place)))
        scan = sound.judge()
    assert scan == scan_video(video)
    assert set(part) == set(part) & set(range(60)) | set(range(240, FRAMES))
    assert all(part[number] == whole[number] for number in part)
    with SoundPass(video) as sound, pytest.raises(RestartLost):
        list(sound.frames(Jump(300, place)))


def test_a_video_whose_frames_are_all_keys(tmp_path: Path) -> None:
    options = {"codec": "libx264", "bframes": 0, "options": {"g": "1"}}
    job = make_job_of(tmp_path, "keys.mp4", options)
    whole = Mortal()
    attempt(replace(job, checkpoint_folder=""), whole)
    die(job, Mortal(1 + 300))
    (*_, last) = CheckpointFolder(Path(job.checkpoint_folder), None, 2, 8).chain()
    assert last.restart is not None
    assert last.restart.output > 200
    network = Mortal()
    attempt(job, network)
    assert np.array_equal(network.written, whole.written)
