"""The kinds of steps: what each is for, its parameters, and what it reads."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

from dlcctr.campaign.steps.csv_file import CsvParameters
from dlcctr.campaign.steps.ensemble import EnsembleParameters
from dlcctr.campaign.steps.filter import FilterParameters
from dlcctr.campaign.steps.label_video import LabelVideoParameters
from dlcctr.campaign.steps.nwb import NwbParameters
from dlcctr.campaign.steps.tracks import TracksParameters


class Gives(Enum):
    """What a step's result is to other steps."""

    POSITIONS = "positions"
    """A table of positions in DeepLabCut's form, which a later step may take instead of the analysis'."""
    FILES = "files"


@dataclass(frozen=True)
class StepKind:
    """One kind of step.

    Parameters
    ----------
    parameters : type
        Dataclass of its parameters (`dlcctr.system.values.records`), every one with a default; its constructor raises
        ValueError for values that cannot be.
    summary : str
        What it is for, for the help: one line.
    gives : Gives
        What later steps may take from it.
    video : bool
        Whether it reads the video itself.
    last_row : bool
        Whether it joins the rows of one video, and so belongs to the last of them only.
    """

    name: str
    parameters: type[Any]
    summary: str
    gives: Gives = Gives.FILES
    video: bool = False
    last_row: bool = False


KINDS = {
    kind.name: kind
    for kind in (
        StepKind("filter", FilterParameters, "smooth positions: median, ARIMA, spline, Kalman", Gives.POSITIONS),
        StepKind("tracks", TracksParameters, "track several animals from the detections", Gives.POSITIONS),
        StepKind("ensemble", EnsembleParameters, "combine the models of one video", Gives.POSITIONS, last_row=True),
        StepKind("label-video", LabelVideoParameters, "draw the positions into the video", video=True),
        StepKind("nwb", NwbParameters, "write an NWB file"),
        StepKind("csv", CsvParameters, "write DeepLabCut's .csv, and tables that other programs read"),
    )
}
"""Every kind of step, by its name."""
