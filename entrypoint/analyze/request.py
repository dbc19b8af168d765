"""What `analyze` has to do, from options and the environment variables of an array task."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from dlcctr.contract import ENV_PREFIX
from dlcctr.errors import UsageError
from dlcctr.system.values.numbers import parse_whole
from entrypoint.video.decoding.decoders import AUTO, DECODERS, NVDEC

CHECKPOINT_EVERY_S = 60.0
SHOWN_CHARS = 60


@dataclass(frozen=True)
class RowRequest:
    """Options of the command line; None (or empty) leaves it to the manifest's row and campaign.toml.

    Parameters
    ----------
    index : int
        Zero-based row of the manifest.
    crop : tuple of int or None
        ``(x1, x2, y1, y2)`` in px, origin at the top left.
    device : str
        ``auto`` (a GPU; the CPU only with `allow_cpu`), ``cpu`` or ``cuda``.
    path : str
        ``own`` (our loop), ``stock`` (DeepLabCut's `analyze_videos`) or ``auto``: ours where it covers the model.
    backend : str
        Backend of our loop's network: ``engine``, ``openvino``, or ``auto``: OpenVINO on a CPU where it gives
        the engine's positions.
    checkpoint_s : float
        Seconds between two checkpoints of our loop.
    trust_model : bool
        Code in a project's snapshots may run if the project asks for it.
    precision : str or None
        ``float32``, ``fp16`` or ``bf16``.
    decode : str
        ``auto`` or ``cpu`` (FFmpeg's decoders), or ``nvdec`` (the GPU's video engine, where our loop takes the row).
    steps : bool
        Also do the campaign's steps that are due.
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
    path: str = "auto"
    backend: str = "auto"
    checkpoint_s: float = CHECKPOINT_EVERY_S
    trust_model: bool = False
    precision: str | None = None
    decode: str = AUTO
    steps: bool = True


INDEX_VARIABLE = f"{ENV_PREFIX}INDEX"
OFFSET_VARIABLE = f"{ENV_PREFIX}INDEX_OFFSET"
TASK_NUMBER_VARIABLE = f"{ENV_PREFIX}TASK"
TASK_VARIABLE = "SLURM_ARRAY_TASK_ID"
DEVICES = ("auto", "cpu", "cuda")
PATHS = ("auto", "own", "stock")
BACKENDS = ("auto", "openvino", "engine")


def find_index(option: int | None) -> int:
    """Row to analyse: --index, DLCCTR_INDEX, or Slurm's array task plus DLCCTR_INDEX_OFFSET.

    Raises
    ------
    UsageError
        None of them is set, or one is not a whole number of 0 or more.
    """
    return _number(option, "--index", INDEX_VARIABLE, "row")


def find_task(option: int | None) -> int:
    """Task of the plan: --task, DLCCTR_TASK, or Slurm's array task plus DLCCTR_INDEX_OFFSET; raises as `find_index`."""
    return _number(option, "--task", TASK_NUMBER_VARIABLE, "task")


def _number(option: int | None, name: str, variable: str, what: str) -> int:
    if option is not None:
        return _whole(name, str(option), what)
    if os.environ.get(variable):
        return _whole(variable, os.environ[variable], what)
    if os.environ.get(TASK_VARIABLE):
        offset = os.environ.get(OFFSET_VARIABLE) or "0"
        return _whole(TASK_VARIABLE, os.environ[TASK_VARIABLE], what) + _whole(OFFSET_VARIABLE, offset, what)
    raise UsageError(
        f"no {what} to analyse: neither {name} nor {variable} nor {TASK_VARIABLE} is set",
        f"give {name} N (the first {what} is 0); with --cleanenv, pass the array's index into the container: "
        f"export APPTAINERENV_{variable}=${TASK_VARIABLE} SINGULARITYENV_{variable}=${TASK_VARIABLE}",
    )


def _whole(source: str, text: str, what: str) -> int:
    number = parse_whole(text.strip())
    if number is None:
        raise UsageError(
            f"{source} is {text[:SHOWN_CHARS]!r}; it must be a whole number of 0 or more", f"the first {what} is 0"
        )
    return number


def parse_device(text: str) -> str:
    """One of `DEVICES`; anything else is a `UsageError`."""
    if text not in DEVICES:
        raise UsageError(
            f"--device is {text!r}; it must be one of {', '.join(DEVICES)}",
            "choose among several GPUs with CUDA_VISIBLE_DEVICES",
        )
    return text


def parse_path(text: str) -> str:
    """One of `PATHS`; anything else is a `UsageError`."""
    if text not in PATHS:
        raise UsageError(
            f"--path is {text!r}; it must be one of {', '.join(PATHS)}", "leave it out: auto fits every model"
        )
    return text


def parse_backend(text: str, path: str) -> str:
    """One of `BACKENDS` that fits the path; anything else is a `UsageError`."""
    if text not in BACKENDS:
        raise UsageError(
            f"--backend is {text!r}; it must be one of {', '.join(BACKENDS)}", "leave it out: auto fits every machine"
        )
    if text == "openvino" and path == "stock":
        raise UsageError("stock DeepLabCut runs without OpenVINO", "leave --backend or --path out")
    return text


def parse_decode(text: str, path: str) -> str:
    """One of `DECODERS` that fits the path; anything else is a `UsageError`."""
    if text not in DECODERS:
        raise UsageError(
            f"--decode is {text!r}; it must be one of {', '.join(DECODERS)}", "leave it out: auto fits every machine"
        )
    if text == NVDEC and path == "stock":
        raise UsageError("stock DeepLabCut decodes on the CPU", "leave --decode or --path out")
    return text


@dataclass(frozen=True)
class TaskRequest:
    """A task of a plan.

    Parameters
    ----------
    number : int
        Zero-based task of the plan.
    row : RowRequest
        Options for each of its rows; its index means nothing.
    claims : Path or None
        Folder in which the GPUs of one task share out its rows (see `entrypoint.analyze.multi_gpu`); None where
        there is one GPU or none.
    """

    plan: Path
    number: int
    row: RowRequest
    claims: Path | None = None
