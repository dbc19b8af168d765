"""`collect`: bring the long table of a campaign up to date with its rows, one whole file after the other."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from dlcctr.campaign.config import read_campaign
from dlcctr.errors import UsageError
from dlcctr.results.row_state import State
from dlcctr.results.steps.receipt import step_folder
from dlcctr.system.locks import campaign_lock
from dlcctr.system.terminal.progress import RowProgress, no_progress
from dlcctr.system.values.names import check_name
from dlcctr.tables import frames_table, videos_table
from dlcctr.tables.arrow import COMPRESSIONS, import_arrow
from dlcctr.tables.campaign_rows import CampaignRow, CampaignRows, read_campaign_rows
from dlcctr.tables.dataset import Dataset, RowFile, file_of
from dlcctr.tables.frames_table import RowSource, frame_tables
from dlcctr.tables.positions import UnreadableRowError, find_source
from dlcctr.tables.videos_table import videos_columns, write_videos

FORMAT = 2
"""Raised when the same results give another table: rows are collected again then."""
OTHER_FORMATS = (".csv", ".tsv", ".txt", ".xls", ".xlsx", ".json", ".h5", ".hdf5", ".mat", ".feather", ".nwb")
"""Endings that promise another format."""
TAKEN = tuple(dict.fromkeys((*frames_table.PARTITIONS, *frames_table.COLUMNS, *videos_table.COLUMNS)))
"""Names that the manifest's own columns cannot have."""


@dataclass(frozen=True)
class LeftOut:
    """A row that the table does not hold, and why."""

    index: int
    state: str
    video: str
    cause: str


@dataclass(frozen=True)
class Collected:
    """What became of a table.

    Parameters
    ----------
    table, videos, videos_csv : Path
        Folder of the long table, and the files of the table of videos.
    new, kept, removed : int
        Rows that were written now, that were there already, and that do not belong into it any more.
    lines, n_bytes : int
        Lines that were written now; size of the whole folder.
    left_out : list of LeftOut
        Rows without a whole result, and those whose files cannot be read.
    unreadable : int
        How many of them cannot be read though `check` calls them whole.
    notes : list of str
        About the campaign.
    """

    table: Path
    videos: Path
    videos_csv: Path
    new: int
    kept: int
    removed: int
    lines: int
    n_bytes: int
    left_out: list[LeftOut]
    unreadable: int
    notes: list[str]


@dataclass(frozen=True)
class CollectOptions:
    """How a table is made.

    Parameters
    ----------
    output : Path or None
        Folder of the table; by default the manifest's name with ``.parquet``, beside it.
    step : str
        Step whose positions are taken; empty for the analysis.
    compression : str
        One of `COMPRESSIONS`.
    jobs : int or None
        Rows to check at once.
    """

    output: Path | None = None
    step: str = ""
    compression: str = COMPRESSIONS[0]
    jobs: int | None = None


def collect(
    manifest: Path, options: CollectOptions = CollectOptions(), *, progress: RowProgress = no_progress
) -> Collected:
    """Bring a campaign's table up to date: rows that are new or have changed are written, others stay as they are.

    Each row is one file, which appears in one rename: whenever this is killed, the table can be read, and the next
    call goes on.

    Raises
    ------
    ToolMissingError
        Without pyarrow, pandas or PyTables.
    UsageError
        The output is no table of this campaign, or one of another step; or there is no such step.
    ManifestError, ModelError, OutputError
        As `dlcctr.results.check.check`; the output cannot be written.
    """
    import_arrow()
    _require_known(options)
    root = options.output or manifest.with_suffix(".parquet")
    if root.suffix.lower() in OTHER_FORMATS:
        raise UsageError(
            f"{root}: the table is a folder of Parquet files, not {root.suffix.lower()}",
            f"name it {root.with_suffix('.parquet').name}; the table of videos beside it is a .csv, too",
        )
    with campaign_lock(root.with_name(f".{root.name}.lock")):
        dataset = Dataset(root)
        campaign = read_campaign_rows(manifest, TAKEN, jobs=options.jobs, progress=progress)
        _require_same_campaign(dataset, campaign, options.step)
        _require_step(manifest, campaign, options.step)
        return _Update(dataset, campaign, options).run(progress)


def _require_known(options: CollectOptions) -> None:
    if options.compression not in COMPRESSIONS:
        raise UsageError(f"compression is {options.compression!r}", f"use one of {', '.join(COMPRESSIONS)}")
    try:
        if options.step:
            check_name(options.step, "a step")
    except ValueError as error:
        raise UsageError(str(error), "name a step of the campaign") from error


def _require_step(manifest: Path, campaign: CampaignRows, name: str) -> None:
    """Refuse a step that neither the campaign has nor any of its rows."""
    steps = [step.name for step in read_campaign(manifest).steps]
    folders = [each.result.folder for each in campaign.rows if each.result.folder]
    if name and name not in steps and not any(step_folder(folder, name).exists() for folder in folders):
        raise UsageError(
            f"the campaign has no step {name[:64]!r}, and no row holds one",
            f"it has: {', '.join(steps) or 'none'}; leave --step out for the analysis' positions",
        )


def _require_same_campaign(dataset: Dataset, campaign: CampaignRows, step: str) -> None:
    """Refuse what would remove a table that took hours, for a mistyped name or a disk that is not mounted."""
    there = dataset.rows
    if not there:
        return
    steps = sorted({each.step for each in there} - {step})
    if steps:
        held = f"of the step {steps[0]}" if steps[0] else "of the analysis"
        raise UsageError(f"{dataset.root}: holds positions {held}", "name another folder with -o")
    videos = {each.row.index: each.row.video for each in campaign.rows}
    if not any(videos.get(each.row) == each.video for each in there):
        raise UsageError(f"{dataset.root}: holds another campaign", "name another folder with -o")
    if not any(each.result.analysed for each in campaign.rows):
        raise UsageError(
            f"{dataset.root}: holds {len(there)} rows, but no row has a result now: nothing was removed",
            "is the folder of the results there? If these rows are to go, remove the table's folder",
        )


class _Update:
    """One run."""

    def __init__(self, dataset: Dataset, campaign: CampaignRows, options: CollectOptions) -> None:
        self.dataset, self.campaign, self.options = dataset, campaign, options
        self.left_out: list[LeftOut] = []
        self.unreadable = 0

    def run(self, progress: RowProgress) -> Collected:
        """Remove, write, and write the table of videos last."""
        wanted: dict[Path, tuple[CampaignRow, RowSource, RowFile]] = {}
        for each in self.campaign.rows:
            if source := self._source(each):
                record = self._record(each, source)
                wanted[file_of(record.row, record.video, record.model)] = each, source, record
        gone = set(self.dataset.files) - set(wanted)
        due = {name: made for name, made in wanted.items() if self.dataset.files.get(name) != made[2]}
        self.dataset.sweep()
        self.dataset.remove(sorted(gone))  # first, so that a row that has moved is never there twice
        new = lines = 0
        with progress("collecting rows", len(due)) as step:
            for name, (each, source, record) in due.items():
                try:
                    blocks = frame_tables(source, self.campaign.own.names)
                    lines += self.dataset.write(name, record, blocks, self.options.compression)
                    new += 1
                except UnreadableRowError as error:
                    self._leave_out(each, State.BROKEN.value, error.message, unreadable=True)
                    if name in self.dataset.files:
                        self.dataset.remove([name])
                step()
        root = self.dataset.root
        videos, text = (root.with_name(f"{root.stem}-videos{suffix}") for suffix in (".parquet", ".csv"))
        inside = [record.row for name, (_, _, record) in wanted.items() if name in self.dataset.files]
        left_out = sorted(self.left_out, key=lambda each: each.index)
        columns = videos_columns(self.campaign.rows, self.campaign.own.names, inside)
        write_videos(columns, videos, text, self.options.compression)
        return Collected(
            root, videos, text, new, len(wanted) - len(due), len(gone), lines, self._n_bytes(), left_out,
            self.unreadable, self.campaign.notes,
        )  # fmt: skip

    def _n_bytes(self) -> int:
        return sum((self.dataset.root / name).stat().st_size for name in self.dataset.files)

    def _leave_out(self, each: CampaignRow, state: str, cause: str, *, unreadable: bool = False) -> None:
        self.left_out.append(LeftOut(each.row.index, state, each.row.video, cause))
        self.unreadable += unreadable

    def _source(self, each: CampaignRow) -> RowSource | None:
        """What a row gives to the table; None, and a reason, where that is nothing."""
        state, folder, receipt = each.result.state, each.result.folder, each.receipt
        if not each.result.analysed:
            self._leave_out(each, state.value, each.result.cause)
            return None
        if each.problem or folder is None or receipt is None:
            self._leave_out(each, State.BROKEN.value, each.problem, unreadable=True)
            return None
        undone = [step for step in each.result.steps if step.spec.name == self.options.step and not step.settled]
        if undone:
            self._leave_out(each, State.UNFINISHED.value, f"its step {self.options.step} is {undone[0].state.value}")
            return None
        try:
            source = find_source(folder, receipt, self.options.step)
        except UnreadableRowError as error:
            self._leave_out(each, State.BROKEN.value, error.message, unreadable=True)
            return None
        if source is None:
            self._leave_out(each, State.UNFINISHED.value, f"its step {self.options.step} is not there")
            return None
        return RowSource(each.row.index, folder, receipt, source, each.quality, each.own)

    def _record(self, each: CampaignRow, source: RowSource) -> RowFile:
        """What a row's file is made of: as long as none of it changes, the file stays."""
        made_of = {
            "format": FORMAT,
            "positions": source.source.sha256,
            "files": sorted((entry.name, entry.sha256) for entry in source.files),
            "own": list(zip(self.campaign.own.names, source.own, strict=True)),
            "compression": self.options.compression,
        }
        digest = hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()
        return RowFile(each.row.index, each.row.video, source.receipt.model.id, self.options.step, digest)
