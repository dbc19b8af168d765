"""The PyTorch engine: stock `analyze_videos` for every kind of model, and networks for our own loop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dlcctr.errors import GpuError
from dlcctr.results.sections import DeviceUsed
from entrypoint.engines.base import TF32_SINCE, EngineFacts, tracking_options
from entrypoint.engines.ellipse_tracker import mend
from entrypoint.engines.pytorch import weights
from entrypoint.protocol import Job

if TYPE_CHECKING:
    from entrypoint.engines.base import Network


def load(threads: int) -> EngineFacts:
    """Import DeepLabCut with its PyTorch engine."""
    import torch

    from entrypoint.engines.torchvision_ops import declare_missing

    torch.set_num_threads(threads)
    if declare_missing():
        from entrypoint.engines.torchvision_ops import supply_operators

        supply_operators()
    import cv2
    import deeplabcut.pose_estimation_pytorch  # noqa: F401

    from entrypoint.engines.pytorch.no_downloads import fetch_no_weights

    fetch_no_weights()

    cv2.setNumThreads(threads)
    return EngineFacts(bool(torch.cuda.is_available()), str(torch.version.cuda or ""), _cudnn(), (mend(),))


def _cudnn() -> str:
    import torch

    return str(torch.backends.cudnn.version() or "")


def analyze(job: Job) -> str:
    """Analyse one video with every choice made explicitly, so that nothing falls back in silence."""
    import deeplabcut
    from deeplabcut.core.engine import Engine

    with weights.reading(job):
        scorer = deeplabcut.analyze_videos(
            job.config,
            [job.video],
            shuffle=job.shuffle,
            trainingsetindex=job.trainset_index,
            save_as_csv=job.csv,
            in_random_order=False,
            destfolder=job.folder,
            batch_size=job.batch_size,
            cropping=job.crop,
            engine=Engine.PYTORCH,
            device="cuda:0" if job.device == "cuda" else "cpu",
            **tracking_options(job),
            inference_cfg=_one_after_the_other(job) if job.top_down else None,
        )
    return str(scorer)


def _one_after_the_other(job: Job) -> Any:
    """The model's own inference settings, but without the thread that prepares pictures ahead.

    With it, frames in which the detector finds nothing shift the others' positions, and the last ones of them have no
    row (DeepLabCut#3485): it adds to lists that the other thread takes from, and empties them only after a batch.
    """
    from deeplabcut.pose_estimation_pytorch.data import DLCLoader

    loader = DLCLoader(job.config, trainset_index=job.trainset_index, shuffle=job.shuffle)
    inference = loader.model_cfg.inference
    inference.multithreading.enabled = False
    return inference


def open_network(job: Job) -> Network:
    """Network of a job for our own loop."""
    from entrypoint.engines.pytorch import network as pytorch

    with weights.reading(job):
        return pytorch.open_network(job)


def device_used(job: Job) -> DeviceUsed:
    """CPU or GPU; a GPU must have held the network's memory."""
    import torch

    if job.device != "cuda":
        return DeviceUsed("cpu", threads=int(torch.get_num_threads()))
    peak = torch.cuda.max_memory_allocated(0)
    if peak == 0:
        raise GpuError("PyTorch did not place the network on the GPU", "run `dlc doctor` on this machine")
    tf32 = bool(torch.backends.cudnn.allow_tf32) and torch.cuda.get_device_capability(0) >= TF32_SINCE
    name = str(torch.cuda.get_device_name(0))
    return DeviceUsed("cuda", name=name, peak_memory_bytes=int(peak), tf32=tf32)
