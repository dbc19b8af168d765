"""`step`: the steps of finished rows, one after the other; one that fails harms neither the analysis nor the others."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from dlcctr.campaign.config import read_campaign
from dlcctr.campaign.manifest import read_manifest
from dlcctr.campaign.rows import Row, require_rows, rows_for
from dlcctr.campaign.steps.spec import StepSpec
from dlcctr.contract import ExitCode
from dlcctr.errors import DlcctrError, OutputError, TryAgainError, UsageError
from dlcctr.planning.task_lines import row_start
from dlcctr.results.steps.rows import CampaignRows
from dlcctr.results.steps.standing import StepStanding, StepState
from dlcctr.system.cpus import cpu_count, thread_environment
from dlcctr.system.disk import as_expected
from dlcctr.system.terminal.console import one_line, plural, print_lines, say_error
from entrypoint.analyze.row.analyze_row import stoppable
from entrypoint.analyze.row.steps import COMPILED_VARIABLE
from entrypoint.environment.scratch import open_scratch, private_environment
from entrypoint.steps.attempt import run_step


@dataclass(frozen=True)
class StepsRequest:
    """What to do.

    Parameters
    ----------
    name : str
        One step of the campaign; it and those whose positions it takes. All where it is empty.
    index : int or None
        One row.
    rows : str
        Some rows, as ``0-9,12``; all of them where it is empty.
    indices : tuple of int
        The rows of a plan's task; empty without one.
    out, video_root : Path or None
        In place of the campaign's own.
    again : bool
        Also steps that are done.
    scratch : Path or None
        Parent of the folder for temporary files.
    """

    manifest: Path
    name: str = ""
    index: int | None = None
    rows: str = ""
    indices: tuple[int, ...] = ()
    out: Path | None = None
    video_root: Path | None = None
    again: bool = False
    scratch: Path | None = None


def run_steps(request: StepsRequest) -> ExitCode:
    """Do what is due.

    Returns
    -------
    ExitCode
        0, or that of the first step that failed; rows without a result are only counted.

    Raises
    ------
    DlcctrError
        Manifest, campaign or rows cannot be read, or there is no such step.
    TryAgainError
        A signal stopped it; what was done stays.
    """
    campaign = read_campaign(request.manifest).elsewhere(out=request.out, video_root=request.video_root)
    rows = read_manifest(request.manifest)
    require_rows(rows, request.manifest)
    specs = chosen_steps(campaign.steps, request.name, request.manifest)
    chosen = rows_for(rows, request.manifest, index=request.index, indices=request.indices, wanted=request.rows)
    with stoppable("stopped by {}"), contextlib.ExitStack() as stack:
        work = _Work(request, CampaignRows(campaign, rows), specs, stack)
        codes = [code for row in chosen for code in work.attempt(row)]
    if len(chosen) > 1 or not codes:
        print_lines([work.counted(len(chosen))])
    return next((code for code in codes if code is not ExitCode.OK), ExitCode.OK)


def chosen_steps(steps: Sequence[StepSpec], name: str, manifest: Path) -> list[StepSpec]:
    """A step and those before it that it needs, in the campaign's order; all steps where no name is given.

    Raises
    ------
    UsageError
        The campaign has no such step.
    """
    if not name:
        return list(steps)
    by_name = {step.name: step for step in steps}
    if name not in by_name:
        there = f"it has: {', '.join(by_name)}" if by_name else "it has none"
        raise UsageError(
            f"{manifest}: its campaign has no step {name[:64]!r}; {there}",
            f"see what it has: dlcctr steps list {manifest}; add one: dlcctr steps add {manifest} KIND, of those that "
            "`dlcctr steps kinds` lists",
        )
    wanted, more = set[str](), [name]
    while more:
        each = more.pop()
        wanted.add(each)
        more += by_name[each].needs
    return [step for step in steps if step.name in wanted]


class _Work:
    """The rows of one command."""

    def __init__(
        self, request: StepsRequest, rows: CampaignRows, specs: Sequence[StepSpec], stack: contextlib.ExitStack
    ) -> None:
        self._request, self._rows, self._specs, self._stack = request, rows, specs, stack
        self._counts = {"done": 0, "kept": 0, "failed": 0, "unfinished": 0}

    def counted(self, total: int) -> str:
        """Line for the end."""
        counts = self._counts
        words = [
            f"{plural(counts['done'], 'step')} done",
            f"{counts['kept']} were done before" if counts["kept"] else "",
            f"{counts['failed']} failed" if counts["failed"] else "",
            f"{plural(counts['unfinished'], 'row')} without a whole result (`check` says why)"
            if counts["unfinished"]
            else "",
        ]
        return f"{plural(total, 'row')}: {'; '.join(filter(None, words))}"

    def attempt(self, row: Row) -> Iterator[ExitCode]:
        """Do the steps of a row. Yields the exit code of each that was tried."""
        if self._request.indices:
            print_lines([row_start(row.index, row.video)])  # by this `dlcctr logs` finds the row in a task's log
        try:
            self._rows.receipt(row)
        except OutputError as error:
            self._counts["unfinished"] += 1
            if self._request.index is not None:
                say_error(error.message, error.hint)
                yield error.exit_code
            return
        except DlcctrError as error:
            yield self._failed(row, error)
            return
        for spec in self._specs:
            yield self._step(row, spec)

    def _step(self, row: Row, spec: StepSpec) -> ExitCode:
        try:
            # found anew for each: what the one before has made decides
            receipt = self._rows.receipt(row)
            now = next(each for each in self._rows.steps(row, receipt) if each.spec.name == spec.name)
            if now.state is StepState.ELSEWHERE:
                return ExitCode.OK
            if now.state is StepState.WAITING:
                return self._waits(row, now)
            if now.state is StepState.DONE and not self._request.again:
                self._counts["kept"] += 1
                print_lines([f"{_name(row, spec)}: already done"])
                return ExitCode.OK
            said = run_step(row, spec, self._rows, self._scratch, again=self._request.again)
        except TryAgainError:
            raise
        except Exception as error:
            return self._failed(row, as_expected(error), spec)
        self._counts["done"] += 1
        print_lines([f"{_name(row, spec)}: {said}"])
        return ExitCode.OK

    @cached_property
    def _scratch(self) -> Path:
        """Private folder of this process, with the caches of what it imports; made for the first step that is due."""
        folder = self._stack.enter_context(open_scratch(self._request.scratch, self._rows.campaign.out))
        self._stack.callback(_restore, dict(os.environ))
        os.environ |= {**private_environment(folder), **thread_environment(cpu_count())}
        if compiled := os.environ.get(COMPILED_VARIABLE):  # what the row before has compiled is not compiled again
            os.environ["NUMBA_CACHE_DIR"] = compiled
        return folder

    def _waits(self, row: Row, now: StepStanding) -> ExitCode:
        print_lines([f"{_name(row, now.spec)}: not tried, since {now.detail}, which has none yet"])
        return ExitCode.OUTPUT

    def _failed(self, row: Row, error: DlcctrError, spec: StepSpec | None = None) -> ExitCode:
        self._counts["failed"] += 1
        say_error(f"{_name(row, spec)}: {error.message}", error.hint)
        return error.exit_code


def _restore(environment: dict[str, str]) -> None:
    os.environ.clear()
    os.environ.update(environment)


def _name(row: Row, spec: StepSpec | None = None) -> str:
    return one_line(f"row {row.index} ({row.video})" + (f": {spec.name}" if spec else ""))
