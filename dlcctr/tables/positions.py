"""Where the positions of a row come from, and the same in blocks of frames: the analysis' .h5, or that of a step."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dlcctr.campaign.steps.kinds import KINDS, Gives
from dlcctr.campaign.steps.spec import ANALYSIS
from dlcctr.campaign.tracking import UNIQUE_OWNER
from dlcctr.errors import DlcctrError, OutputError, UsageError
from dlcctr.results.h5.positions import open_positions
from dlcctr.results.receipt import Receipt
from dlcctr.results.receipt import require_unchanged as require_files
from dlcctr.results.sections import OutputFile
from dlcctr.results.steps.receipt import StepReceipt, read_step_receipt, step_folder
from dlcctr.results.steps.standing import is_foreign
from dlcctr.system.files import sha256_file

AGAIN = "analyse the row again with --overwrite"
AGAIN_STEP = "do the step again: dlcctr step NAME -m m.csv --again"
TRACKS = "tracks"
MOST_STEPS = 100
"""Steps that can lie between positions and the analysis: receipts in a circle are not followed for ever."""

Name = tuple[str, str]
"""Individual and body part."""


class UnreadableRowError(OutputError):
    """What is wrong with one row's files; the others are collected all the same."""


@dataclass(frozen=True)
class Source:
    """A table of positions.

    Parameters
    ----------
    file : Path
        DeepLabCut's .h5.
    sha256 : str
        Its hash; it changes whenever the positions do.
    step : str
        Step that made it; empty for the analysis itself.
    tracked_anew : bool
        Whether its individuals come from a step that tracks: the animal of a name is not the one that the analysis,
        and so the judgement, calls by that name.
    """

    file: Path
    sha256: str
    step: str = ""
    tracked_anew: bool = False

    def judged(self, individual: str) -> bool:
        """Whether what was judged of an individual of this name is of the same animal."""
        return not self.tracked_anew or individual in ("", UNIQUE_OWNER)


@dataclass(frozen=True)
class Block:
    """Positions of the frames from `first` on.

    Parameters
    ----------
    names : tuple of (individual, body part)
        Points in the table's order; individuals are empty in results of one animal.
    values : array, (n_frames, n_points, 3)
        x and y in px, and likelihood; NaN where nothing is known.
    """

    first: int
    names: tuple[Name, ...]
    values: Any


def find_source(folder: Path, receipt: Receipt, step: str = "") -> Source | None:
    """Positions of a finished row; None where the step has not been made for it.

    Raises
    ------
    UnreadableRowError
        The receipt names no .h5, or the step's folder does not hold exactly one.
    UsageError
        The step is of a kind that gives no positions.
    """
    if not step:
        entry = next((entry for entry in receipt.files if entry.name.endswith(".h5")), None)
        if entry is None:
            raise UnreadableRowError(f"{folder}: its receipt lists no .h5", AGAIN)
        return Source(folder / entry.name, entry.sha256)
    return _of_step(folder, receipt, step)


def _of_step(folder: Path, analysis: Receipt, step: str) -> Source | None:
    """The one place that knows how a step's result lies in a row's folder."""
    try:
        receipt = read_step_receipt(folder, step)
    except DlcctrError as error:
        raise UnreadableRowError(error.message, error.hint) from error
    if receipt is None:
        return None
    below = step_folder(folder, step)
    require_positions(step, receipt.kind)
    now = {entry.name: entry.sha256 for entry in analysis.files}
    read = {each.path: each.sha256 for each in receipt.inputs if "/" not in each.path and not is_foreign(each.path)}
    if any(now.get(name) != digest for name, digest in read.items()):  # of a step that the campaign has no longer
        raise UnreadableRowError(f"{below}: was made of an earlier analysis of this row", AGAIN_STEP)
    entries = [entry for entry in receipt.files if entry.name.endswith(".h5")]
    if len(entries) != 1:
        raise UnreadableRowError(f"{below}: its receipt lists {len(entries)} .h5 files", AGAIN_STEP)
    return Source(below / entries[0].name, entries[0].sha256, step, _is_tracked_anew(folder, receipt))


def require_positions(step: str, kind: str) -> None:
    """Refuse a step that makes files for people or other programs; raises `UsageError`."""
    if kind in KINDS and KINDS[kind].gives is not Gives.POSITIONS:
        giving = ", ".join(each.name for each in KINDS.values() if each.gives is Gives.POSITIONS)
        raise UsageError(
            f"the step {step!r} is of the kind {kind}, which gives no positions",
            f"name a step of one of these kinds: {giving}; or leave --step out for the analysis' positions",
        )


def _is_tracked_anew(folder: Path, receipt: StepReceipt) -> bool:
    """Whether it, or a step that it builds on, is of the kind that tracks; so is one whose past is not known."""
    past: StepReceipt | None = receipt
    for _ in range(MOST_STEPS):
        if past is None or past.kind == TRACKS:
            return True
        if past.of == ANALYSIS:
            return False
        with contextlib.suppress(DlcctrError):
            past = read_step_receipt(folder, past.of)
            continue
        past = None
    return True


def require_unchanged(folder: Path, receipt: Receipt, entries: list[OutputFile]) -> None:
    """Compare files with their hashes before they are copied into a table; raises `UnreadableRowError`."""
    try:
        require_files(receipt, folder, [entry.name for entry in entries])
    except OutputError as error:
        raise UnreadableRowError(error.message, error.hint) from error


def require_step_unchanged(source: Source) -> None:
    """Compare a step's table with its hash; raises `UnreadableRowError`."""
    try:
        is_same = sha256_file(source.file) == source.sha256
    except OSError as error:
        raise UnreadableRowError(f"{source.file}: cannot be read: {error.strerror}") from error
    if not is_same:
        raise UnreadableRowError(f"{source.file} was changed after it was written (sha256 differs)")


def read_blocks(source: Source, lines: int) -> Iterator[Block]:
    """Positions in blocks of about `lines` points, at least one frame each; at least one block, which may be empty.

    Raises
    ------
    UnreadableRowError
        The .h5 cannot be read, or is not of DeepLabCut's form.
    """
    import numpy

    try:
        with open_positions(source.file) as table:
            names = table.columns.points
            size = frames_of(lines, len(names))
            if not table.rows:
                yield Block(0, names, table.read(0, 0))
            for first, values in table.blocks(size=size):
                yield Block(first, names, numpy.where(numpy.isfinite(values), values, numpy.nan))
    except OutputError as error:
        raise UnreadableRowError(error.message, error.hint) from error


def frames_of(lines: int, n_points: int) -> int:
    """Frames of a block."""
    return max(1, lines // max(1, n_points))
