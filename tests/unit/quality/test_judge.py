from __future__ import annotations

import gzip
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest

from dlcctr.model.prior.make import prior_of_poses
from dlcctr.model.prior.record import PosePrior
from dlcctr.quality.judge import judge
from dlcctr.quality.measures.track import Track
from dlcctr.quality.priors.campaign_prior import prior_of_campaign
from dlcctr.quality.record import MAX_BINS, MAX_STRETCHES, QUALITIES, parse_quality
from dlcctr.quality.table_file import table_bytes

NAMES = ("snout", "leftear", "rightear", "tailbase")
MOUSE = np.array([[50.0, 0], [30, -10], [30, 10], [-50, 0]])
RATE = 30.0


def walk(n_frames: int = 600, seed: int = 0) -> Any:
    """True positions (n, p, 2) of a mouse of 100 px that walks in a circle and bends."""
    rng = np.random.default_rng(seed)
    angle = np.arange(n_frames) * 0.02 + seed
    centre = np.stack([320 + 150 * np.cos(angle), 240 + 120 * np.sin(angle)], axis=1)
    heading = angle + np.pi / 2 + 0.1 * np.sin(angle * 7)
    cos, sin = np.cos(heading), np.sin(heading)
    turned = np.stack(
        [
            MOUSE[:, 0] * cos[:, None] - MOUSE[:, 1] * sin[:, None],
            MOUSE[:, 0] * sin[:, None] + MOUSE[:, 1] * cos[:, None],
        ],
        axis=2,
    )
    return centre[:, None] + turned + rng.normal(0, 1, (n_frames, 4, 2))


def track(xy: Any, likelihood: float = 0.98, **changes: Any) -> Track:
    positions = np.concatenate([xy, np.full((*xy.shape[:2], 1), likelihood)], axis=2)[:, None]
    facts = {"times_s": np.arange(len(xy)) / RATE, "rate": RATE, "bounds": (0.0, 0.0, 640.0, 480.0), **changes}
    return Track(positions, NAMES, **facts)


@pytest.fixture(scope="module")
def prior() -> PosePrior:
    poses = [tuple(complex(*point) for point in pose) for pose in walk(200, seed=3)]
    return prior_of_poses(poses, NAMES, "labels")


def names(found: Track, prior: PosePrior | None) -> set[str]:
    return set(judge(found, prior).record.flag_names)


def test_a_good_video_has_no_flag(prior: PosePrior) -> None:
    record = judge(track(walk()), prior).record
    assert not record.flags and not record.stretches
    assert record.frames == 600 and record.duration_s == pytest.approx(20)
    assert record.prior.source == "labels" and record.prior.hash == prior.hash
    assert record.summary["body_length_px"] == pytest.approx(100, rel=0.05)
    assert record.summary["score_mean"] < 0.05
    assert [part.name for part in record.parts] == list(NAMES)
    assert parse_quality(QUALITIES.text(record), Path("q")) == record


def test_each_fault_has_its_name(prior: PosePrior) -> None:
    good = walk()
    swapped = good.copy()
    swapped[100:400, [1, 2]] = good[100:400, [2, 1]]
    assert "swapped-sides" in names(track(swapped), prior)
    reordered = good[:, [3, 1, 2, 0]]
    assert "parts-reordered" in names(track(reordered), prior)
    frozen = good.copy()
    frozen[200:400] = frozen[200]
    assert "frozen-points" in names(track(frozen), prior)
    other = walk(seed=2)
    two = good.copy()
    for first in range(0, 600, 20):
        two[first : first + 10] = other[first : first + 10]
    assert "jumps" in names(track(two), prior)
    times = np.arange(600) / RATE
    times[300:] += 3
    assert names(track(good, times_s=times), prior) == {"dropped-frames"}
    assert names(track(good, likelihood=0.1), prior) >= {"low-likelihood", "no-animal"}
    assert "outside-picture" in names(track(good, bounds=(0.0, 0.0, 200.0, 480.0)), prior)


def test_a_flag_says_where_and_which_part(prior: PosePrior) -> None:
    xy = walk()
    xy[100:500, 0] += [120, 90]
    record = judge(track(xy), prior).record
    (flag,) = [flag for flag in record.flags if flag.name == "odd-pose"]
    assert flag.part == "snout"
    assert flag.first == pytest.approx(100, abs=2) and flag.stop == pytest.approx(500, abs=2)
    assert flag.value > flag.threshold and flag.advice
    assert record.stretches[0].first == pytest.approx(100, abs=4)
    assert "odd-pose" in record.stretches[0].flags


def test_the_score_finds_the_wrong_part(prior: PosePrior) -> None:
    xy = walk()
    xy[300:310, 2] += [40, 0]
    scores = judge(track(xy), prior).scores
    assert scores[300:310, 2].min() > 0.4 > np.delete(scores, slice(290, 320), axis=0).max()
    assert (scores[300:310].argmax(axis=1) == 2).all()


@pytest.mark.parametrize("n_frames", [0, 1, 2, 5])
def test_short_videos(prior: PosePrior, n_frames: int) -> None:
    record = judge(track(walk(600)[:n_frames]), prior).record
    assert record.frames == n_frames
    assert QUALITIES.text(record)


def test_nothing_known_at_all(prior: PosePrior) -> None:
    nothing = np.full((50, 4, 2), np.nan)
    for times in (None, np.full(50, np.nan)):
        record = judge(track(nothing, likelihood=math.nan, times_s=times, rate=None, bounds=None), prior).record
        assert "no-animal" in record.flag_names
        assert QUALITIES.text(record)


def test_without_a_prior_movement_and_likelihood_are_judged() -> None:
    record = judge(track(walk()), None).record
    assert record.prior.source == "none" and not record.flags
    assert "energy_median" not in record.summary and "speed_median" in record.summary


def test_one_body_part_and_another_models_prior(prior: PosePrior) -> None:
    xy = walk()[:, :1]
    positions = np.concatenate([xy, np.full((600, 1, 1), 0.9)], axis=2)[:, None]
    assert not judge(Track(positions, ("snout",), rate=30.0), prior).record.flags


def test_lists_are_bounded(prior: PosePrior) -> None:
    xy = walk(5000)
    xy[::50, 0] += 100
    record = judge(track(xy), prior).record
    assert len(record.timeline.first) == MAX_BINS
    assert len(record.stretches) <= MAX_STRETCHES


def test_a_prior_from_the_campaign_itself() -> None:
    tracks = [track(walk(seed=n)) for n in range(3)]
    found = prior_of_campaign([*tracks, track(walk(), likelihood=0.2)], NAMES)
    assert found is not None and found.source == "campaign" and found.body_length_px == pytest.approx(100, rel=0.05)
    swapped = walk()[:, [0, 2, 1, 3]]
    assert ("swapped-sides", "campaign") in [(f.name, f.source) for f in judge(track(swapped), found).record.flags]
    assert prior_of_campaign([track(walk(), likelihood=0.2)], NAMES) is None


def test_several_animals(prior: PosePrior) -> None:
    one, two = walk(seed=0), walk(seed=2)
    both = np.stack([one, two], axis=1)
    positions = np.concatenate([both, np.full((*both.shape[:3], 1), 0.95)], axis=3)

    def flags(found: Any) -> set[str]:
        return set(judge(Track(found, NAMES, ("a", "b"), rate=RATE), prior).record.flag_names)

    assert flags(positions) == set()
    exchanged = positions.copy()
    exchanged[300:] = exchanged[300:, ::-1]
    assert "exchanged-identities" in flags(exchanged)
    lost = positions.copy()
    lost[100:500, 1] = np.nan
    assert "missing-individuals" in flags(lost)
    torn = positions.copy()
    torn[::40, 0] = np.nan
    assert "track-breaks" in flags(torn)


def test_the_table_has_a_line_for_each_frame(prior: PosePrior, tmp_path: Path) -> None:
    found = track(walk())
    judged = judge(found, prior)
    data = table_bytes(found, judged)
    assert data == table_bytes(found, judged)
    (tmp_path / "quality.csv.gz").write_bytes(data)
    table = pandas.read_csv(tmp_path / "quality.csv.gz")
    assert len(table) == 600 and table["frame"].tolist() == list(range(600))
    assert table["time_s"].to_numpy() == pytest.approx(np.arange(600) / RATE)
    assert table["score.snout"].to_numpy() == pytest.approx(judged.scores[:, 0], abs=6e-5)
    assert table["brightness"].isna().all()
    odd = Track(found.positions, ('a,"b"\n', "c", "d", "e"), rate=RATE)
    head = gzip.decompress(table_bytes(odd, judge(odd, None))).decode().split("\n")[0]
    assert head.endswith('"score.a,""b""_",score.c,score.d,score.e')
