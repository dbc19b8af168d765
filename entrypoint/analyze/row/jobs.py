"""From a row to the jobs of its worker: DeepLabCut's project, the video's plain name, all that decides a result."""

from __future__ import annotations

import contextlib
import re
import shutil
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from dlcctr.contract import NETWORKS_FOLDER
from dlcctr.errors import DlcctrError, UsageError
from dlcctr.model import inference_project
from dlcctr.model.inspection import ModelInfo
from dlcctr.system import disk
from entrypoint.analyze import checkpoint_folder
from entrypoint.analyze.row.task import RowTask
from entrypoint.analyze.row.times import RowTimes
from entrypoint.protocol import Job
from entrypoint.video.decoding.decoders import CPU, NVDEC

if TYPE_CHECKING:
    from entrypoint.analyze.request import RowRequest
    from entrypoint.video.frame_scan import FrameScan

RESULTS, SKELETON = "results", "project"
BESIDE = "beside-"
"""Folders below a row's scratch folder for the rows beside it."""
SPARE_BYTES = 5_000_000
GPU_BATCH, GPU_BATCH_PX, MOST_GPU_BATCH = 32, 640 * 480, 128
"""Frames in a batch on a GPU for pictures of this many px, and the most for smaller ones; not measured on one yet."""
PLAIN_ENDING = re.compile(r"\.[A-Za-z0-9]{1,8}")


def make_skeleton(model: ModelInfo, scratch: Path, tracker: str = "", *, trusted: bool = False) -> Path:
    """Make the inference project of a model below `scratch` and return its config.yaml; raises `ModelError`."""
    return inference_project.make_inference_project(model, scratch / SKELETON, tracker=tracker, trusted=trusted)


@dataclass
class RowJobs:
    """Makes the jobs of a row, and those of the rows beside it.

    Parameters
    ----------
    announced : int
        Frames that the video has, as far as is known before it is decoded; 0 where not.
    config : Path
        The inference project's.
    device : str
        ``cpu`` or ``cuda``.
    scratch : Path
        The row's private folder.
    times : RowTimes
        Times of the row's frames.
    """

    task: RowTask
    request: RowRequest
    announced: int
    config: Path
    device: str
    scratch: Path
    times: RowTimes

    def link(self) -> Path:
        """Give the video a plain name: DeepLabCut leaves out ``*_labeled.*`` and cuts names at ``.h5``."""
        video = self.task.video
        link = self.scratch / f"video{video.suffix if PLAIN_ENDING.fullmatch(video.suffix) else ''}"
        link.unlink(missing_ok=True)
        link.symlink_to(video.absolute())
        return link

    def make(self, video: Path, path: str, scan: FrameScan | None) -> Job:
        """Make a job with an empty folder for its results.

        Parameters
        ----------
        video : Path
            As DeepLabCut gets it.
        path : str
            ``own`` or ``stock``.
        scan : FrameScan or None
            What is known of the video; None for our loop where its own pass is to find it.
        """
        task, results = self.task, self.scratch / RESULTS
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
            announced=scan.decoded if scan else self.announced,
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
            precision=task.settings.precision,
            decoder=self._decoder(),
            gpu_batch_size=self._gpu_batch_size(),
            cache=str(task.settings.out / NETWORKS_FOLDER),
            times=self.times.prepare(scan),
            prior=self._prior(),
            original="" if path == "own" else str(task.video.absolute()),
        )
        if path != "own":
            return job
        return checkpoint_folder.with_checkpoints(job, task.folder, task.fingerprint, self.request.checkpoint_s)

    def beside(self) -> list[Job]:
        """Jobs of the rows beside, each as it will be when its turn comes, so that its checkpoints fit."""
        jobs: list[Job] = []
        for number, task in enumerate(self.task.beside):
            with contextlib.suppress(DlcctrError):  # said when its turn comes
                jobs.append(self._job_beside(number, task))
        return jobs

    def _job_beside(self, number: int, task: RowTask) -> Job:
        disk.check_writable(task.folder, SPARE_BYTES)
        scratch = self.scratch / f"{BESIDE}{number}"
        scratch.mkdir()
        config = make_skeleton(task.model, scratch, task.settings.tracking.tracker, trusted=task.trusted)
        jobs = replace(self, task=task, config=config, scratch=scratch, times=RowTimes.of(task, scratch))
        return jobs.make(jobs.link(), "own", None)

    def _gpu_batch_size(self) -> int:
        """Batch size for a GPU: small pictures need large batches to keep it busy, large ones fill its memory."""
        row = self.task.row
        if self.device != "cuda" or self.task.settings.batch_size is not None:
            return 0
        pixels = (row.width or 0) * (row.height or 0) or GPU_BATCH_PX
        fitting = GPU_BATCH * GPU_BATCH_PX // pixels
        return max(min(fitting, MOST_GPU_BATCH), self.task.model.batch_size or 1)

    def _backend(self) -> str:
        wanted = self.request.backend
        if self.device == "cpu":
            return wanted
        if wanted == "openvino":
            raise UsageError("OpenVINO computes on CPUs; this is a GPU", "leave --backend out, or add --device cpu")
        return "engine"

    def _prior(self) -> str:
        from dlcctr.quality.priors.known_prior import known_prior

        model = self.task.model
        return known_prior(model.project, model.id, tuple(model.bodyparts), self.task.settings.out)

    def _decoder(self) -> str:
        if self.request.decode != NVDEC:
            return CPU
        if self.device == "cpu":
            raise UsageError("NVDEC is a GPU's video engine; this row runs on the CPU", "leave --decode out")
        return NVDEC
