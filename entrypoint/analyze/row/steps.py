"""The steps of a row after its analysis, in a process of their own: whatever they do, the analysis stays."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import entrypoint
from dlcctr.campaign.config import read_campaign
from dlcctr.campaign.manifest import read_manifest
from dlcctr.contract import ENV_PREFIX, ExitCode
from dlcctr.errors import TryAgainError
from dlcctr.results.receipt import read_receipt
from dlcctr.results.steps.rows import CampaignRows
from dlcctr.system.processes import start
from dlcctr.system.terminal.console import print_lines, say_error
from entrypoint.analyze.request import RowRequest
from entrypoint.analyze.row.task import RowTask
from entrypoint.analyze.worker.shared import SharedWorker

COMPILED_VARIABLE = "DLCCTR_COMPILED"
"""Folder for what numba compiles, where a process of the task made one."""
OTHER_RESULTS = ("model", "snapshot", "shuffle", "trainset_index", "crop", "precision")
"""Options with which the row's result is not the campaign's."""
BOOT = (
    "import runpy, sys; sys.path.insert(0, sys.argv.pop(1)); "
    "runpy.run_module('entrypoint', run_name='__main__', alter_sys=True)"
)
ROOT = Path(entrypoint.__file__).parents[1]
_OPTIONS = {ENV_PREFIX + each.name.upper() for each in fields(RowRequest)} | {ENV_PREFIX + "PLAN", ENV_PREFIX + "TASK"}
ENDED_S = 20.0
"""Seconds from SIGTERM to SIGKILL."""


def do_steps(task: RowTask, request: RowRequest, place: SharedWorker) -> ExitCode:
    """Do the steps of a finished row that are due.

    Parameters
    ----------
    place : SharedWorker
        What the rows of this process share: the folder for what their steps compile.

    Returns
    -------
    ExitCode
        0, or that of the first step that failed. It has said why.

    Raises
    ------
    TryAgainError
        A signal ended it.
    """
    if not request.steps or not task.settings.steps:
        return ExitCode.OK
    if given := [name for name in OTHER_RESULTS if getattr(request, name) is not None]:
        words = ", ".join(f"--{name.replace('_', '-')}" for name in given)
        print_lines([f"{task.name}: no steps: with {words} its result is not the campaign's"])
        return ExitCode.OK
    if _all_settled(task, request):
        return ExitCode.OK
    argv = [sys.executable, "-I", "-X", "utf8", "-c", BOOT, str(ROOT), *_words(task, request)]
    code = _run(argv, place.compiled(task.settings.out))
    if code == ExitCode.TRY_AGAIN:
        raise TryAgainError(f"{task.name}: its steps were stopped", "run the same command again; done ones are skipped")
    if code < 0:
        say_error(
            f"{task.name}: its steps were ended by signal {-code}; the analysis is whole",
            "if that was signal 9, they needed more memory than there is: ask for more, then run this again",
        )
        return ExitCode.ANALYSIS
    return ExitCode(code) if code in list(ExitCode) else ExitCode.BUG


def _all_settled(task: RowTask, request: RowRequest) -> bool:
    receipt = read_receipt(task.folder)
    # not the row's own settings: rows beside it may be of the campaign's model
    campaign = read_campaign(request.manifest).elsewhere(out=request.out, video_root=request.video_root)
    rows = CampaignRows(campaign, read_manifest(request.manifest))
    return receipt is not None and all(each.settled for each in rows.steps(task.row, receipt))


def _words(task: RowTask, request: RowRequest) -> list[str]:
    words = ["step", "--manifest", str(request.manifest), "--index", str(task.row.index)]
    for name in ("out", "video_root", "scratch"):
        if value := getattr(request, name):
            words += [f"--{name.replace('_', '-')}", str(value)]
    return words


def _run(argv: list[str], compiled: Path) -> int:
    """Exit code of a process that is ended with this one."""
    # what the options say is in `argv`; a variable for `analyze` would be taken for the step's own
    environment = {name: value for name, value in os.environ.items() if name not in _OPTIONS}
    process = start(argv, env={**environment, COMPILED_VARIABLE: str(compiled)})
    try:
        return process.wait()
    except BaseException:
        process.terminate()
        try:
            process.wait(ENDED_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        raise
