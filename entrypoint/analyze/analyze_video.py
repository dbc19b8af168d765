"""One row with a worker: its video is analysed in one pass; scanned first only where that is not possible."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from dlcctr.campaign.precision import FLOAT32
from dlcctr.contract import NETWORKS_FOLDER, RESULT_BYTES_PER_VALUE
from dlcctr.errors import (
    AnalysisError,
    GpuError,
    ManifestError,
    ModelError,
    OutputError,
    VideoError,
)
from dlcctr.results.sections import ReusedPart
from dlcctr.runtime.progress.row_report import RowReport
from dlcctr.system import disk
from dlcctr.system.cpus import cpu_count
from dlcctr.system.terminal.console import print_lines, warn
from entrypoint.analyze.attempt import AttemptRecord
from entrypoint.analyze.row.display import RowDisplay
from entrypoint.analyze.row.jobs import RESULTS, SPARE_BYTES, RowJobs, make_skeleton
from entrypoint.analyze.row.task import RowTask
from entrypoint.analyze.row.times import RowTimes
from entrypoint.analyze.worker.process import Worker
from entrypoint.analyze.worker.shared import SharedWorker
from entrypoint.protocol import Answer, DamageFound, Done, Job, NotCovered, Ready, ShortRead

if TYPE_CHECKING:
    from entrypoint.analyze.request import RowRequest
    from entrypoint.video.frame_scan import FrameScan

COPY_NAME = "copy.mov"
SHOWN_LINES = 15


def analyse(
    task: RowTask,
    request: RowRequest,
    record: AttemptRecord,
    scratch: Path,
    place: SharedWorker,
    *,
    device: str,
    may_use_cpu: bool,
) -> list[Path]:
    """Have a row's video analysed in a private folder.

    Returns
    -------
    list of Path
        DeepLabCut's files below `scratch`, verified; further facts are in `record`.

    Raises
    ------
    DlcctrError
        Of the class that fits the cause. A worker that was busy is then gone; an idle one stays for the next row.
    """
    from entrypoint.video.scan_result import announced_frames

    times = RowTimes.of(task, scratch)
    times.warn(task)
    threads = cpu_count()
    worker = place.start_worker(task.model.engine, threads, device, task.settings.out / NETWORKS_FOLDER)
    worker.tail.clear()
    place.tell(RowReport("checking the video"))
    try:
        config = make_skeleton(task.model, scratch, task.settings.tracking.tracker, trusted=task.trusted)
        announced = announced_frames(task.video)
        if task.row.frames:  # the manifest believes no header that its index contradicts
            announced = task.row.frames
        _check_space(task, announced, scratch)
        jobs = RowJobs(task, request, announced, config, device, scratch, times)
        session = _Session(task, request, record, jobs, worker, tell=place.tell)
        if not session.may_be_one_pass:  # the worker imports DeepLabCut meanwhile
            session.scan_video()
        place.tell(RowReport("loading DeepLabCut"))
        jobs.device = _resolve_device(place.wait_ready(), device, may_use_cpu, record)
        place.tell(RowReport("loading the model"))
        files = session.run()
        place.tell(RowReport("saving the results"))
        return files
    except AnalysisError:
        _show_tail(worker)
        _check_not_full(scratch)
        raise
    finally:
        if worker.busy:
            place.drop_worker()


def _check_frames(task: RowTask, scan: FrameScan, scratch: Path) -> None:
    """Refuse early what would fail later: an empty video, a crop outside the picture, too little space."""
    from entrypoint.video.pixels import check_crop

    if scan.decoded == 0:
        raise VideoError(f"{task.video}: not one frame decodes", "play it, or convert it with ffmpeg")
    if problem := check_crop(task.crop, scan.width, scan.height):
        raise ManifestError(*problem)
    _check_space(task, scan.stream, scratch)


def _check_space(task: RowTask, frames: int, scratch: Path) -> None:
    need = frames * len(task.columns) * RESULT_BYTES_PER_VALUE + SPARE_BYTES
    disk.check_space(scratch, need)
    disk.check_space(task.folder.parent, need)


def _resolve_device(ready: Ready, device: str, may_use_cpu: bool, record: AttemptRecord) -> str:
    """Compare the chosen device with what the engine itself can use."""
    record.software = dict(ready.versions)
    record.add_time("import", ready.import_s)
    if device != "cuda" or ready.cuda:
        return device
    if may_use_cpu:
        warn("warning: there is a GPU, but this engine cannot use it; running on the CPU")
        return "cpu"
    raise GpuError(
        "there is a GPU, but this engine cannot use it (a CPU build, or a driver older than its CUDA needs)",
        "run `dlc doctor`; use a CUDA image, or allow the CPU with --allow-cpu",
    )


@dataclass
class _Session:
    """A worker, and the jobs that it is given.

    Parameters
    ----------
    jobs : RowJobs
        Makes the row's jobs.
    """

    task: RowTask
    request: RowRequest
    record: AttemptRecord
    jobs: RowJobs
    worker: Worker
    tell: Callable[[RowReport], None]

    @property
    def may_be_one_pass(self) -> bool:
        """Whether our loop may take the row, as far as is known before it has a look at the model.

        Then its own pass finds out which frames decode. What goes through stock DeepLabCut must be scanned first.
        """
        own = self.request.path != "stock" and self.task.may_be_one_pass
        return own and self.jobs.times.may_fit(self.jobs.announced)

    @property
    def scan(self) -> FrameScan:
        """What is known of the video; it is scanned now if it was not before."""
        if self.record.scan is None:
            self.scan_video()
        assert self.record.scan is not None
        return self.record.scan

    def scan_video(self, *, suspect: bool = False) -> None:
        """Find out in a pass of its own which frames decode; raises `DlcctrError`. Parameters as of the scan's."""
        from entrypoint.video.scan import scan_video

        self.tell(RowReport("checking the video"))
        with self.record.timed("scan"):
            self.record.scan = scan_video(self.task.video, threads=cpu_count(), suspect=suspect)
        _check_frames(self.task, self.record.scan, self.jobs.scratch)
        self.jobs.times.check(self.record.scan)

    def run(self) -> list[Path]:
        """Analyse the video in our loop, or through stock DeepLabCut where the loop does not cover it."""
        if self.request.path == "stock":
            return self._run_stock()
        answer = self._run_job(self.jobs.link(), "own", self.jobs.beside() if self.may_be_one_pass else ())
        if isinstance(answer, DamageFound):
            print_lines([f"{self.task.name}: there are signs of damage; the video is checked frame by frame"])
            self.scan_video(suspect=True)
            answer = self._run_job(self.jobs.link(), "own")
        if isinstance(answer, Done):
            return self._take(answer, "own")
        if isinstance(answer, ShortRead):
            raise AnalysisError(f"our own loop wrote {answer.rows} rows for {self._frames_known} frames")
        if isinstance(answer, DamageFound):
            raise AnalysisError("our own loop judged the video though it was scanned")
        if self.task.settings.precision != FLOAT32:
            raise ModelError(
                f"this cannot be analysed in {self.task.settings.precision}, because {answer.why}",
                "analyse it in float32: --precision float32, or remove analysis.precision from campaign.toml",
            )
        if self.request.path == "own":
            raise ModelError(
                f"our own loop cannot analyse this, because {answer.why}",
                "leave the choice to the program with --path auto, or take --path stock",
            )
        print_lines([f"{self.task.name}: through stock DeepLabCut, because {answer.why}"])
        return self._run_stock()

    def _run_stock(self) -> list[Path]:
        """Analyse the video itself, or a lossless copy of its frames if DeepLabCut would misread the original."""
        failed = ""
        if not self._needs_copy():
            answer = self._run_job(self.jobs.link())
            if isinstance(answer, Done):
                return self._take(answer, "stock")
            failed = f"DeepLabCut read {self._rows_read(answer)}"
            warn(f"{self.task.name}: {failed}; a lossless copy is analysed instead")
        answer = self._run_job(self._copy())
        if isinstance(answer, Done):
            return self._take(answer, "stock-reencoded")
        raise AnalysisError(
            (failed + ", and " if failed else "DeepLabCut read ") + f"{self._rows_read(answer)} of a lossless copy",
            "convert the video with ffmpeg, make the manifest again and analyse that",
        )

    @property
    def _frames_known(self) -> int:
        return self.record.scan.decoded if self.record.scan else self.jobs.announced

    def _rows_read(self, answer: ShortRead | NotCovered | DamageFound) -> str:
        if not isinstance(answer, ShortRead):  # of our own loop only
            raise AnalysisError(f"stock DeepLabCut was not run, because {getattr(answer, 'why', 'of damage')}")
        return f"{answer.rows} of {self.scan.decoded} frames"

    def _needs_copy(self) -> bool:
        """TensorFlow believes the header; PyTorch reads until a frame fails, but for a detector rewinds by it.

        Where the header counts no frames, OpenCV reports a negative number (opencv/opencv#22571). Interlaced frames are
        black pictures from OpenCV's FFmpeg 8; those of a copy are not interlaced.
        """
        believed = self.task.model.engine == "tensorflow" or self.task.model.top_down
        return (
            not self.scan.clean
            or not self.scan.header
            or self.scan.interlaced
            or (believed and not (self.scan.header_true and self.scan.fps > 0))
        )

    def _copy(self) -> Path:
        from entrypoint.video.lossless_copy import write_copy

        target = self.jobs.scratch / COPY_NAME
        with self.record.timed("reencoding"):
            write_copy(self.task.video, target, self.scan, threads=cpu_count())
        return target

    def _run_job(self, video: Path, path: str = "stock", beside: Sequence[Job] = ()) -> Answer:
        """Run a job, and show its progress and messages."""
        job = self.jobs.make(video, path, self.record.scan if path == "own" else self.scan)
        display = RowDisplay(self.task.name, job.announced, reports_start=path == "own", tell=self.tell)
        with self.record.timed("analysis"):
            try:
                answer = self.worker.run(job, display.show, beside)
                if not isinstance(answer, (NotCovered, DamageFound)):
                    display.finish(answer.scan.decoded if isinstance(answer, Done) and answer.scan else 0)
                return answer
            finally:
                display.close()

    def _take(self, done: Done, path: str) -> list[Path]:
        record = self.record
        record.scan = done.scan or record.scan
        record.path, record.scorer, record.columns, record.remark = path, done.scorer, done.columns, done.remark
        reused = tuple(ReusedPart(**asdict(checkpoint)) for checkpoint in done.checkpoints)
        record.device = replace(
            done.device, backend=done.backend, parts=reused, from_float32=done.from_float32, decoder=done.decoder
        )
        record.batch_size = done.batch_size
        if done.why_engine:
            print_lines([f"{self.task.name}: computed by {done.backend} itself, because {done.why_engine}"])
        for phase, seconds in {**done.timings_s, "verification": done.verification_s}.items():
            record.add_time(phase, seconds)
            record.add_time("analysis", -seconds)
        record.times, files = self.jobs.times.take(done, record.scan)
        record.flags = tuple(done.flags)
        return [*(self.jobs.scratch / RESULTS / name for name in done.files), *files]


def _show_tail(worker: Worker) -> None:
    for line in list(worker.tail)[-SHOWN_LINES:]:
        warn(f"  deeplabcut: {line}")


def _check_not_full(scratch: Path) -> None:
    """Recognise a full disk by the disk itself, since libraries report it in many ways."""
    try:
        disk.check_space(scratch, 1 << 16)
    except OutputError as full:
        raise OutputError(f"the scratch folder's disk is full: {full.message}", full.hint) from full
