"""Receipts of steps: what a step was made from, how, and that its files are whole."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from dlcctr.campaign.steps.spec import NAME
from dlcctr.contract import CONTRACT_VERSION, FAILURE_SUFFIX, RECEIPT_FILENAME, STEPS_FOLDER
from dlcctr.errors import OutputError
from dlcctr.results.sections import SHA256, ImageUsed, OutputFile
from dlcctr.system.state_files import StateFile
from dlcctr.system.values.records import OMIT


class Made(str, Enum):
    """What became of a step."""

    OK = "ok"
    FAILED = "failed"


@dataclass(frozen=True)
class InputFile:
    """One file that a step has read.

    Parameters
    ----------
    path : str
        Path below the row's folder, as ``steps/filter/x.h5``; of another row's file with ``row 7: `` before it.
    sha256 : str
        Hash of its content then.
    """

    path: str
    sha256: str

    def __post_init__(self) -> None:
        if not self.path or not SHA256.fullmatch(self.sha256):
            raise ValueError(f"{self.path[:80]!r} with the sha256 {self.sha256[:64]!r} cannot be an input")


@dataclass(frozen=True)
class StepReceipt:
    """What became of one step of one row.

    Parameters
    ----------
    state : Made
        Whether it gave a result.
    cause : str
        Why it failed; empty for a result.
    exit_code : int
        See `dlcctr.contract.ExitCode`.
    name, kind, of : str
        The campaign's step (`dlcctr.campaign.steps.spec.StepSpec`).
    parameters : dict
        All of its parameters, defaults included.
    inputs : tuple of InputFile
        Files that it has read. It is due again when one of them is no longer the same.
    video : str
        Fingerprint of the video; empty where it was not read.
    files : list of OutputFile
        Files of the result.
    facts : dict
        Numbers about what was done, as ``changed``.
    remark : str
        What a reader of the result must know.
    software : dict
        Name to version of what did the work.
    image : ImageUsed
        The image that it ran in.
    seconds : float
        Time that it took.
    host : str
        Machine, or Slurm's name of the node.
    scheduler : dict
        Slurm's environment variables that name the job.
    started, finished : str
        Times in UTC, ISO 8601.
    contract : int
        Contract version of the program that wrote it.

    Raises
    ------
    ValueError
        A file is listed twice, or a result lists none.
    """

    state: Made
    cause: str
    exit_code: int
    name: str
    kind: str
    of: str
    parameters: dict[str, object] = field(default_factory=dict)
    inputs: tuple[InputFile, ...] = ()
    video: str = field(default="", metadata=OMIT)
    files: list[OutputFile] = field(default_factory=list)
    facts: dict[str, float] = field(default_factory=dict)
    remark: str = field(default="", metadata=OMIT)
    software: dict[str, str] = field(default_factory=dict)
    image: ImageUsed = field(default_factory=ImageUsed)
    seconds: float = 0.0
    host: str = ""
    scheduler: dict[str, str] = field(default_factory=dict)
    started: str = ""
    finished: str = ""
    contract: int = CONTRACT_VERSION

    def __post_init__(self) -> None:
        if len({entry.name for entry in self.files}) < len(self.files):
            raise ValueError("a file is listed more than once")
        if self.state is Made.OK and not self.files:
            raise ValueError("a result lists no files")
        if not NAME.fullmatch(self.name):
            raise ValueError(f"{self.name[:80]!r} cannot be the name of a step")

    def to_json(self) -> str:
        """Text of the receipt file."""
        return STEP_RECEIPTS.text(self)


STEP_RECEIPTS = StateFile(
    StepReceipt,
    "a step's receipt",
    OutputError,
    hint="run this step again with --again",
    version_hint="check results with the dlcctr that made them",
)


def steps_folder(row_folder: Path) -> Path:
    """Folder of all steps of a row."""
    return row_folder / STEPS_FOLDER


def step_folder(row_folder: Path, name: str) -> Path:
    """Folder of one step's result: ``<row's folder>/steps/<name>/``."""
    return steps_folder(row_folder) / name


def step_failure_file(row_folder: Path, name: str) -> Path:
    """File that says why a step failed, beside its folder."""
    return steps_folder(row_folder) / (name + FAILURE_SUFFIX)


def read_step_receipt(row_folder: Path, name: str) -> StepReceipt | None:
    """Receipt of a step's result; None if there is none. Raises `OutputError` or `ContractError`."""
    return STEP_RECEIPTS.find(step_folder(row_folder, name) / RECEIPT_FILENAME)


def read_step_failure(row_folder: Path, name: str) -> StepReceipt | None:
    """Receipt of a step's last failure; None if there is none. Raises `OutputError` or `ContractError`."""
    return STEP_RECEIPTS.find(step_failure_file(row_folder, name))
