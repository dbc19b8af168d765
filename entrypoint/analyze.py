"""`analyze`: one manifest row in, one verified and atomically committed result out. The supervisor: no heavy imports."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from types import FrameType
from typing import TYPE_CHECKING, Any

from dlcctr.contract import ExitCode, RowState
from dlcctr.errors import AnalysisError, DlcctrError, GpuError, ManifestError, OutputError, TryAgainError, VideoError
from dlcctr.receipt import FrameCounts, OutputFile, Receipt
from entrypoint import commit, provenance
from entrypoint.rowtask import RowTask, check_video, resolve, result_parameters

if TYPE_CHECKING:
    from entrypoint.child import Worker
    from entrypoint.engines import Job
    from entrypoint.video import FrameScan

BYTES_PER_VALUE = 60
"""Of the .h5, the .csv and the pickles together, at most; for the check of free space."""
SPARE_BYTES = 5_000_000
PLAIN_ENDING = re.compile(r"\.[A-Za-z0-9]{1,8}")
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


@dataclass(frozen=True)
class Request:
    """What the command line asks for; None (or empty) means: what the manifest's row and campaign.toml say.

    Parameters
    ----------
    index : int
        Zero-based row of the manifest.
    crop : tuple of int or None
        ``(x1, x2, y1, y2)`` in px, origin at the top left.
    device : str
        ``auto`` (a GPU; the CPU only with `allow_cpu`), ``cpu`` or ``cuda``.
    """

    manifest: Path
    index: int
    model: Path | None = None
    out: Path | None = None
    video_root: Path | None = None
    csv: bool | None = None
    batch_size: int | None = None
    snapshot: str | None = None
    shuffle: int | None = None
    trainset_index: int | None = None
    crop: tuple[int, int, int, int] | None = None
    device: str = "auto"
    allow_cpu: bool = False
    overwrite: bool = False
    scratch: Path | None = None


@dataclass
class Record:
    """What is known of a running attempt, for its receipt."""

    started: str = field(default_factory=provenance.now)
    clock: float = field(default_factory=time.monotonic)
    scan: FrameScan | None = None
    software: dict[str, Any] = field(default_factory=dict)
    device: dict[str, Any] = field(default_factory=dict)
    timings_s: dict[str, float] = field(default_factory=dict)
    scorer: str = ""
    columns: dict[str, Any] = field(default_factory=dict)
    path: str = ""

    @contextlib.contextmanager
    def timed(self, phase: str) -> Iterator[None]:
        """Add the time of a block to a phase."""
        start = time.monotonic()
        try:
            yield
        finally:
            self.timings_s[phase] = round(self.timings_s.get(phase, 0.0) + time.monotonic() - start, 3)


def run(request: Request) -> ExitCode:
    """Analyse one row.

    Returns
    -------
    ExitCode
        `ExitCode.OK`, also where the row was finished before.

    Raises
    ------
    DlcctrError
        Its exit code is the process's. A file beside the row's folder says why, except for a signal.
    """
    task = resolve(request)
    if _is_finished(task, request):
        print(f"{task.name}: already finished, nothing to do: {task.folder}")
        return ExitCode.OK
    record = Record()
    try:
        with _stoppable(task):
            state = _attempt(task, request, record)
    except TryAgainError:
        raise
    except DlcctrError as error:
        quarantined = isinstance(error, VideoError)
        failed = make_receipt(task, record, RowState.QUARANTINED if quarantined else RowState.FAILED, error)
        commit.write_failure(task.failure_file, failed)
        raise type(error)(f"{task.name}: {error.message}", error.hint) from error
    commit.remove_failure(task.failure_file)
    _report(task, record, state)
    return ExitCode.OK


def _is_finished(task: RowTask, request: Request) -> bool:
    if request.overwrite:
        return False
    found = commit.standing(task.folder, task.wanted)
    if found.state == "other":
        raise ManifestError(
            f"{task.name}: {task.folder} holds a finished result, but {found.detail}",
            "replace it with --overwrite, or write to another folder with --out",
        )
    if found.state == "broken":
        print(f"{task.name}: what is there is not whole ({found.detail}); it is analysed again", file=sys.stderr)
    return found.state == "finished"


@contextlib.contextmanager
def _stoppable(task: RowTask) -> Iterator[None]:
    """Turn the signals that end a job into a `TryAgainError`, raised once, so that everything is cleaned up."""

    def stop(number: int, _: FrameType | None) -> None:
        for each in STOP_SIGNALS:
            signal.signal(each, signal.SIG_IGN)
        raise TryAgainError(
            f"{task.name}: stopped by {signal.Signals(number).name}; nothing of it was kept",
            "run the same command again; finished rows are skipped",
        )

    before = {each: signal.signal(each, stop) for each in STOP_SIGNALS}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def _attempt(task: RowTask, request: Request, record: Record) -> RowState:
    from entrypoint.scratch import open_scratch

    check_video(task)
    provenance.check_engine(task.model.engine, task.model.project)
    commit.check_writable(task.folder, SPARE_BYTES)
    device = _choose_device(request)
    with commit.disk_errors(task.settings.out), open_scratch(request.scratch, task.settings.out) as scratch:
        names = _analyse(task, request, record, device, scratch)
        with record.timed("commit"):
            state = RowState.OK if record.scan and record.scan.clean else RowState.DEGRADED
            _commit(task, request, record, state, [scratch / "results" / name for name in names])
    return state


def _choose_device(request: Request) -> str:
    """``cuda`` or ``cpu``; the CPU only where it was asked for or allowed."""
    from entrypoint.gpu import examine_driver

    if request.device == "cpu":
        return "cpu"
    driver = examine_driver()
    if driver.gpus:
        return "cuda"
    if request.device == "auto" and request.allow_cpu:
        return "cpu"
    raise GpuError(
        f"no GPU can be used here: {driver.problem}",
        "start the container with its GPU (docker --gpus all, singularity --nv) on a node that has one, look with "
        "`dlc doctor`, or allow the CPU (some 50 times slower) with --allow-cpu",
    )


def _analyse(task: RowTask, request: Request, record: Record, device: str, scratch: Path) -> list[str]:
    """Scan the video while the worker imports DeepLabCut, then let it analyse. Returns the names of the files."""
    from entrypoint.child import start_worker
    from entrypoint.project import make_skeleton
    from entrypoint.threads import allowed_cpus
    from entrypoint.video import scan

    threads = allowed_cpus()
    environment = _worker_environment(scratch, threads, device)
    with start_worker(task.model.engine, threads, environment, scratch) as worker:
        try:
            config = make_skeleton(task.model, scratch)
            with record.timed("scan"):
                record.scan = scan(task.video, threads=threads)
            _check_frames(task, record.scan, scratch)
            device = _settle_device(worker.wait(), request, device, record)
            return _run_jobs(task, record, worker, device, config, scratch)
        except AnalysisError:
            _print_tail(worker)
            _check_not_full(scratch)
            raise


def _worker_environment(scratch: Path, threads: int, device: str) -> dict[str, str]:
    from entrypoint.scratch import private_environment
    from entrypoint.threads import thread_environment

    environment = {**os.environ, **private_environment(scratch), **thread_environment(threads)}
    # One device, so that index 0 is it; -1 hides all from an engine that would take one in passing
    mask = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")[0].strip() or "0"
    environment["CUDA_VISIBLE_DEVICES"] = mask if device == "cuda" else "-1"
    return environment


def _check_frames(task: RowTask, scan: FrameScan, scratch: Path) -> None:
    """Refuse what must fail later, while it costs nothing: an empty video, a crop outside of it, too little space."""
    if scan.decoded == 0:
        raise VideoError(f"{task.video}: not one frame decodes", "play it, or convert it with ffmpeg")
    if task.crop:
        x1, x2, y1, y2 = task.crop
        if not (0 <= x1 < x2 <= scan.width and 0 <= y1 < y2 <= scan.height):
            raise ManifestError(
                f"crop {x1},{x2},{y1},{y2} does not fit into the picture of {scan.width} x {scan.height} px",
                "give x1,x2,y1,y2 in px from the top left corner, in the manifest's column or with --crop",
            )
    need = scan.stream * len(task.model.columns) * BYTES_PER_VALUE + SPARE_BYTES
    commit.check_space(scratch, need)
    commit.check_space(task.folder.parent, need)


def _settle_device(ready: dict[str, Any], request: Request, device: str, record: Record) -> str:
    """Compare what was chosen with what the engine itself can use."""
    record.software = ready["versions"]
    record.timings_s["import"] = round(ready["import_s"], 3)
    if device != "cuda" or ready["cuda"]:
        return device
    if request.device == "auto" and request.allow_cpu:
        print("warning: there is a GPU, but this image's engine cannot use it; running on the CPU", file=sys.stderr)
        return "cpu"
    raise GpuError(
        "a GPU is there, but this image's engine cannot use it (a CPU image, or a driver older than its CUDA needs)",
        "look with `dlc doctor`; use a CUDA image, or allow the CPU with --allow-cpu",
    )


def _run_jobs(
    task: RowTask, record: Record, worker: Worker, device: str, config: Path, scratch: Path
) -> list[str]:
    """Analyse the video itself; a lossless copy of its frames where DeepLabCut would get the original wrong."""
    assert record.scan is not None
    if not _needs_copy(task, record.scan):
        video = _link(task, scratch)
        answer = _run_job(task, record, worker, _job(task, record.scan, device, config, video, scratch))
        if answer["event"] == "done":
            record.path = "stock"
            return _take(answer, record)
        print(
            f"{task.name}: DeepLabCut read {answer['rows']} of {record.scan.decoded} frames; "
            "analysing a lossless copy instead",
            file=sys.stderr,
        )
    video = _copy(task, record, scratch)
    answer = _run_job(task, record, worker, _job(task, record.scan, device, config, video, scratch))
    if answer["event"] != "done":
        raise AnalysisError(
            f"DeepLabCut read {answer['rows']} of {record.scan.decoded} frames, even of a lossless copy",
            "convert the video with ffmpeg, make the manifest again and try that",
        )
    record.path = "stock-reencoded"
    return _take(answer, record)


def _needs_copy(task: RowTask, scan: FrameScan) -> bool:
    """TensorFlow believes the header; PyTorch reads until a frame fails."""
    return not scan.clean or (task.model.engine == "tensorflow" and not scan.header_true)


def _link(task: RowTask, scratch: Path) -> Path:
    """Give the video a plain name: DeepLabCut leaves out ``*_labeled.*``, and takes ``.h5`` within a name for its own."""
    ending = task.video.suffix if PLAIN_ENDING.fullmatch(task.video.suffix) else ""
    link = scratch / f"video{ending}"
    link.symlink_to(task.video.absolute())
    return link


def _copy(task: RowTask, record: Record, scratch: Path) -> Path:
    from entrypoint.threads import allowed_cpus
    from entrypoint.video import reencode

    assert record.scan is not None
    target = scratch / "copy.avi"
    with record.timed("reencoding"):
        reencode(task.video, target, record.scan, threads=allowed_cpus())
    return target


def _job(task: RowTask, scan: FrameScan, device: str, config: Path, video: Path, scratch: Path) -> Job:
    from entrypoint.engines import Job

    results = scratch / "results"
    if results.exists():
        import shutil

        shutil.rmtree(results)
    results.mkdir()
    return Job(
        config=str(config),
        video=str(video),
        folder=str(results),
        stem=PurePosixPath(task.row.video).stem,
        columns=[list(column) for column in task.model.columns],
        frames=scan.stream,
        decoded=scan.decoded,
        missing=scan.missing,
        multianimal=task.model.multianimal,
        shuffle=task.model.shuffle,
        trainset_index=task.model.trainset_index,
        device=device,
        batch_size=task.settings.batch_size,
        crop=list(task.settings.crop) if task.settings.crop else None,
        csv=task.settings.csv,
    )


def _run_job(task: RowTask, record: Record, worker: Worker, job: Job) -> dict[str, Any]:
    from entrypoint.progress import Progress

    bar: Progress | None = None
    stage = ""

    def show(name: str, done: int) -> None:
        nonlocal bar, stage
        if bar is None or name != stage:
            if bar is not None:
                bar.close()
            bar, stage = Progress(job.decoded, f"{task.name}: {name}"), name
        bar.update(min(done, job.decoded))

    with record.timed("analysis"):
        worker.send(job)
        try:
            return worker.wait(show)
        finally:
            if bar is not None:
                bar.close()


def _take(answer: dict[str, Any], record: Record) -> list[str]:
    record.scorer, record.device, record.columns = answer["scorer"], answer["device"], answer["columns"]
    record.timings_s.update({name: round(value, 3) for name, value in answer["timings_s"].items()})
    names: list[str] = answer["files"]
    return names


def _commit(task: RowTask, request: Request, record: Record, state: RowState, files: list[Path]) -> None:
    def receipt(entries: list[OutputFile]) -> Receipt:
        return make_receipt(task, record, state, files=entries)

    if not commit.commit(files, task.folder, receipt, wanted=task.wanted, overwrite=request.overwrite):
        print(f"{task.name}: another attempt committed first; its result stays")


def make_receipt(
    task: RowTask, record: Record, state: RowState, error: DlcctrError | None = None, *, files: list[OutputFile] | None = None
) -> Receipt:  # fmt: skip
    """Everything that is known of the attempt."""
    scan, model = record.scan, task.model
    cause = error.message if error else ""
    if scan and not scan.clean and not error:
        cause = f"{scan.stream - scan.decoded} of {scan.stream} frames do not decode: {_ranges(scan.missing)}"
    return Receipt(
        state=state,
        cause=cause,
        exit_code=int(error.exit_code) if error else 0,
        row={
            "index": task.row.index,
            "video": task.row.video,
            "fingerprint": task.row.fingerprint if error else task.fingerprint,
            "bytes": task.row.bytes,
        },
        frames=FrameCounts(scan.header, scan.stream, scan.decoded, scan.missing) if scan else None,
        files=files or [],
        columns=record.columns,
        model={
            "id": model.id,
            "hash": model.hash,
            "engine": model.engine,
            "scorer": record.scorer,
            "snapshot": model.snapshot,
            "detector_snapshot": model.detector_snapshot,
            "bodyparts": list(model.bodyparts),
            "individuals": list(model.individuals),
            "unique_bodyparts": list(model.unique_bodyparts),
        },
        parameters={**result_parameters(task), "batch_size": task.settings.batch_size or model.batch_size},
        software=record.software,
        image=provenance.image_facts(),
        device=record.device,
        path=record.path,
        timings_s={**record.timings_s, "total": round(time.monotonic() - record.clock, 3)},
        host=provenance.host_name(),
        scheduler=provenance.scheduler_ids(),
        started=record.started,
        finished=provenance.now(),
    )


def _ranges(missing: list[list[int]]) -> str:
    shown = ", ".join(str(a) if b - a == 1 else f"{a}-{b - 1}" for a, b in missing[:10])
    return shown + (f" and {len(missing) - 10} more" if len(missing) > 10 else "")


def _report(task: RowTask, record: Record, state: RowState) -> None:
    assert record.scan is not None
    if state is RowState.DEGRADED:
        receipt_cause = _ranges(record.scan.missing)
        print(
            f"warning: {task.name}: {record.scan.stream - record.scan.decoded} of {record.scan.stream} frames do not "
            f"decode and have no position: {receipt_cause}",
            file=sys.stderr,
        )
    print(f"{task.name}: {state.value}, {record.scan.stream} frames: {task.folder}")


def _print_tail(worker: Worker) -> None:
    for line in list(worker.tail)[-15:]:
        print(f"  deeplabcut: {line}", file=sys.stderr)


def _check_not_full(scratch: Path) -> None:
    """Libraries word a full disk in many ways; look at the disk itself."""
    try:
        commit.check_space(scratch, 1 << 16)
    except OutputError as full:
        raise OutputError(f"the scratch folder's disk is full: {full.message}", full.hint) from full
