"""A video in which no animal was found is a result, too: a table without positions. Worker only.

In multi-animal projects DeepLabCut ends with an error where nothing was found in any frame, or where no tracklet is
long enough to be stitched (DeepLabCut#1854, #2698, #3485). By then it has written its detections and tracklets, which
are kept.
"""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

from dlcctr.campaign.tracking import UNIQUE_OWNER
from entrypoint.engines.output_files import LIKELIHOOD, read_pickle, read_table
from entrypoint.protocol import Job

NO_TRACKS = ("Tracklets are empty", "Could not reconstruct")
"""Beginnings of the messages that `stitch_tracklets` then raises."""
TRACKLETS = ("_el.pickle", "_bx.pickle", "_sk.pickle")


def write_empty_tracks(job: Job, error: Exception) -> str:
    """Write the tables that DeepLabCut would have written for tracks in which no animal has a position.

    The unique body parts keep theirs.

    Returns
    -------
    str
        The scorer.

    Raises
    ------
    Exception
        `error` itself, if it is about something else.
    """
    tracklets = [file for end in TRACKLETS for file in Path(job.folder).glob(f"*{end}")]
    if not job.multianimal or len(tracklets) != 1 or not str(error).startswith(NO_TRACKS):
        raise error
    with tracklets[0].open("rb") as stream:
        content = pickle.load(stream)
    (scorer,) = set(content["header"].get_level_values("scorer"))
    table = _empty_table(job, scorer)
    _fill_unique(table, content.get(UNIQUE_OWNER) or {})
    h5 = tracklets[0].with_suffix(".h5")
    table.to_hdf(h5, key="tracks", format="table", mode="w")
    if job.csv:
        table.to_csv(h5.with_suffix(".csv"))
    return str(scorer)


def remark(job: Job) -> str:
    """Remark on a result in which no animal has a position in any frame; empty for all others.

    Models that look for body parts at once, in a project with one animal, give a position for each frame.
    """
    if job.path == "own" or not (job.multianimal or job.top_down or job.conditional):
        return ""
    table = read_table(job)
    likelihood = [
        c for c in table.columns if LIKELIHOOD.fullmatch(c[-1]) and not (job.multianimal and c[1] == UNIQUE_OWNER)
    ]
    if (table[likelihood] > 0).any(axis=None):  # an animal that is not there is NaN, or -1
        return ""
    if job.multianimal and _is_anything_detected(job):
        return "no track could be made of what was found; the detections are in the _full.pickle"
    return "no animal was found in any frame"


def _is_anything_detected(job: Job) -> bool:
    frames = read_pickle(job, "_full.pickle")
    return any((score > 0).any() for name, frame in frames.items() if name != "metadata"
               for score in frame["confidence"])  # fmt: skip


def _empty_table(job: Job, scorer: str) -> Any:
    import pandas

    names = ["scorer", "individuals", "bodyparts", "coords"]
    columns = pandas.MultiIndex.from_tuples([(scorer, *column) for column in job.columns], names=names)
    return pandas.DataFrame(float("nan"), index=range(job.decoded), columns=columns)


def _fill_unique(table: Any, frames: dict[int, Any]) -> None:
    """Positions (n_parts, 3 or 4) of each frame: x, y in px, likelihood; the fourth is an identity."""
    columns = [column for column in table.columns if column[1] == UNIQUE_OWNER]
    for frame, positions in frames.items() if columns else ():
        table.loc[frame, columns] = positions[:, :3].ravel()
