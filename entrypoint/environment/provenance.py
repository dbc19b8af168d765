"""Facts for a receipt about a result's origin: host, scheduler, image, engine."""

from __future__ import annotations

import importlib.util
import os
import socket
from datetime import datetime, timezone

from dlcctr.errors import ModelError, ToolMissingError
from dlcctr.model.engines import ENGINES, installed_engine
from dlcctr.results.sections import ImageUsed
from dlcctr.system.values.records import from_table
from entrypoint.environment.image_info import read_image_info

SCHEDULER_VARIABLES = (
    "SLURM_JOB_ID", "SLURM_ARRAY_JOB_ID", "SLURM_ARRAY_TASK_ID", "SLURM_RESTART_COUNT", "SLURM_JOB_PARTITION",
    "SLURM_CLUSTER_NAME", "SLURM_NODELIST", "SLURM_JOB_ACCOUNT", "SLURM_JOB_GPUS", "CUDA_VISIBLE_DEVICES",
    "DLCCTR_SCHEDULER", "DLCCTR_JOB", "DLCCTR_JOB_TASK",
)  # fmt: skip


def now() -> str:
    """Time in UTC, to the second, as receipts hold it."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def host_name() -> str:
    """Name of the machine; of the Slurm node where a container hides it."""
    return os.environ.get("SLURMD_NODENAME") or socket.gethostname()


def scheduler_ids() -> dict[str, str]:
    """The scheduler's ids of this task, by Slurm's own variables or our script's, and the GPUs that it was given."""
    return {name: os.environ[name] for name in SCHEDULER_VARIABLES if os.environ.get(name)}


def image_used() -> ImageUsed:
    """What the image reports about itself, and its digest where whoever started it passed that in; empty outside."""
    digest = os.environ.get("DLCCTR_IMAGE_DIGEST") or None
    return from_table(ImageUsed, {**read_image_info().as_dict(), "digest": digest})


def own_engine() -> str:
    """Engine of this image; outside one, TensorFlow where it is installed (it brings torch along), else PyTorch.

    Raises
    ------
    ToolMissingError
        DeepLabCut is not installed here.
    """
    engine = read_image_info().engine
    if engine in ENGINES:
        return engine
    if importlib.util.find_spec("deeplabcut") is None:
        raise ToolMissingError(
            "DeepLabCut is not installed here",
            "run this in an image (docs/image.md), or install DeepLabCut here: dlcctr run MANIFEST --runtime native",
        )
    return installed_engine()


def check_engine(wanted: str, project: object) -> None:
    """Refuse a project of the other engine.

    Raises
    ------
    ModelError
        The message names the image to use.
    """
    mine = own_engine()
    if mine != wanted:
        raise ModelError(
            f"{project}: this project was trained with the {wanted} engine, and this "
            f"{'image' if read_image_info().engine else 'environment'} has the {mine} engine",
            f"use {_image_for(wanted)}",
        )


def _image_for(engine: str) -> str:
    """Tag of the image of an engine, for the same kind of device as this one."""
    from dlcctr.errors import UsageError
    from dlcctr.image.flavours import list_flavours, pick_flavour, read_pins

    device = "cpu" if read_image_info().flavour.endswith("-cpu") else "cuda"
    try:
        return f"the image {pick_flavour(list_flavours(), read_pins(), engine, device).tag}"
    except UsageError:
        return f"the dlcctr image of the {engine} engine"
