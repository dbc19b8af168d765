"""Whose positions are shown beside the step's own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dlcctr.campaign.steps.spec import ANALYSIS, ROWS
from dlcctr.errors import ManifestError
from entrypoint.steps.base import RowSource, Source, StepInput
from entrypoint.steps.row_input import step_source

MOST_PANELS = 4


@dataclass(frozen=True)
class Beside:
    """Another table on the same video.

    Parameters
    ----------
    row : RowSource
        Whose crop its positions count from.
    """

    table: Path
    row: RowSource
    title: str


def find_beside(given: StepInput) -> list[Beside]:
    """The tables that the parameter `beside` names; raises `ManifestError` where there are none."""
    wanted = given.parameters.beside
    if not wanted:
        return []
    if wanted == ROWS:
        return _other_rows(given)
    analysis = given.source.analysis
    source = analysis if wanted == ANALYSIS else step_source(analysis.folder, wanted)
    return [Beside(_take(given, source), given.source, wanted)]


def _other_rows(given: StepInput) -> list[Beside]:
    if not given.others:
        raise ManifestError(
            "label-video: beside asks for the other rows of this video, and there are none",
            "a second row of the video needs another model, shuffle or snapshot",
        )
    return [
        Beside(given.take(other.positions.find(".h5"), other.positions, row=other.row), other, _row_title(other))
        for other in given.others[: MOST_PANELS - 1]
    ]


def _row_title(other: RowSource) -> str:
    return f"row {other.row.index}: {other.receipt.model.id}"


def _take(given: StepInput, source: Source) -> Path:
    return given.take(source.find(".h5"), source)
