"""Where weights come from that somebody else trained and published, and under which licence."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

from dlcctr.errors import ModelError
from dlcctr.model.files import ModelTree
from dlcctr.system.state_files import StateFile
from dlcctr.system.values.records import Open

ORIGIN_FILE = PurePosixPath("origin.json")
"""File of a bundle, or of a project that was made from one; beside config.yaml, which takes no keys of ours."""


@dataclass(frozen=True)
class PublishedFile(Open):
    """A file of weights as it was published.

    Parameters
    ----------
    name : str
        Name under which it is published.
    bytes : int
        Size in bytes.
    sha256 : str
        Hash of the content, as 64 hexadecimal digits.
    """

    name: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Origin(Open):
    """Who published a model, and what may be done with it.

    Parameters
    ----------
    name : str
        Name of the model, ``superanimal_quadruped``.
    licence : str
        What the licence of the weights allows, in a sentence or two.
    licence_url : str
        Page with the licence itself.
    citation : str
        Paper to cite.
    files : tuple of PublishedFile
        The network's weights, and the detector's.
    """

    name: str
    licence: str
    licence_url: str
    citation: str
    files: tuple[PublishedFile, ...] = ()


_ORIGINS = StateFile(
    Origin,
    noun="an origin of weights",
    error=ModelError,
    hint="make the bundle again: dlcctr model superanimal quadruped -o MODEL (or topviewmouse), or remove the file",
)


def origin_text(origin: Origin) -> str:
    """Text of the file: the same bytes for the same weights."""
    return _ORIGINS.text(origin)


def find_origin(tree: ModelTree) -> Origin | None:
    """Origin of a model's weights; None where its own people trained it. `ModelError` for a damaged file."""
    if not tree.is_file(ORIGIN_FILE):
        return None
    return _ORIGINS.parse(tree.text(ORIGIN_FILE), tree.root / ORIGIN_FILE)
