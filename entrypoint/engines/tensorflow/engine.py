"""The TensorFlow engine: stock `analyze_videos`, single- and multi-animal, and networks for our own loop."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from dlcctr.errors import GpuError
from dlcctr.results.sections import DeviceUsed
from entrypoint.engines.base import TF32_SINCE, EngineFacts, tracking_options
from entrypoint.engines.ellipse_tracker import mend
from entrypoint.protocol import Job

if TYPE_CHECKING:
    from entrypoint.engines.base import Network

MIN_NETWORK_BYTES = 1 << 20


def load(threads: int) -> EngineFacts:
    """Import DeepLabCut with its TensorFlow engine (it imports torch as well)."""
    import tensorflow as tf

    from entrypoint.engines.torchvision_ops import declare_missing

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    declare_missing()
    import cv2
    import deeplabcut.pose_estimation_tensorflow  # noqa: F401

    cv2.setNumThreads(threads)
    build = tf.sysconfig.get_build_info()
    gpus = tf.config.list_physical_devices("GPU")
    return EngineFacts(bool(gpus), str(build.get("cuda_version", "")), str(build.get("cudnn_version", "")), (mend(),))


def analyze(job: Job) -> str:
    """Analyse one video with every choice made explicitly, so that nothing falls back in silence."""
    import deeplabcut
    from deeplabcut.core.engine import Engine

    return str(
        deeplabcut.analyze_videos(
            job.config,
            [job.video],
            shuffle=job.shuffle,
            trainingsetindex=job.trainset_index,
            # An index counts visible devices: the supervisor masks all but one. None would fall to the CPU in silence.
            gputouse=0 if job.device == "cuda" else None,
            allow_growth=True,
            # The default moves GPU runs to the CPU where OpenVINO is installed.
            use_openvino=False,
            save_as_csv=job.csv,
            in_random_order=False,
            destfolder=job.folder,
            batch_size=job.batch_size,
            cropping=job.crop,
            engine=Engine.TF,
            **tracking_options(job),
        )
    )


def open_network(job: Job) -> Network:
    """Network of a job for our own loop."""
    from entrypoint.engines.tensorflow import network as tensorflow

    return tensorflow.open_network(job)


def device_used(job: Job) -> DeviceUsed:
    """CPU or GPU; a GPU must have held the network's memory."""
    import tensorflow as tf

    if job.device != "cuda":
        return DeviceUsed("cpu", threads=int(tf.config.threading.get_intra_op_parallelism_threads()))
    peak: int | None = None
    # Where it is not measured, DeepLabCut itself made sure that device 0 is there
    with contextlib.suppress(RuntimeError, ValueError, KeyError):
        peak = int(tf.config.experimental.get_memory_info("GPU:0")["peak"])
    if peak is not None and peak < MIN_NETWORK_BYTES:
        raise GpuError("TensorFlow did not place the network on the GPU", "run `dlc doctor` on this machine")
    physical = tf.config.list_physical_devices("GPU")[0]
    details = tf.config.experimental.get_device_details(physical)
    allowed = bool(tf.config.experimental.tensor_float_32_execution_enabled())
    tf32 = allowed and tuple(details.get("compute_capability", (0, 0))) >= TF32_SINCE
    return DeviceUsed("cuda", name=str(details.get("device_name", "")), peak_memory_bytes=peak, tf32=tf32)
