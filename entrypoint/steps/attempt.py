"""One step of one row: run in a private folder, proven, committed in one rename with its receipt last."""

from __future__ import annotations

import contextlib
import importlib
import math
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from dlcctr.campaign.rows import Row, inspect_campaign_model
from dlcctr.campaign.steps.kinds import Gives
from dlcctr.campaign.steps.spec import ANALYSIS, StepSpec
from dlcctr.contract import CHECKPOINTS_PREFIX
from dlcctr.errors import DlcctrError, OutputError, TryAgainError
from dlcctr.model.inspection import ModelInfo
from dlcctr.results.commit import commit_files, remove_failure
from dlcctr.results.h5.positions import open_positions
from dlcctr.results.sections import OutputFile
from dlcctr.results.steps.receipt import (
    InputFile,
    Made,
    StepReceipt,
    step_failure_file,
    step_folder,
    steps_folder,
)
from dlcctr.results.steps.rows import CampaignRows
from dlcctr.results.steps.standing import StepState
from dlcctr.system.disk import ROW_PLACES, as_expected, check_writable, disk_errors
from dlcctr.system.files import write_text_atomic
from dlcctr.system.kernel_locks import try_lock
from dlcctr.system.terminal.progress import frames_bar
from entrypoint.analyze.row.task import check_row_video
from entrypoint.environment import provenance
from entrypoint.environment.scratch import remove_tree
from entrypoint.steps.base import RowSource, Step, StepInput, StepResult
from entrypoint.steps.row_input import attempt_key, row_source

KEY_FILE = "key"
WORK_FOLDER = "step"
LEAST_BYTES = 1_000_000


@dataclass
class _Attempt:
    """One attempt, and its facts as they become known."""

    row: Row
    rows: CampaignRows
    spec: StepSpec
    source: RowSource
    others: tuple[RowSource, ...]
    started: str = field(default_factory=provenance.now)
    clock: float = field(default_factory=time.monotonic)
    used: dict[str, str] = field(default_factory=dict)
    video: str = ""

    def receipt(self, files: list[OutputFile], result: StepResult | None, error: DlcctrError | None) -> StepReceipt:
        cause = "" if error is None else (f"{error.message} ({error.hint})" if error.hint else error.message)
        facts = {name: float(value) for name, value in result.facts.items()} if result else {}
        return StepReceipt(
            state=Made.FAILED if error else Made.OK,
            cause=cause,
            exit_code=int(error.exit_code) if error else 0,
            name=self.spec.name,
            kind=self.spec.kind,
            of=self.spec.of,
            parameters=self.spec.held,
            inputs=tuple(InputFile(path, digest) for path, digest in self.used.items()),
            video=self.video,
            files=files,
            facts={name: value for name, value in facts.items() if math.isfinite(value)},
            remark=result.remark if result else "",
            software=_software(),
            image=provenance.image_used(),
            seconds=round(time.monotonic() - self.clock, 3),
            host=provenance.host_name(),
            scheduler=provenance.scheduler_ids(),
            started=self.started,
            finished=provenance.now(),
        )


def of_others(spec: StepSpec, rows: CampaignRows) -> str:
    """Whose positions a step takes of a video's other rows: those of their analysis where only the last row has it.

    The result of `ensemble`, and what is made of that, belongs to the last row.
    """
    by_name = {step.name: step for step in rows.campaign.steps}
    name = spec.of
    while name != ANALYSIS:
        if by_name[name].last_row:
            return ANALYSIS
        name = by_name[name].of
    return spec.of


def run_step(row: Row, spec: StepSpec, rows: CampaignRows, scratch: Path, *, again: bool = False) -> str:
    """Do one step of a row whose inputs are there, and commit its result.

    Parameters
    ----------
    scratch : Path
        Private folder of this process.

    Returns
    -------
    str
        What was done, for the log.

    Raises
    ------
    DlcctrError
        It cannot be done; a file beside its folder says why. What was there before stays.
    TryAgainError
        It was stopped, or another process is at it.
    """
    folder = rows.folder(row)
    with disk_errors(folder, ROW_PLACES):
        steps_folder(folder).mkdir(exist_ok=True)
    check_writable(steps_folder(folder), LEAST_BYTES)
    source = row_source(rows, row, spec.of)
    beside = rows.beside(row) if spec.last_row else []
    others = tuple(row_source(rows, each, of_others(spec, rows)) for each in beside)
    attempt = _Attempt(row, rows, spec, source, others)
    work = scratch / WORK_FOLDER
    with _kept_folder(folder, spec, attempt_key(spec, source, others)) as kept:
        work.mkdir(mode=0o700)
        try:
            return _make(attempt, work, kept, again=again)
        except TryAgainError:
            raise
        except Exception as error:
            known = as_expected(error)
            with contextlib.suppress(OutputError):
                text = attempt.receipt([], None, known).to_json()
                write_text_atomic(step_failure_file(folder, spec.name), text)
            raise known from error
        finally:
            remove_tree(work)


def _make(attempt: _Attempt, work: Path, kept: Path, *, again: bool) -> str:
    row, rows, spec, source = attempt.row, attempt.rows, attempt.spec, attempt.source
    folder = rows.folder(row)
    settings, model = rows.settings(row), _model(rows, row)
    video = None
    if spec.about.video:
        check_row_video(row, source.receipt.row.fingerprint, settings.video_root)
        video, attempt.video = settings.video_root / row.video, source.receipt.row.fingerprint
    frames = source.receipt.frames.stream if source.receipt.frames else 0
    with disk_errors(work, ROW_PLACES), frames_bar(f"row {row.index}: {spec.name}", frames) as tell:
        given = StepInput(
            source, settings, spec.parameters, work, kept, others=attempt.others, model=model, video=video,
            progress=lambda done, total: tell(done * frames // max(total, 1)), used=attempt.used,
        )  # fmt: skip
        result = find_step(spec).run(given)
    _prove(spec, result, source, work)

    def receipt(entries: list[OutputFile]) -> str:
        return attempt.receipt(entries, result, None).to_json()

    def stays() -> bool:
        return not again and _state(rows, row, spec) is StepState.DONE

    committed = commit_files(result.files, step_folder(folder, spec.name), receipt, stays)
    remove_failure(step_failure_file(folder, spec.name))
    _empty(kept)
    if not committed:
        return "another attempt was committed first, and its result is kept"
    facts = ", ".join(f"{name} {value:g}" for name, value in result.facts.items())
    words = [f"done in {time.monotonic() - attempt.clock:.1f} s", facts, result.remark]
    return ", ".join(filter(None, words))


def _state(rows: CampaignRows, row: Row, spec: StepSpec) -> StepState:
    return next(each.state for each in rows.steps(row, rows.receipt(row)) if each.spec.name == spec.name)


def find_step(spec: StepSpec) -> Step:
    """The module of a step's kind."""
    return importlib.import_module(f"entrypoint.steps.{spec.kind.replace('-', '_')}")


def _model(rows: CampaignRows, row: Row) -> ModelInfo | None:
    """The row's model, where it is still there: a step needs only what is in the results."""
    with contextlib.suppress(DlcctrError):
        return inspect_campaign_model(rows.settings(row))
    return None


def _prove(spec: StepSpec, result: StepResult, source: RowSource, work: Path) -> None:
    """What a step says it has made must be there; positions must be of the row's frames."""
    for file in result.files:
        if file.parent != work or not file.is_file() or file.is_symlink():
            raise OutputError(f"the step {spec.name!r} made no {file.name}", "this is a fault of dlcctr: report it")
    if not result.files:
        raise OutputError(f"the step {spec.name!r} made no files", "this is a fault of dlcctr: report it")
    if spec.about.gives is not Gives.POSITIONS:
        return
    tables = [file for file in result.files if file.suffix == ".h5"]
    frames = source.receipt.frames.stream if source.receipt.frames else 0
    with open_positions(tables[0]) as table:
        if table.rows != frames:
            raise OutputError(
                f"the step {spec.name!r} gave {table.rows} rows for {frames} frames",
                "this is a fault of dlcctr: report it",
            )


@contextlib.contextmanager
def _kept_folder(folder: Path, spec: StepSpec, key: str) -> Iterator[Path]:
    """Folder for what a killed attempt keeps, held by one process at a time; emptied where it is of other inputs."""
    kept = steps_folder(folder) / f"{CHECKPOINTS_PREFIX}{spec.name}"
    with disk_errors(folder, ROW_PLACES):
        kept.mkdir(exist_ok=True)
        handle = os.open(kept, os.O_RDONLY)
    try:
        if not _lock(handle):
            raise TryAgainError(
                f"{folder.name}: another process is at the step {spec.name!r}", "wait until it has ended"
            )
        with disk_errors(folder, ROW_PLACES):
            marker = kept / KEY_FILE
            if not marker.is_file() or marker.read_text(encoding="utf-8", errors="replace") != key:
                _empty(kept)
                write_text_atomic(marker, key)
        yield kept
        if {each.name for each in kept.iterdir()} <= {KEY_FILE}:
            shutil.rmtree(kept, ignore_errors=True)
    finally:
        os.close(handle)


def _lock(handle: int) -> bool:
    try:
        return try_lock(handle)
    except OSError:  # a file system without locks
        return True


def _empty(folder: Path) -> None:
    for each in folder.iterdir():
        if each.is_dir() and not each.is_symlink():
            shutil.rmtree(each, ignore_errors=True)
        else:
            each.unlink(missing_ok=True)


def _software() -> dict[str, str]:
    from importlib.metadata import PackageNotFoundError, version

    found = {}
    for name in ("dlcctr", "deeplabcut", "numpy", "pandas", "scipy"):
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return found
