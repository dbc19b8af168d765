"""The contract between the host side, the image and the files on disk.

Standard library only: this module is imported by everything, on old login nodes as well as inside the image.
Raise `CONTRACT_VERSION` whenever a column, a receipt field, a file name or an exit code changes its meaning.
"""

from __future__ import annotations

from enum import Enum, IntEnum
from pathlib import Path, PurePosixPath

CONTRACT_VERSION = 2
"""Version that is written. 2 brought the times of the frames; see docs/results.md."""
READABLE_CONTRACTS = (1, 2)
"""Versions of files that are read. What an older one did not write is empty; nothing in it has changed its meaning."""

CAMPAIGN_FILENAME = "campaign.toml"
SIF_NAME = "dlc.sif"
RECEIPT_FILENAME = "receipt.json"
FRAME_TIMES_FILENAME = "frame-times.csv.gz"
"""File in a row's folder with the time of every frame; see `dlcctr.results.times.frame_times`."""
STEPS_FOLDER = "steps"
"""Folder in a row's folder with the results of steps after the analysis, each in a folder of its own."""
FAILURE_SUFFIX = ".failed.json"
PRIVATE_PREFIX = ".dlcctr-"
"""Prefix of every hidden file or folder that dlcctr makes below the results' root."""
ATTEMPT_PREFIX = f"{PRIVATE_PREFIX}attempt-"
"""Prefix of private folders of running (or killed) attempts, beside the row's folder so that a rename commits them."""
REPLACED_PREFIX = f"{PRIVATE_PREFIX}replaced-"
"""Prefix of private folders, beside the row's folder, that hold the old one while a new one takes its place."""
CHECKPOINTS_PREFIX = f"{PRIVATE_PREFIX}parts-"
"""Prefix of folders of checkpoints, beside the row's folder, from attempts that did not finish."""
NETWORKS_FOLDER = f"{PRIVATE_PREFIX}networks"
"""Folder below the results' root for networks in OpenVINO's form, for all tasks on CPUs. May be removed at any time."""
OPENVINO_FOLDER = "dlcctr_openvino"
"""Folder below site-packages in CPU environments that holds OpenVINO, where an import does not find it."""
SCRATCH_PREFIX = "dlcctr-scratch-"
ROW_REPORT = "progress.json"
"""File in the scratch folder of a running `analyze` that says how far it is. Only displays depend on it."""
FIXES_KEY = "deeplabcut-fixes"
"""Key in a receipt's `software`: faults of DeepLabCut that were fixed while the row was analysed."""
ELLIPSE_FIX = "#3493"
"""Its ellipse tracker gives poses to the wrong animal (the number is DeepLabCut's own issue)."""
RESULT_BYTES_PER_VALUE = 60
"""Most bytes per value in the .h5, the .csv and the pickles together, for checks of free space."""
ENV_PREFIX = "DLCCTR_"
"""Every option of `analyze` can also be set as DLCCTR_<OPTION>, for example DLCCTR_BATCH_SIZE=4."""
CALLED_BY_HOST = "CALLED_BY_DLCCTR"
"""Variable by which dlcctr on the host says that it started the image's program: advice is then the host's."""

LABEL_PREFIX = "org.dlcctr."
"""Image labels: contract, engine, engine-version, deeplabcut, cuda, min-driver, gpu-archs, flavour, sbom."""
SBOM_FILE = "/opt/dlc/sbom.cdx.json"
"""Path in every image of its bill of materials (CycloneDX, JSON)."""
IMAGE_UID = 65532
"""Default user id in a container of the image; it belongs to nobody."""

PROBE_COLUMNS = (
    "index",
    "video",
    "frames",
    "fps",
    "width",
    "height",
    "codec",
    "duration_s",
    "bytes",
    "fingerprint",
    "error",
)
OVERRIDE_COLUMNS = ("model", "shuffle", "snapshot", "crop")
MANIFEST_COLUMNS = PROBE_COLUMNS + OVERRIDE_COLUMNS
CAMERA_COLUMN = "camera"
"""Column with a word for a row's camera, whose videos are compared with each other; a manifest has it only if used."""
TIMES_COLUMN = "times"
"""Column with a row's file of hardware times; a manifest has it only if some row uses it."""
TRACKING_COLUMNS = ("individuals", "n_tracks", "tracker", "identity")
"""Columns of multi-animal campaigns; a manifest has them only if some row uses them."""

VIDEO_EXTENSIONS = (
    ".mp4", ".avi", ".mov", ".mkv", ".mpg", ".mpeg", ".m4v", ".wmv", ".webm", ".ts", ".mts", ".flv",
    ".h264", ".264", ".h265", ".265", ".hevc", ".mjpg", ".mjpeg",
)  # fmt: skip
"""Endings that a folder walk takes for videos. A file named explicitly is probed whatever its ending."""


class ExitCode(IntEnum):
    """Stable exit codes; never 125 or more, which shells, Docker and schedulers use for themselves."""

    OK = 0
    BUG = 1
    USAGE = 2
    MANIFEST = 3
    VIDEO = 4
    MODEL = 5
    GPU = 6
    ANALYSIS = 7
    OUTPUT = 8
    TOOL_MISSING = 10
    COMMAND_FAILED = 11
    CONTRACT = 12
    UNFINISHED = 20
    TRY_AGAIN = 75


class RowState(str, Enum):
    """State of a row in its receipt."""

    OK = "ok"
    DEGRADED = "degraded"
    FAILED = "failed"
    QUARANTINED = "quarantined"


def row_folder(out_root: Path, model_id: str, video: str) -> Path:
    """Folder of one row's results: ``<out>/<model-id>/<video's relative path>/``.

    The video's whole relative path, ending included, is the folder's name, so that equal names never collide and
    a new model never hides behind old results.
    """
    return out_root / model_id / PurePosixPath(video)


def failure_file(out_root: Path, model_id: str, video: str) -> Path:
    """File that says why a row failed, beside the row's folder, which exists only once a result is whole."""
    folder = row_folder(out_root, model_id, video)
    return folder.with_name(folder.name + FAILURE_SUFFIX)
