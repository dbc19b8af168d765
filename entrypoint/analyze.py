"""`analyze`: one manifest row in, one verified and atomically committed result out. The supervisor: no heavy imports."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dlcctr.contract import ExitCode


@dataclass(frozen=True)
class Request:
    """What the command line asks for; None (or empty) means: what the manifest's row and campaign.toml say.

    Parameters
    ----------
    index : int
        Zero-based row of the manifest.
    crop : tuple of int or None
        ``(x1, x2, y1, y2)`` in px, origin at the top left.
    device : str
        ``auto`` (a GPU; the CPU only with `allow_cpu`), ``cpu`` or ``cuda``.
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


def run(request: Request) -> ExitCode:
    """Analyse one row. Returns `ExitCode.OK` or raises the `DlcctrError` whose exit code the process ends with."""
    raise NotImplementedError(request)
