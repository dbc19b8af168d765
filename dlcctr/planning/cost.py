"""Expected time of a row, from its frames, its picture size and a measured speed."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from dlcctr.campaign.config import Campaign
from dlcctr.campaign.rows import Crop, Row
from dlcctr.errors import UsageError
from dlcctr.model.engines import ENGINES
from dlcctr.results.receipt import OTHER_MODELS, Receipt

IMPORT_S = 15.0
"""Seconds to import DeepLabCut, once per task: 10 s in a warm environment on two cores, 10 to 18 s in the image."""
START_S = 5.0
"""Seconds that no receipt covers, once per task: prolog, container, first process."""
WRITE_S = 1.0
"""Seconds once per row: private copy of the project, verification, hashes, rename."""
FRAME_OVERHEAD_PX = 60_000
"""Pixels that each frame costs in addition to its own: `frame_work_px`."""
GUESS_FRAMES = 54_000
"""Frames of a video if the manifest knows no length at all: 30 minutes at 30 frames/s."""
GUESS_PX = 640 * 480
FEW_SAMPLES = 5
"""Fewer rows than this make a speed that is no better than one typed in."""
SHORT_S = 60.0
"""Rows whose frames take fewer seconds show the fixed cost of a row; in longer ones noise hides it."""
MOST_FIXED_S = 60.0
NO_SPEED = "none is needed: only steps are left"
"""Origin of a speed that decides nothing."""
DAMAGED_S = 1e9
"""30 years, in seconds: a receipt with a longer time is damaged."""
LEAST_NET_SHARE = 0.2
"""Least share of a row's time that counts as time for frames, however large the fixed costs seem."""


@dataclass(frozen=True)
class Speed:
    """How fast one GPU is, and what comes on top.

    Parameters
    ----------
    frames_per_s : float
        Frames per second for pictures of `reference_px` pixels, without fixed costs.
    source : str
        Origin of the speed, for people.
    fixed_per_task_s, fixed_per_row_s : float
        Seconds.
    measured : bool
        Whether it comes from enough rows of this campaign; otherwise it may be off by a factor of two.
    on_gpu : bool
        False where it was measured on a CPU.
    """

    frames_per_s: float
    reference_px: int
    source: str
    fixed_per_task_s: float
    fixed_per_row_s: float
    measured: bool = False
    on_gpu: bool = True

    @property
    def work_px_per_s(self) -> float:
        """Speed in the unit of `frame_work_px`."""
        return self.frames_per_s * frame_work_px(self.reference_px)


@dataclass(frozen=True)
class Work:
    """Work of a row.

    Parameters
    ----------
    frames, px : float
        Its frames, and their pixels.
    guessed : str
        What the manifest does not know of them.
    analysed : bool
        Whether only steps after the analysis are left.
    steps_s : float
        Expected seconds of those of its steps that are done in the same task.
    """

    row: Row
    frames: float
    px: float
    guessed: str = ""
    analysed: bool = False
    steps_s: float = 0.0

    def cost_s(self, speed: Speed) -> float:
        """Expected seconds of the row, without the task's own fixed cost."""
        frames_s = self.frames * frame_work_px(self.px) / speed.work_px_per_s
        return (WRITE_S if self.analysed else speed.fixed_per_row_s + frames_s) + self.steps_s


@dataclass(frozen=True)
class Sample:
    """A finished row: its work in pixels (`frame_work_px` times frames), and the seconds of its phases."""

    work_px: float
    work_s: float
    import_s: float
    device: str
    on_gpu: bool


def frame_work_px(px: float) -> float:
    """Work of one frame, in pixels.

    The time is assumed to grow with the picture's area, plus a part that is the same for every frame (decoding,
    copies, calls of the GPU). DeepLabCut 3.0's own chart (ResNet-50, RTX 2080 Ti, batch 16) gives 3.7 ms a frame at
    32 x 32 px, 8.3 ms at 256 x 256 and 19.6 ms at 512 x 512: about 3.5 ms, and 0.061 ms for each 1,000 px, so that
    the part that never changes is worth some 60,000 px. It is less for TensorFlow and on CPUs. Where all videos of a
    campaign have one size this changes nothing; a crop saves less than its area.
    """
    return px + FRAME_OVERHEAD_PX


def row_px(row: Row, crop: Crop | None) -> int | None:
    """Pixels of each frame that are analysed: the picture, or the part inside the row's or campaign's crop."""
    crop = row.crop or crop
    if not row.width or not row.height:
        return (crop[1] - crop[0]) * (crop[3] - crop[2]) if crop else None
    if crop is None:
        return row.width * row.height
    wide, high = min(crop[1], row.width) - crop[0], min(crop[3], row.height) - crop[2]
    return wide * high if wide > 0 and high > 0 else row.width * row.height


def row_frames(row: Row) -> float | None:
    """Frames as the manifest has them, or duration times frame rate; None where neither is known."""
    return row.frames or (row.duration_s or 0) * (row.fps or 0) or None


def row_work(rows: Sequence[Row], crop: Crop | None) -> list[Work]:
    """Work of each row; unknown values are taken as the median of the known ones."""
    frames, px = [row_frames(row) for row in rows], [row_px(row, crop) for row in rows]
    usual_frames = statistics.median([each for each in frames if each] or [GUESS_FRAMES])
    usual_px = statistics.median([each for each in px if each] or [GUESS_PX])
    return [
        Work(
            row,
            n or usual_frames,
            area or usual_px,
            guessed=" and ".join([*([] if n else ["length"]), *([] if area else ["picture size"])]),
        )
        for row, n, area in zip(rows, frames, px, strict=True)
    ]


def usual_px(work: Sequence[Work]) -> int:
    """Median picture size of a campaign in pixels, which a speed in frames/s refers to."""
    return round(statistics.median([each.px for each in work] or [GUESS_PX]))


def fixed_per_row_s(engine: str) -> float:
    """Seconds that each row costs whatever its length; the larger figure where the engine is not known."""
    known = ENGINES.get(engine)
    return (known.load_s if known else max(each.load_s for each in ENGINES.values())) + WRITE_S


def speed_of_fps(fps: float, px: int, engine: str) -> Speed:
    """Speed that somebody typed in.

    Raises
    ------
    UsageError
        It is not a speed.
    """
    if not 0 < fps < float("inf"):
        raise UsageError(f"--fps {fps} is not a speed", "give frames/s of one GPU, for example --fps 60")
    source = f"--fps {fps:g}, for pictures of {px} px"
    return Speed(fps, px, source, IMPORT_S + START_S, fixed_per_row_s(engine))


def no_speed(px: int, engine: str) -> Speed:
    """Speed for a plan of rows that are analysed: it decides nothing."""
    return Speed(1.0, px, NO_SPEED, IMPORT_S + START_S, fixed_per_row_s(engine), measured=True)


def sample_of(receipt: Receipt, row: Row) -> Sample | None:
    """Speed sample from a receipt; None if the receipt does not say enough.

    The time is all of the row's but the import, which a task pays once, and what went into rows of other models:
    DeepLabCut's part, the scan as far as it took longer than the import, verification and the commit. A row that
    continued an earlier attempt says nothing: its time is that of the others.
    """
    if receipt.device.parts:
        return None
    px = row_px(row, receipt.parameters.crop)
    import_s = receipt.timings_s.get("import", 0.0)
    work_s = receipt.timings_s.get("total", 0.0) - import_s - receipt.timings_s.get(OTHER_MODELS, 0.0)
    if not receipt.frames or not receipt.frames.decoded or not px or not 0 < work_s < DAMAGED_S:
        return None
    return Sample(
        work_px=receipt.frames.decoded * frame_work_px(px),
        work_s=work_s,
        import_s=import_s,
        device=receipt.device.name or receipt.device.type or "unknown device",
        on_gpu=receipt.device.on_gpu,
    )


def speed_of_samples(samples: Sequence[Sample], px: int, engine: str) -> Speed | None:
    """Speed of finished rows, of those on a GPU if there are any; None without rows.

    It is the median of the rows' speeds, each row weighted with its time: half of all hours were slower, half faster.
    Short rows, whose time is mostly fixed costs, hardly count, nor do a few rows on a node that was slow.
    """
    used = [each for each in samples if each.on_gpu] or list(samples)
    if not used:
        return None
    fixed_row_s = fixed_per_row_s(engine)
    speeds = [each.work_px / max(each.work_s - fixed_row_s, LEAST_NET_SHARE * each.work_s) for each in used]
    speed = weighted_median(speeds, [each.work_s for each in used])
    fixed_row_s = _measured_fixed_s(used, speed) or fixed_row_s
    imports = [each.import_s for each in used if each.import_s > 0]
    devices = sorted({each.device for each in used})
    return Speed(
        frames_per_s=speed / frame_work_px(px),
        reference_px=px,
        source=f"receipts of {len(used)} finished row{'s' if len(used) > 1 else ''} on {', '.join(devices)}",
        fixed_per_task_s=(statistics.median(imports) if imports else IMPORT_S) + START_S,
        fixed_per_row_s=fixed_row_s,
        measured=len(used) >= FEW_SAMPLES,
        on_gpu=used[0].on_gpu,
    )


def _measured_fixed_s(samples: Sequence[Sample], work_px_per_s: float) -> float | None:
    """Seconds of short rows that their frames do not explain; None where there are too few."""
    net = [(each.work_s, each.work_px / work_px_per_s) for each in samples]
    rest = [work_s - net_s for work_s, net_s in net if net_s < SHORT_S]
    return min(max(statistics.median(rest), WRITE_S), MOST_FIXED_S) if len(rest) >= FEW_SAMPLES else None


def weighted_median(values: Sequence[float], weights: Sequence[float]) -> float:
    """Value at which half of the weight is reached."""
    ordered = sorted(zip(values, weights, strict=True))
    half, reached = sum(weights) / 2, 0.0
    for value, weight in ordered:
        reached += weight
        if reached >= half:
            return value
    return ordered[-1][0]


def guess_notes(work: Iterable[Work]) -> list[str]:
    """One line for each kind of guess, with the rows that it is about."""
    from dlcctr.system.terminal.console import row_ranges

    kinds: dict[str, list[int]] = {}
    for each in work:
        if each.guessed:
            kinds.setdefault(each.guessed, []).append(each.row.index)
    return [
        f"{row_ranges(indices)}: {what} unknown; the usual value is assumed, so these rows' times are guesses"
        for what, indices in kinds.items()
    ]


def engine_of(campaign: Campaign, receipts: Iterable[Receipt]) -> str:
    """The campaign's engine, or that of its receipts; empty if neither is known."""
    return campaign.engine or next((each.model.engine for each in receipts if each.model.engine), "")
