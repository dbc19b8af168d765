"""Checkpoints as files: what fits together, and what is not used."""

from __future__ import annotations

import errno
import json
import zipfile
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcctr.contract import CHECKPOINTS_PREFIX
from entrypoint.analyze import checkpoint_folder
from entrypoint.analyze.checkpoint_folder import has_checkpoints, remove_checkpoints, with_checkpoints
from entrypoint.loop.checkpoints import writer as checkpoint_writer
from entrypoint.loop.checkpoints.files import CheckpointFolder
from entrypoint.loop.checkpoints.writer import CheckpointWriter
from entrypoint.loop.pose_array import PoseArray
from entrypoint.protocol import Checkpoint, Job, Message, Report
from entrypoint.video.frame_scan import FrameScan
from tests.unit.support.number_network import ignore

DECODED, BODYPARTS, BATCH = 22, 2, 4

SCAN = FrameScan(DECODED, DECODED, DECODED, outputs=[[0, DECODED]])
JOB = Job(
    path="own", model="m", config="", video="v", folder="", stem="v", columns=[["a", "x"]], scan=SCAN,
    multianimal=False, shuffle=1, trainset_index=0, device="cpu", batch_size=BATCH, crop=None, csv=True,
    checkpoint_s=60.0,
)  # fmt: skip


def positions(first: int, stop: int) -> Any:
    return np.arange(6 * first, 6 * stop, dtype=np.float32).reshape(-1, BODYPARTS, 3)


def checkpoint(first: int, stop: int, **changes: Any) -> Checkpoint:
    return replace(Checkpoint(first, stop, BATCH, "cpu", "engine"), **changes)


@pytest.fixture
def folder(tmp_path: Path) -> CheckpointFolder:
    made = CheckpointFolder(tmp_path / "parts-1", DECODED, BODYPARTS, BATCH)
    made.path.mkdir()
    return made


def write(folder: CheckpointFolder, *ranges: tuple[int, int]) -> None:
    for first, stop in ranges:
        folder.write(checkpoint(first, stop), positions(first, stop))


def chained(folder: CheckpointFolder) -> list[tuple[int, int]]:
    """Ranges in the order of the chain; each with the very positions that were written for it."""
    found = list(folder.chain())
    for each, values, _ in found:
        assert values.dtype == np.float32
        assert (values == positions(each.first, each.stop)).all()
    return [(each.first, each.stop) for each, *_ in found]


def test_checkpoints_are_chained_from_the_first_frame_on(folder: CheckpointFolder) -> None:
    assert chained(folder) == []
    write(folder, (8, 20), (0, 4), (4, 8), (20, 22))
    assert chained(folder) == [(0, 4), (4, 8), (8, 20), (20, 22)]
    assert sorted(file.name for file in folder.path.iterdir()) == ["0-4.npz", "20-22.npz", "4-8.npz", "8-20.npz"]


def test_a_gap_ends_the_chain(folder: CheckpointFolder) -> None:
    write(folder, (4, 8), (12, 16))
    assert chained(folder) == []
    write(folder, (0, 4))
    assert chained(folder) == [(0, 4), (4, 8)]


def test_checkpoints_of_two_attempts_overlap(folder: CheckpointFolder) -> None:
    write(folder, (0, 4), (0, 8), (4, 16), (8, 12), (12, 20))
    assert chained(folder) == [(0, 8), (8, 16), (16, 20)]


@given(st.sets(st.tuples(st.integers(0, 5), st.integers(1, 6))))
def test_the_chain_reaches_as_far_as_there_is_no_gap(tmp_path_factory: Any, batches: set[tuple[int, int]]) -> None:
    folder = CheckpointFolder(tmp_path_factory.mktemp("parts"), DECODED, BODYPARTS, BATCH)
    ranges = [(BATCH * first, min(BATCH * stop, DECODED)) for first, stop in batches if first < stop]
    write(folder, *ranges)
    covered = {frame for first, stop in ranges for frame in range(first, stop)}
    reach = next(frame for frame in range(DECODED + 1) if frame not in covered)
    found = chained(folder)
    assert [first for first, _ in found] == [0, *[stop for _, stop in found[:-1]]][: len(found)]
    assert (found[-1][1] if found else 0) == reach


def damage_each_byte(data: bytes) -> Any:
    for place in range(0, len(data), 7):
        yield data[:place] + bytes([data[place] ^ 0x10]) + data[place + 1 :]


def test_a_damaged_checkpoint_is_not_used(folder: CheckpointFolder) -> None:
    write(folder, (0, 8))
    file = folder.path / "0-8.npz"
    data = file.read_bytes()
    refused = 0
    for damaged in damage_each_byte(data):
        file.write_bytes(damaged)
        refused += chained(folder) == []  # where it is used, its values are right: dates and the like
    assert refused > len(data) / 7 / 2
    for length in (0, 10, len(data) // 2, len(data) - 1):
        file.write_bytes(data[:length])
        assert chained(folder) == []
    write(folder, (0, 4))
    assert chained(folder) == [(0, 4)], "a smaller one takes its place"


def test_a_checkpoint_that_cannot_be_read_is_not_used(folder: CheckpointFolder) -> None:
    (folder.path / "0-8.npz").mkdir()
    assert chained(folder) == []


@pytest.mark.parametrize(
    ("first", "stop"), [(0, 6), (2, 8), (0, DECODED + 2), (0, 0)], ids=["end", "beginning", "too long", "empty"]
)
def test_a_checkpoint_that_is_not_of_whole_batches_is_not_used(folder: CheckpointFolder, first: int, stop: int) -> None:
    write(folder, (0, 4), (first, stop))
    assert chained(folder) == [(0, 4)]


def test_a_checkpoint_under_another_name_is_not_used(folder: CheckpointFolder) -> None:
    write(folder, (0, 8))
    (folder.path / "0-8.npz").rename(folder.path / "0-16.npz")
    assert chained(folder) == []


def test_a_checkpoint_of_another_folder_is_not_used(folder: CheckpointFolder) -> None:
    other = replace(folder, path=folder.path.with_name("parts-2"))
    write(folder, (0, 8))
    folder.path.rename(other.path)
    assert chained(other) == []


@pytest.mark.parametrize(
    "values", [positions(0, 7), positions(0, 8)[:, :1], positions(0, 8).astype(np.float64)], ids=["n", "parts", "type"]
)
def test_a_checkpoint_of_another_shape_is_not_used(folder: CheckpointFolder, values: Any) -> None:
    folder.write(checkpoint(0, 8), values)
    assert list(folder.chain()) == []


def test_a_checkpoint_is_written_whole_or_not_at_all(folder: CheckpointFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a zip file with a checksum of each member, through a temporary name that no reader takes."""
    write(folder, (0, 8))
    with zipfile.ZipFile(folder.path / "0-8.npz") as content:
        assert sorted(content.namelist()) == ["facts.npy", "positions.npy"]
    seen: list[list[str]] = []

    def fail(handle: int) -> None:
        seen.append(sorted(file.name for file in folder.path.iterdir()))
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(OSError, match="Input/output"):
        folder.write(checkpoint(8, 12), positions(8, 12))
    assert seen[0][0].startswith(".8-12.npz.")
    assert [file.name for file in folder.path.iterdir()] == ["0-8.npz"]


def test_no_folder_is_made_again(folder: CheckpointFolder) -> None:
    folder.path.rmdir()
    with pytest.raises(FileNotFoundError):
        write(folder, (0, 8))
    assert not folder.path.exists()


def test_removing(folder: CheckpointFolder) -> None:
    write(folder, (0, 8), (12, 16))
    folder.remove()
    assert list(folder.path.iterdir()) == []


# The folder's name


def key_of(job: Job = JOB, fingerprint: str = "v1:1:ab") -> str:
    return Path(with_checkpoints(job, Path("/out/id/a b.mp4"), fingerprint, 60.0).checkpoint_folder).name


def test_the_folder_lies_beside_the_row_s() -> None:
    job = with_checkpoints(JOB, Path("/out/id/a b.mp4"), "v1:1:ab", 5.0)
    assert Path(job.checkpoint_folder).parent == Path("/out/id")
    assert Path(job.checkpoint_folder).name.startswith(f"{CHECKPOINTS_PREFIX}a b.mp4-")
    assert job.checkpoint_s == 5.0
    assert len(key_of()) == len(CHECKPOINTS_PREFIX) + len("a b.mp4-") + 16


@pytest.mark.parametrize(
    "changes",
    [
        {"model": "n"}, {"shuffle": 2}, {"trainset_index": 1}, {"columns": [["b", "x"]]}, {"batch_size": 8},
        {"crop": [0, 8, 0, 8]}, {"scan": replace(SCAN, stream=23)}, {"scan": replace(SCAN, decoded=21)},
        {"scan": replace(SCAN, missing=[[0, 1]])}, {"scan": replace(SCAN, outputs=[[1, 9]])},
    ],
    ids=str,
)  # fmt: skip
def test_checkpoints_of_other_inputs_lie_elsewhere(changes: dict[str, Any]) -> None:
    assert key_of(replace(JOB, **changes)) != key_of()


def test_checkpoints_of_another_video_or_program_lie_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    known = key_of()
    assert key_of(fingerprint="v1:1:cd") != known
    monkeypatch.setattr(checkpoint_folder, "__version__", "9")
    assert key_of() != known
    monkeypatch.undo()
    monkeypatch.setattr(checkpoint_folder, "CONTRACT_VERSION", 9)
    assert key_of() != known


def test_one_pass_has_checkpoints_of_its_own() -> None:
    assert key_of(replace(JOB, scan=None)) not in (key_of(), key_of(replace(JOB, scan=None, crop=[0, 8, 0, 8])))


def test_without_a_scan_only_whole_batches_are_believed(folder: CheckpointFolder) -> None:
    write(folder, (0, 8), (8, 20), (20, 22))
    assert chained(folder) == [(0, 8), (8, 20), (20, 22)]
    assert chained(replace(folder, decoded=None)) == [(0, 8), (8, 20)], "whether the video ends there is not known yet"


def test_another_node_finds_the_same_checkpoints() -> None:
    assert key_of(replace(JOB, device="cuda", csv=False, config="/tmp/1/c", video="/tmp/2/v", folder="/x")) == key_of()


def test_all_checkpoints_of_a_row_are_removed_and_no_others(tmp_path: Path) -> None:
    row = tmp_path / "a[1].mp4"
    own = [tmp_path / f"{CHECKPOINTS_PREFIX}a[1].mp4-{key * 16}" for key in "0a"]
    others = [tmp_path / f"{CHECKPOINTS_PREFIX}{name}" for name in ("a1.mp4-" + "0" * 16, f"a[1].mp4-b.mp4-{'0' * 16}")]
    for folder in (*own, *others):
        folder.mkdir()
        assert not has_checkpoints(row)
    (others[0] / "0-4.npz").touch()
    assert not has_checkpoints(row)
    (own[1] / ".0-4.npz.x").touch()
    assert not has_checkpoints(row), "a temporary file of a killed attempt is nothing"
    (own[1] / "0-4.npz").touch()
    assert has_checkpoints(row)
    remove_checkpoints(row)
    assert sorted(tmp_path.iterdir()) == sorted(others)
    remove_checkpoints(row)
    remove_checkpoints(tmp_path / "gone" / "a.mp4")


# What the loop does with them


class InMemory(PoseArray):
    """Positions without a file."""

    def __init__(self) -> None:
        super().__init__(Path(), BODYPARTS)

    def _map(self, name: str, have: int, frames: int) -> Any:
        made = np.zeros((frames, BODYPARTS, 3), np.float32)
        made[:have] = self._array[:have] if have else 0
        return made


def start(folder: Path, report: Report = ignore, **changes: Any) -> CheckpointWriter:
    writer = CheckpointWriter(replace(JOB, checkpoint_folder=str(folder), **changes), InMemory(), report)
    writer.restore()
    return writer


def take(writer: CheckpointWriter, *ranges: tuple[int, int], backend: str = "engine", batch_size: int = BATCH) -> None:
    for first, stop in ranges:
        writer.take(first, positions(first, stop), batch_size, backend)


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def test_a_checkpoint_is_written_when_it_is_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(checkpoint_writer.time, "monotonic", lambda: clock[0])
    folder = tmp_path / "parts"
    writer = start(folder)
    for frame in range(0, 20, BATCH):
        clock[0] += 25.0
        take(writer, (frame, frame + BATCH))
    assert names(folder) == ["0-12.npz"], "75 s; 50 s more are not enough"
    writer.save()
    writer.save()
    assert names(folder) == ["0-12.npz", "12-20.npz"]


def test_a_short_video_leaves_nothing(tmp_path: Path) -> None:
    take(start(tmp_path / "parts"), (0, 4), (4, 22))
    assert list(tmp_path.iterdir()) == []


def test_without_a_folder_nothing_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    writer = CheckpointWriter(replace(JOB, checkpoint_s=0.0), InMemory(), ignore)
    writer.restore()
    take(writer, (0, 4))
    writer.save()
    assert list(tmp_path.iterdir()) == []


def test_going_on(tmp_path: Path) -> None:
    folder, reported = tmp_path / "parts", list[Any]()
    first = start(folder, reported.append, checkpoint_s=0.0)
    take(first, (0, 4), (4, 8))
    take(first, (8, 12), batch_size=2)
    assert first.start == 0
    assert reported == []
    second = start(folder, reported.append, checkpoint_s=0.0, device="cuda")
    assert second.start == 12
    assert reported == [Message("continuing at frame 12 of 22")]
    take(second, (0, 4), (12, 20), (20, 22), backend="other")
    third = start(folder, reported.append)
    assert third.start == 22
    assert reported[1:] == [Message("continuing at frame 22 of 22")]
    assert third.used == [
        checkpoint(0, 8), checkpoint(8, 12, batch_size=2), checkpoint(12, 22, device="cuda", backend="other"),
    ]  # fmt: skip
    assert (third._poses.get(0, 22) == positions(0, 22)).all()
    assert json.dumps([asdict(each) for each in third.used])


def test_frames_that_do_not_decode_are_left_in_place(tmp_path: Path) -> None:
    scan = FrameScan(25, 25, DECODED, missing=[[0, 1], [6, 8]])
    job = replace(JOB, scan=scan, checkpoint_s=0.0, checkpoint_folder=str(tmp_path / "parts"))
    lost, reported = [0, 6, 7], list[Any]()
    for ranges, first in (((0, 4), (4, 8)), 0), (((0, 4),), 8):
        poses = InMemory()
        writer = CheckpointWriter(job, poses, reported.append)
        writer.restore()
        assert writer.start == first
        take(writer, *ranges)  # type: ignore[arg-type]
        by_frame = poses.by_stream_frame(scan)
        assert by_frame.shape == (25, BODYPARTS, 3)
        assert np.isnan(by_frame[lost, :, :2]).all()
        assert (by_frame[lost, :, 2] == 0).all()
        assert (np.delete(by_frame, lost, axis=0)[:8] == positions(0, 8)).all()
    assert reported == [Message("continuing at frame 11 of 25")]


@pytest.mark.parametrize(("first", "second"), [("cuda", "cuda"), ("cuda", "cpu"), ("cpu", "cuda")])
@pytest.mark.parametrize(("px", "likelihood", "same"), [(0.04, 1e-3, True), (0.06, 0, False), (0, 3e-3, False)])
def test_gpus_round_in_their_own_ways(
    tmp_path: Path, first: str, second: str, px: float, likelihood: float, same: bool
) -> None:
    small = np.full((BATCH, BODYPARTS, 3), 0.5, np.float32)
    start(tmp_path / "parts", checkpoint_s=0.0, device=first).take(0, small, BATCH, "engine")
    again = small.copy()
    again[2, 1] += [px, 0, likelihood]
    writer = start(tmp_path / "parts", device=second)
    if same:
        writer.take(0, again, BATCH, "engine")
    else:
        with pytest.raises(checkpoint_writer.OtherPositions):
            writer.take(0, again, BATCH, "engine")


@pytest.mark.parametrize(("px", "likelihood", "same"), [(0.009, 9e-5, True), (0.02, 0, False), (0, 2e-4, False)])
def test_the_first_batch_proves_the_checkpoints(tmp_path: Path, px: float, likelihood: float, same: bool) -> None:
    small = np.full((BATCH, BODYPARTS, 3), 0.5, np.float32)
    take_first = start(tmp_path / "parts", checkpoint_s=0.0)
    take_first.take(0, small, BATCH, "engine")
    again = small.copy()
    again[2, 1] += [px, 0, likelihood]
    second = start(tmp_path / "parts")
    if same:
        second.take(0, again, BATCH, "engine")
        assert (second._poses.get(0, BATCH) == small).all(), "what is kept stays"
        return
    with pytest.raises(checkpoint_writer.OtherPositions, match=f"by {px:.2g} px"):
        second.take(0, again, BATCH, "engine")


def test_what_is_not_proven_is_removed(tmp_path: Path) -> None:
    folder = tmp_path / "parts"
    take(start(folder, checkpoint_s=0.0), (0, 4), (4, 8))
    second = start(folder)
    second.discard()
    assert (second.start, second.used, names(folder)) == (0, [], [])
    take(second, (0, 4))
    second.save()
    assert names(folder) == ["0-4.npz"]


def refuse(error: OSError) -> Any:
    def fail(*_: Any, **__: Any) -> None:
        raise error

    return fail


def test_of_a_full_disk_is_warned_once_and_it_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reported = list[Any]()
    writer = start(tmp_path / "parts", reported.append, checkpoint_s=0.0)
    with monkeypatch.context() as patch:
        patch.setattr("dlcctr.system.files.os.fsync", refuse(OSError(errno.ENOSPC, "No space left on device")))
        take(writer, (0, 4), (4, 8))
    (warning,) = reported
    assert warning.is_warning
    assert warning.text.startswith(f"checkpoints cannot be written to {tmp_path / 'parts'} (No space left")
    take(writer, (8, 12))
    assert names(tmp_path / "parts") == ["0-12.npz"]


def test_a_place_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reported = list[Any]()
    writer = start(tmp_path / "parts", reported.append, checkpoint_s=0.0)
    monkeypatch.setattr(Path, "mkdir", refuse(OSError(errno.EROFS, "Read-only file system")))
    take(writer, (0, 4), (4, 8))
    (warning,) = reported
    assert "Read-only file system" in warning.text
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("resumed", [False, True])
def test_another_attempt_that_commits_takes_the_checkpoints_away(tmp_path: Path, resumed: bool) -> None:
    row, reported = tmp_path / "a.mp4", list[Any]()
    folder = Path(with_checkpoints(JOB, row, "v1:1:ab", 0.0).checkpoint_folder)
    writer = start(folder, reported.append, checkpoint_s=0.0)
    take(writer, (0, 4))
    if resumed:
        writer = start(folder, reported.append, checkpoint_s=0.0)
    remove_checkpoints(row)
    assert not list(tmp_path.iterdir())
    reported.clear()
    take(writer, (4, 8), (8, 12))
    (warning,) = reported
    assert "another attempt may have finished the row" in warning.text
    assert not list(tmp_path.iterdir()), "the folder is not made again"
