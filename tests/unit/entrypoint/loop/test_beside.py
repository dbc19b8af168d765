"""Several models on one video: one decode feeds all networks, and each row ends as if it had run alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dlcctr.results.receipt import OTHER_MODELS
from entrypoint.engines.base import NotCovered
from entrypoint.loop.loop import Loop
from entrypoint.protocol import Job, Message
from entrypoint.video.decoding.decode_pass import DecodePass
from entrypoint.video.sound_pass import DamagedVideo
from tests import media
from tests.unit.entrypoint.engines.test_tensorflow import Whole
from tests.unit.entrypoint.loop.test_resume import Killed, Mortal
from tests.unit.support.number_network import Numbers, ignore, make_job

FRAMES, SIZE = 190, 4


class Rows:
    """Rows of several models on one video, as a task runs them: in one process, one after the other."""

    def __init__(self, video: Path, networks: dict[str, Numbers], **options: Any) -> None:
        self.networks = networks
        self.jobs: list[Job] = []
        for model in networks:
            folder = video.parent / model
            (folder / "results").mkdir(parents=True)
            job = replace(make_job(video, batch_size=SIZE), scan=None, model=model, folder=str(folder / "results"))
            place = str(video.parent / f"parts-{model}")
            self.jobs.append(replace(job, checkpoint_folder=place, **{"checkpoint_s": 1e9, **options}))
        self.said: list[str] = []
        self.restart()

    def restart(self) -> None:
        """Begin with a new process."""
        self.loop = Loop(self._open, lambda _: None)

    def _open(self, job: Job) -> Any:
        return self.networks[job.model]

    def run(self, number: int) -> Any:
        self.networks[self.jobs[number].model].written = None
        return self.loop.analyze(self.jobs[number], self._hear, self.jobs[number + 1 :])

    def _hear(self, event: object) -> None:
        if isinstance(event, Message):
            self.said.append(event.text)


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Frames that each pass over a video decodes."""
    passes: list[int] = []
    before = DecodePass.frames

    def count(self: DecodePass, jump: Any = None) -> Any:
        passes.append(0)
        place = len(passes) - 1
        for number, frame in before(self, jump):
            passes[place] += 1
            yield number, frame

    monkeypatch.setattr(DecodePass, "frames", count)
    return passes


def alone(video: Path, network: Numbers) -> Any:
    Loop(lambda _: network, lambda _: None).analyze(  # type: ignore[arg-type,return-value]
        replace(make_job(video, batch_size=SIZE), scan=None), ignore
    )
    return network.written


class Shifted(Mortal):
    """Gives other positions than the others, and fails at a frame if it is to."""

    def __init__(self, by: float, fails_at: int = 10**9) -> None:
        super().__init__()
        self.by, self.fails_at = by, fails_at

    def predict(self, frames: Any) -> Any:
        poses = super().predict(frames)
        if poses[-1, 0, 0] >= self.fails_at:
            raise ValueError("this network is broken")
        poses[..., 1] += self.by
        return poses

    def predict_as_stock(self, frame: Any) -> Any:
        return Shifted(self.by).predict(frame[None])[0]


@pytest.fixture
def video(tmp_path: Path) -> Path:
    return media.write_video(tmp_path / "a.mp4", FRAMES, gop=40)


def change(video: Path, rows: Rows) -> None:
    video.touch()


def restart(video: Path, rows: Rows) -> None:
    rows.restart()


def lose(video: Path, rows: Rows) -> None:
    for file in Path(rows.jobs[1].checkpoint_folder).iterdir():
        file.unlink()


@pytest.mark.parametrize(
    ("happens", "decoded", "computed"),
    [(change, 3 * SIZE + 2 * 40, 3 * SIZE), (restart, 3 * SIZE + 2 * 40, 3 * SIZE), (lose, FRAMES, FRAMES)],
)
def test_a_row_proves_what_its_own_process_did_not_see(
    video: Path, opened: list[int], happens: Callable[[Path, Rows], None], decoded: int, computed: int
) -> None:
    expected = alone(video, Shifted(1))
    rows = Rows(video, {"m0": Shifted(0), "m1": Shifted(1)})
    rows.run(0)
    happens(video, rows)
    opened.clear()
    network = rows.networks["m1"]
    network.seen.clear()  # type: ignore[attr-defined]
    rows.run(1)
    assert np.array_equal(network.written, expected)
    assert 0 < sum(opened) <= decoded
    assert 0 < len(network.seen) <= computed + 1  # type: ignore[attr-defined]


def test_three_models_are_decoded_once(video: Path, opened: list[int]) -> None:
    expected = [alone(video, Shifted(by)) for by in (0.0, 1.0, 2.0)]
    rows = Rows(video, {"m0": Shifted(0), "m1": Shifted(1), "m2": Shifted(2)})
    opened.clear()
    results = [rows.run(number) for number in range(3)]
    for network, wanted in zip(rows.networks.values(), expected, strict=True):
        assert np.array_equal(network.written, wanted)
    assert opened == [FRAMES]
    for network in rows.networks.values():
        assert network.seen[1:] == list(range(FRAMES)), "none twice, but the first"  # type: ignore[attr-defined]
    assert results[0].timings_s[OTHER_MODELS] > 0
    assert rows.said == ["analysed in the pass of a row before it"] * 2
    whole = FRAMES // SIZE * SIZE
    assert [(part.first, part.stop) for result in results[1:] for part in result.checkpoints] == [(0, whole)] * 2
    assert results[0].scan == results[2].scan


def test_a_model_that_fails_stops_no_other(video: Path) -> None:
    rows = Rows(video, {"m0": Shifted(0), "m1": Shifted(1, fails_at=50), "m2": Shifted(2)})
    rows.run(0)
    assert rows.networks["m0"].written[:, 0, 0].tolist() == list(range(FRAMES))
    assert rows.said == ["a model beside this one gets a pass of its own, because ValueError: this network is broken"]
    with pytest.raises(ValueError, match="broken"):
        rows.run(1)
    rows.run(2)
    assert rows.networks["m2"].written[:, 0, 0].tolist() == list(range(FRAMES))
    assert np.array_equal(rows.networks["m2"].written, alone(video, Shifted(2)))


class Other(Shifted):
    """Looks at a part of the pictures."""

    def box(self, job: Job, width: int, height: int) -> Any:
        return 0, width // 2, 0, height


@pytest.mark.parametrize(
    ("network", "change", "why"),
    [
        (lambda: Other(1), {}, "another part of the pictures"),
        (lambda: Shifted(1), {"batch_size": 5}, "batches of another size"),
        (Whole, {}, "affect each other"),
    ],
)
def test_what_cannot_share_a_pass_has_its_own(
    video: Path, network: Callable[[], Numbers], change: dict[str, Any], why: str
) -> None:
    rows = Rows(video, {"m0": Shifted(0), "m1": network()})
    rows.jobs[1] = replace(rows.jobs[1], **change)
    rows.run(0)
    assert [why in text for text in rows.said] == [True]
    assert not Path(rows.jobs[1].checkpoint_folder).exists()
    rows.run(1)
    assert len(rows.networks["m1"].written) == FRAMES


def test_a_network_that_no_loop_covers_is_left_to_its_row(video: Path) -> None:
    rows = Rows(video, {"m0": Shifted(0), "m1": Shifted(1)})

    def refuse(job: Job) -> Any:
        if job.model == "m1":
            raise NotCovered("it is of another kind")
        return rows.networks[job.model]

    rows.loop = Loop(refuse, lambda _: None)
    rows.run(0)
    assert rows.said == ["a model beside this one gets a pass of its own, because it is of another kind"]


@pytest.mark.parametrize("dies_at", [10, 101, 180])
@pytest.mark.parametrize("who", ["m0", "m1"])
def test_killed_and_started_again_every_row_ends_as_if_alone(
    video: Path, dies_at: int, who: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Checkpoints of the models lie at different places then."""
    rows = Rows(video, {"m0": Shifted(0), "m1": Shifted(1), "m2": Shifted(2)}, checkpoint_s=0.0)
    rows.jobs[1] = replace(rows.jobs[1], checkpoint_s=1e9)
    rows.networks[who].lives = dies_at  # type: ignore[attr-defined]
    with pytest.raises(Killed):
        rows.run(0)
    rows.networks[who].lives = 10**9  # type: ignore[attr-defined]
    rows.restart()
    for number, by in enumerate((0.0, 1.0, 2.0)):
        rows.run(number)
        assert np.array_equal(rows.networks[f"m{number}"].written, alone(video, Shifted(by)))


def test_of_a_damaged_video_every_row_makes_its_own_scan(video: Path) -> None:
    damaged = media.cut(media.write_video(video.with_name("b.mkv"), 60), video.with_name("cut.mkv"), 0.5)
    rows = Rows(video, {"m0": Shifted(0), "m1": Shifted(1)})
    rows.jobs = [replace(job, video=str(damaged)) for job in rows.jobs]
    for number in (0, 1):
        with pytest.raises(DamagedVideo):
            rows.run(number)
    assert rows.networks["m1"].written is None


def test_checkpoints_that_cannot_be_written_are_said(video: Path) -> None:
    rows = Rows(video, {"m0": Shifted(0), "m1": Shifted(1)})
    rows.jobs[1] = replace(rows.jobs[1], checkpoint_folder=str(video.parent / "nowhere" / "parts"))
    rows.run(0)
    assert [text.startswith("checkpoints cannot be written") for text in rows.said] == [True]
    rows.run(1)
    assert np.array_equal(rows.networks["m1"].written, alone(video, Shifted(1)))
