"""One row with a worker: the video is scanned while the worker imports DeepLabCut, then it is analysed."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from dlcctr.contract import NETWORKS_FOLDER, RESULT_BYTES_PER_VALUE
from dlcctr.errors import AnalysisError, GpuError, ManifestError, ModelError, OutputError, UsageError, VideoError
from dlcctr.model import inference_project
from dlcctr.model.inspection import ModelInfo
from dlcctr.results.sections import ReusedPart
from dlcctr.runtime.progress.row_report import RowReport
from dlcctr.system import disk
from dlcctr.system.cpus import cpu_count
from dlcctr.system.terminal.console import print_lines, warn
from entrypoint.analyze import checkpoint_folder
from entrypoint.analyze.attempt import AttemptRecord
from entrypoint.analyze.row_display import RowDisplay
from entrypoint.analyze.row_task import RowTask
from entrypoint.analyze.shared_worker import SharedWorker
from entrypoint.analyze.worker_process import Worker
from entrypoint.protocol import Answer, Done, Job, NotCovered, Ready, ShortRead

if TYPE_CHECKING:
    from entrypoint.analyze.request import RowRequest
    from entrypoint.video.frame_scan import FrameScan

RESULTS = "results"
COPY_NAME = "copy.mov"
SPARE_BYTES = 5_000_000
PLAIN_ENDING = re.compile(r"\.[A-Za-z0-9]{1,8}")
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
    from entrypoint.video.scan import scan_video

    threads = cpu_count()
    worker = place.start_worker(task.model.engine, threads, device)
    worker.tail.clear()
    place.tell(RowReport("checking the video"))
    try:
        config = make_skeleton(task.model, scratch, task.settings.tracking.tracker, trusted=task.trusted)
        with record.timed("scan"):
            record.scan = scan_video(task.video, threads=threads)
        _check_frames(task, record.scan, scratch)
        place.tell(RowReport("loading DeepLabCut"))
        device = _resolve_device(place.wait_ready(), device, may_use_cpu, record)
        place.tell(RowReport("loading the model"))
        session = _Session(
            task, request, record, record.scan, worker, config=config, device=device, scratch=scratch, tell=place.tell
        )
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
    if scan.decoded == 0:
        raise VideoError(f"{task.video}: not one frame decodes", "play it, or convert it with ffmpeg")
    if task.crop:
        x1, x2, y1, y2 = task.crop
        if not (0 <= x1 < x2 <= scan.width and 0 <= y1 < y2 <= scan.height):
            raise ManifestError(
                f"crop {x1},{x2},{y1},{y2} does not fit into the picture of {scan.width} x {scan.height} px",
                "give x1,x2,y1,y2 in px from the top left corner, in the manifest's column or with --crop",
            )
    need = scan.stream * len(task.columns) * RESULT_BYTES_PER_VALUE + SPARE_BYTES
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


@dataclass(frozen=True)
class _Session:
    """A ready worker, and everything that its jobs are made from."""

    task: RowTask
    request: RowRequest
    record: AttemptRecord
    scan: FrameScan
    worker: Worker
    config: Path
    device: str
    scratch: Path
    tell: Callable[[RowReport], None]

    def run(self) -> list[Path]:
        """Analyse the video in our loop, or through stock DeepLabCut where the loop does not cover it."""
        if self.request.path == "stock":
            return self._run_stock()
        answer = self._run_job(self._link(), "own")
        if isinstance(answer, Done):
            return self._take(answer, "own")
        if isinstance(answer, ShortRead):
            raise AnalysisError(f"our own loop wrote {answer.rows} rows for {self.scan.stream} frames")
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
            answer = self._run_job(self._link())
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

    def _rows_read(self, answer: ShortRead | NotCovered) -> str:
        if isinstance(answer, NotCovered):  # of our own loop only
            raise AnalysisError(f"stock DeepLabCut was not run, because {answer.why}")
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

    def _link(self) -> Path:
        """Give the video a plain name: DeepLabCut leaves out ``*_labeled.*`` and cuts names at ``.h5``."""
        video = self.task.video
        link = self.scratch / f"video{video.suffix if PLAIN_ENDING.fullmatch(video.suffix) else ''}"
        link.unlink(missing_ok=True)
        link.symlink_to(video.absolute())
        return link

    def _copy(self) -> Path:
        from entrypoint.video.lossless_copy import write_copy

        target = self.scratch / COPY_NAME
        with self.record.timed("reencoding"):
            write_copy(self.task.video, target, self.scan, threads=cpu_count())
        return target

    def _make_job(self, video: Path, path: str) -> Job:
        task, scan, results = self.task, self.scan, self.scratch / RESULTS
        # A folder of its own: DeepLabCut takes any earlier file in it for "already analyzed"
        shutil.rmtree(results, ignore_errors=True)
        results.mkdir()
        job = Job(
            path=path,
            model=task.model.hash,
            config=str(self.config),
            video=str(video),
            folder=str(results),
            stem=PurePosixPath(task.row.video).stem,
            columns=[list(column) for column in task.columns],
            scan=scan,
            multianimal=task.model.multianimal,
            shuffle=task.model.shuffle,
            trainset_index=task.model.trainset_index,
            device=self.device,
            batch_size=task.settings.batch_size or task.model.batch_size,
            crop=list(task.crop) if task.crop else None,
            csv=task.settings.csv,
            top_down=task.model.top_down,
            conditional=task.model.conditions is not None,
            tracking=task.settings.tracking,
            trusted=task.trusted,
            backend=self._backend(),
            cache=str(task.settings.out / NETWORKS_FOLDER),
        )
        if path != "own":
            return job
        return checkpoint_folder.with_checkpoints(job, task.folder, task.fingerprint, self.request.checkpoint_s)

    def _backend(self) -> str:
        wanted = self.request.backend
        if self.device == "cpu":
            return wanted
        if wanted == "openvino":
            raise UsageError("OpenVINO computes on CPUs; this is a GPU", "leave --backend out, or add --device cpu")
        return "engine"

    def _run_job(self, video: Path, path: str = "stock") -> Answer:
        """Run a job, and show its progress and messages."""
        display = RowDisplay(self.task.name, self.scan.decoded, reports_start=path == "own", tell=self.tell)
        with self.record.timed("analysis"):
            try:
                answer = self.worker.run(self._make_job(video, path), display.show)
                display.finish()
                return answer
            finally:
                display.close()

    def _take(self, done: Done, path: str) -> list[Path]:
        record = self.record
        record.path, record.scorer, record.columns, record.remark = path, done.scorer, done.columns, done.remark
        reused = tuple(ReusedPart(**asdict(checkpoint)) for checkpoint in done.checkpoints)
        record.device = replace(done.device, backend=done.backend, parts=reused)
        record.batch_size = done.batch_size
        if done.why_engine:
            print_lines([f"{self.task.name}: computed by {done.backend} itself, because {done.why_engine}"])
        for phase, seconds in {**done.timings_s, "verification": done.verification_s}.items():
            record.add_time(phase, seconds)
            record.add_time("analysis", -seconds)
        return [self.scratch / RESULTS / name for name in done.files]


def _show_tail(worker: Worker) -> None:
    for line in list(worker.tail)[-SHOWN_LINES:]:
        warn(f"  deeplabcut: {line}")


def _check_not_full(scratch: Path) -> None:
    """Recognise a full disk by the disk itself, since libraries report it in many ways."""
    try:
        disk.check_space(scratch, 1 << 16)
    except OutputError as full:
        raise OutputError(f"the scratch folder's disk is full: {full.message}", full.hint) from full


SKELETON = "project"


def make_skeleton(model: ModelInfo, scratch: Path, tracker: str = "", *, trusted: bool = False) -> Path:
    """Make the inference project of a model below `scratch` and return its config.yaml; raises `ModelError`."""
    return inference_project.make_inference_project(model, scratch / SKELETON, tracker=tracker, trusted=trusted)
