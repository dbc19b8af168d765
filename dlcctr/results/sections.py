"""The sections of a receipt: what a row was analysed from, by what, and what came out.

A section of a failed attempt says only what was known by then. Keys that this version does not know are ignored in the
sections that describe the run; the lists that prove the result, files and frames, may hold no such keys.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from dlcctr.campaign.precision import FLOAT32
from dlcctr.campaign.rows import Crop
from dlcctr.campaign.tracking import PROJECTS_OWN, Tracking
from dlcctr.contract import PRIVATE_PREFIX, RECEIPT_FILENAME
from dlcctr.model.origin import Origin
from dlcctr.system.files import sha256_file
from dlcctr.system.values.names import check_name
from dlcctr.system.values.records import OMIT, Open

SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class OutputFile:
    """One file of a result: its name, size and hash.

    Parameters
    ----------
    name : str
        Name inside the row's folder.
    bytes : int
        Size in bytes.
    sha256 : str
        Hash of the content, as 64 hexadecimal digits.

    Raises
    ------
    ValueError
        The name cannot be that of a file in the row's folder, or is the receipt's; size or hash is impossible.
    """

    name: str
    bytes: int
    sha256: str

    def __post_init__(self) -> None:
        check_name(self.name, "a file of a results folder")
        if self.name == RECEIPT_FILENAME or self.name.startswith(PRIVATE_PREFIX):
            raise ValueError(f"{self.name!r} cannot be a file of a result: the name is dlcctr's own")
        if self.bytes < 0 or not SHA256.fullmatch(self.sha256):
            raise ValueError(f"{self.name!r} cannot have {self.bytes} bytes and the sha256 {self.sha256[:64]!r}")

    @classmethod
    def of(cls, path: Path) -> OutputFile:
        """Describe a file in a row's folder."""
        return cls(name=path.name, bytes=path.stat().st_size, sha256=sha256_file(path))


@dataclass(frozen=True)
class FrameCounts:
    """Numbers of frames of a video.

    Parameters
    ----------
    header : int
        Frames that the container's header claims.
    stream : int
        Frames that should be there.
    decoded : int
        Frames that decoded.
    missing : tuple of (first, stop)
        Half-open ranges of stream frame numbers that did not decode.
    """

    header: int
    stream: int
    decoded: int
    missing: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class AnalysedRow(Open):
    """The manifest's row as it was when it was analysed; None or empty where the receipt does not say it.

    Parameters
    ----------
    index : int or None
        Zero-based index of the row.
    video : str
        POSIX path of the video below the campaign's video root.
    fingerprint : str
        Fingerprint of the video's content, see `dlcctr.campaign.videos.fingerprint`.
    bytes : int or None
        Size of the video in bytes.
    """

    index: int | None = None
    video: str = ""
    fingerprint: str = ""
    bytes: int | None = None


@dataclass(frozen=True)
class Columns(Open):
    """Rows and columns of the .h5.

    Parameters
    ----------
    rows : int or None
        Number of rows; None for a failed attempt.
    names : tuple of tuple of str
        Column levels without the scorer: (individual,) body part, coordinate.

    Raises
    ------
    ValueError
        A column has no levels.
    """

    rows: int | None = field(default=None, metadata=OMIT)
    names: tuple[tuple[str, ...], ...] = field(default=(), metadata=OMIT)

    def __post_init__(self) -> None:
        if not all(self.names):
            raise ValueError("a column without a name")


@dataclass(frozen=True)
class ModelUsed(Open):
    """The model of a result.

    Parameters
    ----------
    id : str
        Name of the model in the results' path.
    hash : str
        Hash of what decides its results, in hexadecimal digits.
    engine : str
        ``tensorflow`` or ``pytorch``.
    scorer : str
        First column level of the .h5, as DeepLabCut names it; empty for a failed attempt.
    snapshot, detector_snapshot : str
        Names of the snapshots; the latter is empty without a detector.
    conditions : str
        Folder and snapshot of the bottom-up model that a conditional top-down model began with; empty for others.
    bodyparts, individuals, unique_bodyparts : tuple of str
        Names in the model's order; no individuals in single-animal projects.
    trusted : bool
        Code in the snapshot could run: the project's files asked for it, and ``--trust-model`` was given.
    origin : Origin or None
        Who published the weights, their hashes and their licence; None where their own people trained them.
    """

    id: str = ""
    hash: str = ""
    engine: str = ""
    scorer: str = ""
    snapshot: str = ""
    detector_snapshot: str = ""
    bodyparts: tuple[str, ...] = ()
    individuals: tuple[str, ...] = ()
    unique_bodyparts: tuple[str, ...] = ()
    trusted: bool = field(default=False, metadata=OMIT)
    conditions: str = field(default="", metadata=OMIT)
    origin: Origin | None = field(default=None, metadata=OMIT)


@dataclass(frozen=True)
class Parameters(Open):
    """Parameters of an analysis; None where the receipt does not say it.

    Parameters
    ----------
    shuffle, trainset_index : int or None
        Numbers of the shuffle and of the training fraction, as in DeepLabCut's config.yaml.
    crop : tuple of int or None
        ``(x1, x2, y1, y2)`` in px, origin at the top left; None for the whole picture.
    csv : bool or None
        Whether a .csv was asked for.
    batch_size : int or None
        Frames per network call in the end.
    tracking : Tracking
        What DeepLabCut was told about the animals, if it differs from the project.
    precision : str
        In which the network computed: ``float32``, ``fp16`` or ``bf16``.
    """

    shuffle: int | None = None
    trainset_index: int | None = None
    crop: Crop | None = None
    csv: bool | None = None
    batch_size: int | None = None
    tracking: Tracking = field(default=PROJECTS_OWN, metadata=OMIT)
    precision: str = field(default=FLOAT32, metadata=OMIT)


@dataclass(frozen=True)
class ReusedPart(Open):
    """Decoded frames ``[first, stop)`` that an earlier attempt at the row had finished.

    Parameters
    ----------
    batch_size : int or None
        Frames per network call of that attempt.
    device : str
        ``cpu`` or ``cuda``.
    backend : str
        Name and version of what computed the network.
    """

    first: int
    stop: int
    batch_size: int | None = field(default=None, metadata=OMIT)
    device: str = field(default="", metadata=OMIT)
    backend: str = field(default="", metadata=OMIT)


@dataclass(frozen=True)
class FromFloat32(Open):
    """Largest differences on a video's first frames: of positions in px, and of likelihoods."""

    frames: int
    px: float
    likelihood: float


@dataclass(frozen=True)
class DeviceUsed(Open):
    """Device that the network ran on.

    Parameters
    ----------
    type : str
        ``cpu`` or ``cuda``; empty for a failed attempt.
    threads : int or None
        Threads of the engine; None on a GPU.
    name : str or None
        Name of the GPU; None on a CPU.
    peak_memory_bytes : int or None
        GPU memory that the engine held at its peak, in bytes: None where it does not measure that, 0 on a CPU.
    backend : str
        Name and version of what computed the network in our own loop; empty for stock DeepLabCut.
    parts : tuple of ReusedPart
        Frames that earlier attempts had finished.
    tf32 : bool or None
        Whether convolutions in float32 were rounded to TF32, as GPUs since compute capability 8.0 do unless they are
        told not to; None on a CPU.
    from_float32 : FromFloat32 or None
        How far positions were from those in float32, if another precision was asked for.
    decoder : str
        ``nvdec`` where the GPU's video engine decoded the video; empty where the CPU did.
    """

    type: str = field(default="", metadata=OMIT)
    threads: int | None = field(default=None, metadata=OMIT)
    name: str | None = field(default=None, metadata=OMIT)
    peak_memory_bytes: int | None = field(default=0, metadata=OMIT)
    backend: str = field(default="", metadata=OMIT)
    parts: tuple[ReusedPart, ...] = field(default=(), metadata=OMIT)
    tf32: bool | None = field(default=None, metadata=OMIT)
    from_float32: FromFloat32 | None = field(default=None, metadata=OMIT)
    decoder: str = field(default="", metadata=OMIT)

    @property
    def on_gpu(self) -> bool:
        """Whether a GPU did the work."""
        return self.type == "cuda"


@dataclass(frozen=True)
class ImageUsed(Open):
    """The image's own facts; None for what is not known, as outside an image.

    Parameters
    ----------
    name, version, revision, flavour : str or None
        Tag, dlcctr's version, commit and flavour (``pytorch-cu126``) of the image.
    engine : str or None
        ``tensorflow`` or ``pytorch``.
    versions : dict or None
        Distribution name to version.
    cuda, min_driver : str or None
        CUDA version of the build and the oldest driver for it; empty for a CPU flavour.
    gpu_archs : tuple of str or None
        GPU architectures that the engine's wheel holds code for.
    base_digest, digest : str or None
        Digests of the base image and of the image itself.
    """

    name: str | None = field(default=None, metadata=OMIT)
    version: str | None = field(default=None, metadata=OMIT)
    revision: str | None = field(default=None, metadata=OMIT)
    flavour: str | None = field(default=None, metadata=OMIT)
    engine: str | None = field(default=None, metadata=OMIT)
    versions: dict[str, str] | None = field(default=None, metadata=OMIT)
    cuda: str | None = field(default=None, metadata=OMIT)
    min_driver: str | None = field(default=None, metadata=OMIT)
    gpu_archs: tuple[str, ...] | None = field(default=None, metadata=OMIT)
    base_digest: str | None = field(default=None, metadata=OMIT)
    digest: str | None = field(default=None, metadata=OMIT)
