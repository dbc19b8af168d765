"""`analyze`: one manifest row in, one verified and atomically committed result out. No heavy imports here."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from types import FrameType

from dlcctr.contract import ExitCode, RowState
from dlcctr.errors import DlcctrError, GpuError, TryAgainError, VideoError
from dlcctr.results import commit
from dlcctr.results.receipt import Receipt
from dlcctr.results.sections import OutputFile
from dlcctr.system import disk
from dlcctr.system.gpus import NO_DEVICE_FILES, NOT_GRANTED
from dlcctr.system.terminal.console import print_lines, warn
from entrypoint.analyze import checkpoint_folder
from entrypoint.analyze.attempt import AttemptRecord, make_failure, make_receipt
from entrypoint.analyze.renew_times import renew_if_stale
from entrypoint.analyze.request import RowRequest
from entrypoint.analyze.row.steps import do_steps
from entrypoint.analyze.row.task import RowTask, check_video, resolve
from entrypoint.analyze.worker.shared import SharedWorker
from entrypoint.environment import provenance

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
LEAST_BYTES = 1_000_000


def run(request: RowRequest) -> ExitCode:
    """Analyse one row.

    Returns
    -------
    ExitCode
        `ExitCode.OK`, also where the row was finished before; else that of the first step after it that failed.

    Raises
    ------
    DlcctrError
        Its exit code becomes the process's. A file beside the row's folder says why, except after a signal.
    """
    task = resolve(request)
    with stoppable("stopped by {}"), SharedWorker(request.scratch) as place:
        run_row(task, request, place)
        place.drop_worker()  # the steps get its memory
        return do_steps(task, request, place)


def run_row(task: RowTask, request: RowRequest, place: SharedWorker) -> ExitCode:
    """Analyse one row with a worker that other rows may have used before; returns and raises as `run` does."""
    if not request.overwrite and _is_finished(task):
        done = renew_if_stale(task) or "nothing to do"
        print_lines([f"{task.name}: already finished, {done}: {task.folder}"])
        checkpoint_folder.remove_checkpoints(task.folder)
        return ExitCode.OK
    record = AttemptRecord()
    try:
        state = _attempt(task, request, record, place)
    except TryAgainError as stop:
        raise TryAgainError(f"{stop.message}; {task.name}: {_what_is_kept(task, request)}", stop.hint) from stop
    except DlcctrError as error:
        # No retry fixes a bad video; all else may go away
        bad = RowState.QUARANTINED if isinstance(error, VideoError) else RowState.FAILED
        if bad is RowState.QUARANTINED:
            checkpoint_folder.remove_checkpoints(task.folder)
        commit.write_failure(task.failure_file, make_failure(task, record, error, bad))
        raise type(error)(f"{task.name}: {error.message}", error.hint) from error
    checkpoint_folder.remove_checkpoints(task.folder)
    commit.remove_failure(task.failure_file)
    if record.lost_frames:
        warn(f"warning: {task.name}: {record.lost_frames}; they have no position")
    print_lines([f"{task.name}: {state}: {task.folder}"])
    return ExitCode.OK


def _what_is_kept(task: RowTask, request: RowRequest) -> str:
    """What is kept of an attempt that was stopped, for messages."""
    with contextlib.suppress(DlcctrError):
        if (
            not request.overwrite
            and commit.standing(task.folder, task.row, task.expected).state is commit.Standing.FINISHED
        ):
            checkpoint_folder.remove_checkpoints(task.folder)
            return "another attempt has finished it"
    kept = checkpoint_folder.has_checkpoints(task.folder)
    return "the frames analysed so far are kept" if kept else "nothing of it was kept"


def _is_finished(task: RowTask) -> bool:
    found = commit.standing(task.folder, task.row, task.expected)
    commit.refuse_other(found, f"{task.name}: {task.folder}")
    if found.state is commit.Standing.BROKEN:
        warn(f"{task.name}: what is there is not whole ({found.detail}); it is analysed again")
    return found.state is commit.Standing.FINISHED


@contextlib.contextmanager
def stoppable(message: str) -> Iterator[None]:
    """Turn the signals that end a job into a `TryAgainError`, raised once, so that everything is cleaned up.

    Parameters
    ----------
    message : str
        Text with ``{}`` for the signal's name.
    """

    def stop(number: int, _: FrameType | None) -> None:
        for each in STOP_SIGNALS:
            signal.signal(each, signal.SIG_IGN)
        raise TryAgainError(
            message.format(signal.Signals(number).name), "run the same command again; finished rows are skipped"
        )

    nohup = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    before = {each: signal.signal(each, stop) for each in STOP_SIGNALS if not (nohup and each is signal.SIGHUP)}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def _attempt(task: RowTask, request: RowRequest, record: AttemptRecord, place: SharedWorker) -> str:
    """Analyse and commit. Returns the summary for the log."""
    from entrypoint.analyze.analyze_video import analyse

    check_video(task)
    provenance.check_engine(task.model.engine, task.model.project)
    disk.check_writable(task.folder, LEAST_BYTES)
    device, may_use_cpu = choose_device(request.device, allow_cpu=request.allow_cpu)
    with place.open_row(task.settings.out) as scratch:
        with disk.disk_errors(scratch, disk.ROW_PLACES):
            files = analyse(task, request, record, scratch, place, device=device, may_use_cpu=may_use_cpu)
        state = RowState.DEGRADED if record.lost_frames else RowState.OK

        def receipt(entries: list[OutputFile]) -> Receipt:
            return make_receipt(task, record, state, entries)

        if not commit.commit(files, task.folder, receipt, task.row, task.expected, overwrite=request.overwrite):
            return "another attempt was committed first, and its result is kept"
    assert record.scan is not None
    backend = f", {record.device.backend}" if record.device.backend else ""
    remark = f", {record.remark}" if record.remark else ""
    return f"{state.value}, {record.scan.stream} frames, path {record.path}{backend}{remark}"


def choose_device(device: str, *, allow_cpu: bool) -> tuple[str, bool]:
    """``cuda`` or ``cpu``, and whether the CPU may be used: only if it was requested or allowed.

    Raises
    ------
    GpuError
        There is no GPU that can be used, and the CPU may not be.
    """
    from entrypoint.environment.gpu import examine_driver

    if device == "cpu":
        return "cpu", True
    may_use_cpu = device == "auto" and allow_cpu
    driver = examine_driver()
    if driver.gpus:
        return "cuda", may_use_cpu
    if may_use_cpu:
        return "cpu", True
    if os.environ.get("CUDA_VISIBLE_DEVICES") == NO_DEVICE_FILES:
        raise GpuError(
            f"{NOT_GRANTED} (CUDA_VISIBLE_DEVICES is {NO_DEVICE_FILES})",
            "ask for one with --gres=gpu:1 or --gpus=1, or allow the CPU, about 50 times slower, with --allow-cpu",
        )
    raise GpuError(
        f"no GPU can be used here: {driver.problem}",
        "start the container with its GPU (docker --gpus all, singularity --nv) on a node that has one, look with "
        "`dlc doctor`, or allow the CPU, which is about 50 times slower, with --allow-cpu",
    )
