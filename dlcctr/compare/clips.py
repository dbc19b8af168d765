"""Both models side by side as short videos: a campaign with a row of each, and the step that draws them together."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from dlcctr.campaign.config import Campaign, campaign_text
from dlcctr.campaign.manifest import manifest_text
from dlcctr.campaign.rows import Row
from dlcctr.campaign.steps.edit import parse_words
from dlcctr.compare.pairs import Pair
from dlcctr.compare.prepare import Prepared
from dlcctr.errors import DlcctrError
from dlcctr.results.steps.receipt import read_step_receipt, step_folder
from dlcctr.system.files import write_pair_atomic

STEP = "side-by-side"
FOLDER = "videos"
PARAMETERS = ("beside=rows", "clips=worst", "clip_number=3", "unsure=true")


def clips_manifest(prepared: Prepared) -> Path:
    """Manifest of the campaign that makes the clips."""
    return prepared.folder.manifest(FOLDER)


def prepare_clips(prepared: Prepared, pairs: Sequence[Pair]) -> int:
    """Write the campaign of those videos that have both results; gives the number of videos.

    The model that is worse in a video has its last row, whose worst moments are shown, the other model beside it.
    Nothing is analysed for it: the rows' results are those of the two campaigns.
    """
    manifest = clips_manifest(prepared)
    a, b = prepared.campaigns
    if a.trainset_index != b.trainset_index or not prepared.has_a:
        return 0  # a campaign has one training set, and rows have none of their own; each row needs its model
    rows: list[Row] = []
    for pair in pairs:
        if pair.is_complete:
            for side in (b, a) if _is_worse(pair) else (a, b):
                own = replace(pair.row, model=str(side.model), shuffle=side.shuffle, snapshot=side.snapshot, own=())
                rows.append(replace(own, index=len(rows), crop=pair.row.crop or side.crop))
    if rows:
        step = parse_words("label-video", PARAMETERS, name=STEP)
        # both sides' .csv may differ: what is asked for here must hold for the results of both
        base: Campaign = replace(b, file=manifest.resolve().parent / b.file.name, steps=(step,), crop=None)
        base = replace(base, csv=a.csv and b.csv, image=b.image if a.engine == b.engine else "")
        write_pair_atomic((base.file, campaign_text(base)), (manifest, manifest_text(rows)))
    return len(rows) // 2


def _is_worse(pair: Pair) -> bool:
    """Whether A is worse than B in a video."""
    a, b = (side.measures.wrong if side.measures else None for side in (pair.a, pair.b))
    return a is not None and b is not None and a > b


def find_clips(pair: Pair) -> list[Path] | None:
    """Clips of a video; they lie with the result of the model that was worse. None where they were not made yet.

    A video in which nothing is suspicious has none.
    """
    found: list[Path] | None = None
    for folder in (pair.a.folder, pair.b.folder):
        with contextlib.suppress(DlcctrError):
            receipt = read_step_receipt(folder, STEP) if folder else None
            if folder and receipt:
                place = step_folder(folder, STEP)
                made = [place / entry.name for entry in receipt.files if entry.name.endswith(".mp4")]
                found = [*(found or []), *made]
    return found


def clips_command(prepared: Prepared, options: Sequence[str]) -> str:
    """Command that makes the clips on this machine."""
    return shlex.join(["dlcctr", "run", str(clips_manifest(prepared)), *options])
