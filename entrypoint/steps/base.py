"""What a step gets, and what it gives back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from dlcctr.campaign.config import Campaign
from dlcctr.campaign.rows import Row
from dlcctr.contract import FRAME_TIMES_FILENAME
from dlcctr.errors import OutputError
from dlcctr.model.inspection import ModelInfo
from dlcctr.results.receipt import Receipt
from dlcctr.results.steps.standing import MANIFEST_PREFIX, hash_cell
from dlcctr.system.files import sha256_file

Progress = Callable[[int, int], None]
"""Called with what is done and how much there is, in the step's own unit (usually frames)."""


@dataclass(frozen=True)
class Source:
    """A finished result that a step reads: the analysis of a row, or an earlier step of it.

    Parameters
    ----------
    folder : Path
        Where its files are.
    below : str
        The folder's path below the row's, as ``steps/filter``; empty for the analysis.
    hashes : mapping of str to str
        SHA-256 of each of its files by name, from its receipt.
    """

    folder: Path
    below: str
    hashes: Mapping[str, str]

    def find(self, ending: str) -> str:
        """Name of its only file with this ending; raises `OutputError` where there is not one."""
        found = [name for name in self.hashes if name.endswith(ending)]
        if len(found) != 1:
            raise OutputError(f"{self.folder}: {len(found)} files end with {ending}", "analyse the row again")
        return found[0]


@dataclass(frozen=True)
class RowSource:
    """One row's finished analysis, and the positions that a step takes.

    Parameters
    ----------
    row, receipt : Row, Receipt
        The manifest's row and the receipt of its analysis.
    analysis : Source
        The analysis.
    positions : Source
        Where the table of positions is: the analysis, or the step that `of` names.
    """

    row: Row
    receipt: Receipt
    analysis: Source
    positions: Source


@dataclass(frozen=True)
class StepInput:
    """All that a step may read, and where it writes.

    Parameters
    ----------
    source : RowSource
        The row.
    others : tuple of RowSource
        The other rows of the same video, in their order, where the step reads them (`StepSpec.last_row`).
    campaign : Campaign
        Settings of the row.
    model : ModelInfo or None
        The trained model, where it is still there.
    video : Path or None
        The video; None where the kind does not read it. It is proven to be the row's.
    parameters : object
        Of the kind's own class.
    work : Path
        Empty private folder: what is in it after the step, and named by its `StepResult`, becomes the result.
    kept : Path
        Private folder that survives a killed step, for checkpoints. It is empty at the first start and whenever
        parameters or inputs have changed, and goes away with the step's success.
    progress : callable
        To be called now and then.
    used : dict
        Files that were taken so far: path below the row's folder (``steps/filter/x.h5``; those of other rows begin
        with ``row 7: ``) to SHA-256. `take` fills it. The receipt lists them: when one changes, the step is due again.
    """

    source: RowSource
    campaign: Campaign
    parameters: Any
    work: Path
    kept: Path
    others: tuple[RowSource, ...] = ()
    model: ModelInfo | None = None
    video: Path | None = None
    progress: Progress = lambda done, total: None
    used: dict[str, str] = field(default_factory=dict)

    def take(self, name: str, source: Source | None = None, *, row: Row | None = None) -> Path:
        """Path of an input file, which the receipt then lists.

        Parameters
        ----------
        name : str
            Name of a file of the source.
        source : Source, optional
            The row's analysis by default.
        row : Row, optional
            The row that the source belongs to, where it is not this step's.

        Raises
        ------
        OutputError
            The source has no such file, or it is no longer what its receipt says: nothing is made of an edited table
            in the name of the one that was analysed.
        """
        source = source or self.source.analysis
        if name not in source.hashes:
            raise OutputError(f"{source.folder}: its receipt lists no {name}", "analyse the row again with --overwrite")
        file = source.folder / name
        try:
            is_same = sha256_file(file) == source.hashes[name]
        except OSError as error:
            raise OutputError(f"{file}: cannot be read: {error.strerror}", "see what `check` says") from error
        if not is_same:
            again = "do that step again with --again" if source.below else "analyse the row again with --overwrite"
            raise OutputError(f"{file}: was changed after it was written (sha256 differs)", again)
        below = f"{source.below}/{name}" if source.below else name
        self.used[f"row {row.index}: {below}" if row else below] = source.hashes[name]
        return file

    def take_cell(self, column: str) -> str | None:
        """Text of one of the lab's own columns, which the receipt then lists; None where there is no such column."""
        text = dict(self.source.row.own).get(column)
        self.used[f"{MANIFEST_PREFIX}{column}"] = hash_cell(text)
        return text

    def take_positions(self) -> Path:
        """The .h5 of positions that this step is of."""
        return self.take(self.source.positions.find(".h5"), self.source.positions)

    def take_times(self) -> Path | None:
        """The frames' times (`dlcctr.results.times.frame_times`); None for a result of contract version 1."""
        has_times = FRAME_TIMES_FILENAME in self.source.analysis.hashes
        return self.take(FRAME_TIMES_FILENAME) if has_times else None


@dataclass(frozen=True)
class StepResult:
    """What a step has made.

    Parameters
    ----------
    files : list of Path
        Files in the step's `work` folder, in the order in which the receipt lists them. A kind that gives positions
        has exactly one .h5 among them, of DeepLabCut's form, with as many rows as the video has frames.
    facts : dict
        Numbers about what was done, for the receipt: ``{"changed": 112.0}``.
    remark : str
        What a reader of the result must know, as "no animal was found"; usually empty.
    """

    files: list[Path]
    facts: dict[str, float] = field(default_factory=dict)
    remark: str = ""


class Step(Protocol):
    """A kind of step: a module ``entrypoint.steps.<kind>`` (with ``_`` for ``-``) with this function."""

    def run(self, given: StepInput) -> StepResult:
        """Do the step.

        Raises
        ------
        DlcctrError
            It cannot be done; the message says why and what to do. The analysis stays as it is.
        """
