"""Expected time and memory of the steps that follow an analysis.

The time of a step is a fixed cost, plus a cost for each frame, for each point of a frame (a body part of an animal)
and for each pixel. What each kind costs was measured on one core (tests/benchmarks/steps.py); steps of the campaign
that are done say how much faster or slower they are where they run.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from dlcctr.campaign.config import Campaign
from dlcctr.campaign.rows import Row
from dlcctr.campaign.steps.spec import StepSpec, steps_text
from dlcctr.planning.cost import DAMAGED_S, FEW_SAMPLES, GUESS_PX, Work, row_frames
from dlcctr.results.row_state import RowResult
from dlcctr.results.steps.standing import StepState

START_S = 10.0
"""Seconds once per row: the process of its steps, which imports pandas on a cold node."""
GUESS_POINTS = 12
"""Points of a frame where the campaign does not know its body parts."""
GUESS_FPS = 30.0
SPARE_GB = 1.0
"""On top of what was measured: some clusters count what the system caches of files."""
TABLE_MB, VALUES_BYTES = 256.0, 24
"""Of a table in memory: more than that waits in a file; of each point of a frame."""
MEGA = 1e6


@dataclass(frozen=True)
class StepCost:
    """What a kind of step costs on one core.

    Parameters
    ----------
    fixed_s, frame_s, point_s, mpx_s : float
        Seconds: once, for each frame, for each point of a frame, for each million pixels of a frame.
    fixed_mb, frame_kb : float
        Memory: once in MB, for each frame of the video in kB.
    """

    fixed_s: float
    frame_s: float = 0.0
    point_s: float = 0.0
    mpx_s: float = 0.0
    fixed_mb: float = 200.0
    frame_kb: float = 0.0


COSTS: Mapping[tuple[str, str], StepCost] = {
    ("filter", "median"): StepCost(1.4, 3.3e-6, 2e-7),
    ("filter", "spline"): StepCost(6.1, 1.6e-6, 1e-7, fixed_mb=680),
    ("filter", "arima"): StepCost(6.1, 0, 1e-3, fixed_mb=680, frame_kb=2.6),
    ("filter", "kalman"): StepCost(8.0, 0, 2.5e-6, fixed_mb=310, frame_kb=0.13),
    ("tracks", ""): StepCost(8.0, 0, 3.5e-5, fixed_mb=1400, frame_kb=0.04),
    ("ensemble", "median"): StepCost(0.5, 6e-7, 1e-6, fixed_mb=140, frame_kb=0.35),
    ("ensemble", "eks"): StepCost(7.3, 3.4e-6, 2.2e-6, fixed_mb=310, frame_kb=0.35),
    ("label-video", ""): StepCost(0.8, 0, 2.2e-5, mpx_s=0.026, fixed_mb=230),
    ("nwb", ""): StepCost(1.4, 3e-7, 5e-7),
    ("csv", ""): StepCost(0.6, 0, 4.7e-6),
}
"""By kind and variant, as `python -m tests.benchmarks.steps` printed them on two cores; that of ARIMA doubled, since
how often it fits depends on the track. Of `tracks`: tests/benchmarks/tracks.py, ten animals with twelve body parts; of
`label-video`: tests/benchmarks/label_video.py, where the picture is a camera's; of `ensemble`: three models."""


@dataclass(frozen=True)
class StepNeeds:
    """What the due steps of a row, or of several, need.

    Parameters
    ----------
    seconds : dict of str to float
        Expected time by the step's name; the process that runs them is under an empty one.
    mem_gb : float
        Most memory of any of them.
    """

    seconds: Mapping[str, float] = field(default_factory=dict)
    mem_gb: float = 0.0

    @property
    def total_s(self) -> float:
        """Expected time of all of them."""
        return sum(self.seconds.values())


@dataclass(frozen=True)
class StepRates:
    """How fast a campaign's steps are, compared with what is assumed.

    Parameters
    ----------
    factors : dict of str to float
        Time that finished steps took over the assumed one, by the step's name.
    counts : dict of str to int
        Number of finished steps that this is of.
    """

    factors: Mapping[str, float] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)

    def is_measured(self, name: str) -> bool:
        """Whether enough of its rows are done."""
        return self.counts.get(name, 0) >= FEW_SAMPLES


@dataclass(frozen=True)
class CampaignSteps:
    """The steps of a campaign, and what they need for the rows of a plan.

    Parameters
    ----------
    needs : dict of int to StepNeeds
        By the row's index.
    analysed : frozenset of int
        Rows of the campaign whose analysis is whole.
    """

    specs: Sequence[StepSpec]
    needs: Mapping[int, StepNeeds]
    rates: StepRates
    analysed: frozenset[int] = frozenset()

    @property
    def seconds(self) -> dict[str, float]:
        """Expected seconds of each due step over all rows; the start of their processes is under an empty name."""
        total = defaultdict[str, float](float)
        for each in self.needs.values():
            for name, seconds in each.seconds.items():
                total[name] += seconds
        return {name: round(seconds, 1) for name, seconds in total.items()}

    @property
    def names(self) -> list[str]:
        """Names of the steps that are due in any row."""
        return [step.name for step in self.specs if step.name in self.seconds]

    @property
    def assumed(self) -> tuple[str, ...]:
        """Those of which too few are done for a measured time."""
        return tuple(name for name in self.names if not self.rates.is_measured(name))


def variant(step: StepSpec) -> str:
    """What decides a step's cost besides its kind; empty for kinds with one way to work."""
    for name in ("filtertype", "combine"):
        if (value := getattr(step.parameters, name, None)) is not None:
            return str(value.value)
    return ""


def assumed_s(step: StepSpec, row: Row, frames: float, points: int) -> float:
    """Seconds of one step of a row by what was measured elsewhere."""
    cost = COSTS[step.kind, variant(step)]
    made, mpx = _drawn(step, row, frames) if step.kind == "label-video" else (frames, 0.0)
    return cost.fixed_s + made * (cost.frame_s + points * cost.point_s + mpx * cost.mpx_s)


def _drawn(step: StepSpec, row: Row, frames: float) -> tuple[float, float]:
    """Frames of labelled videos, and million pixels of each."""
    wanted, px = step.parameters, (row.width or 0) * (row.height or 0) or GUESS_PX
    if wanted.follow_px:
        px = min(px, wanted.follow_px**2)
    longest = max(row.width or 0, row.height or 0)
    if longest > wanted.longest_px:
        px *= (wanted.longest_px / longest) ** 2
    if wanted.clips.value:
        frames = min(frames, wanted.clip_number * wanted.clip_s * (row.fps or GUESS_FPS))
    return frames, px * (2 if wanted.beside else 1) / MEGA


def mem_gb(step: StepSpec, frames: float, points: int) -> float:
    """Memory of one step, in GB."""
    cost = COSTS[step.kind, variant(step)]
    table_mb = min(TABLE_MB, frames * points * VALUES_BYTES / MEGA)
    return (cost.fixed_mb + cost.frame_kb * frames / 1000 + table_mb) / 1000 + SPARE_GB


def points_of(campaign: Campaign) -> int:
    """Points of a frame: body parts of all animals."""
    several = max(1, len(campaign.individuals)) * len(campaign.bodyparts)
    return several + len(campaign.unique_bodyparts) or GUESS_POINTS


def steps_digest(steps: Sequence[StepSpec], *, apart: bool) -> str:
    """First 16 digits of the sha256 of a campaign's steps, and of where they are done; empty without steps."""
    text = json.dumps([apart, *steps_text(steps)], ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:16] if steps else ""


def last_rows(rows: Iterable[Row]) -> set[int]:
    """Index of each video's last row, which has the steps that join all of them."""
    return set({row.video: row.index for row in sorted(rows, key=lambda row: row.index)}.values())


def due_steps(result: RowResult, steps: Sequence[StepSpec], *, last_of_video: bool) -> list[StepSpec]:
    """Steps of a row that are to be done once it is analysed."""
    if result.steps:
        return [each.spec for each in result.steps if not each.settled]
    elsewhere: set[str] = set()
    for step in steps:
        if (step.last_row and not last_of_video) or elsewhere.intersection(step.needs):
            elsewhere.add(step.name)
    return [step for step in steps if step.name not in elsewhere]


def find_rates(campaign: Campaign, results: Iterable[RowResult]) -> StepRates:
    """How long finished steps of the campaign took, over what is assumed of them."""
    taken, assumed, counts = defaultdict[str, float](float), defaultdict[str, float](float), Counter[str]()
    points = points_of(campaign)
    for result in results:
        for each in result.steps:
            frames = row_frames(result.row)
            if each.state is not StepState.DONE or not each.receipt or not frames:
                continue
            if 0 < each.receipt.seconds < DAMAGED_S:
                name = each.spec.name
                taken[name] += each.receipt.seconds
                assumed[name] += assumed_s(each.spec, result.row, frames, points)
                counts[name] += 1
    return StepRates({name: taken[name] / assumed[name] for name in counts}, counts)


def needs_of(work: Work, steps: Sequence[StepSpec], points: int, rates: StepRates) -> StepNeeds:
    """What the given steps of a row need.

    Parameters
    ----------
    work : Work
        The row and its frames.
    points : int
        Points of a frame.
    """
    if not steps:
        return StepNeeds()
    seconds = {
        step.name: rates.factors.get(step.name, 1.0) * assumed_s(step, work.row, work.frames, points) for step in steps
    }
    return StepNeeds(seconds | {"": START_S}, max(mem_gb(step, work.frames, points) for step in steps))


def find_steps(campaign: Campaign, results: Sequence[RowResult], work: Sequence[Work]) -> CampaignSteps:
    """What the due steps of some rows need.

    Parameters
    ----------
    results : sequence of RowResult
        State of all rows of the campaign.
    work : sequence of Work
        The rows.
    """
    by_index = {each.row.index: each for each in results}
    last, points, rates = last_rows(each.row for each in results), points_of(campaign), find_rates(campaign, results)
    needs = {}
    for each in work:
        due = due_steps(by_index[each.row.index], campaign.steps, last_of_video=each.row.index in last)
        needs[each.row.index] = needs_of(each, due, points, rates)
    analysed = frozenset(each.row.index for each in results if each.analysed)
    return CampaignSteps(campaign.steps, needs, rates, analysed)
