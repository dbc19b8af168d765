"""Where the weights are that a training starts from, as a person names them with `--weights`."""

from __future__ import annotations

from pathlib import Path

from dlcctr.errors import UsageError

RANDOM = "none"
"""Names random weights."""


def find_place(named: str) -> Path | None:
    """File or folder that a container must see to read weights; None where there is nothing of that name.

    TensorFlow's snapshots are named by their stem (``train/snapshot-1000``), which is no file: then it is the folder.
    """
    if not named:
        return None
    path = Path(named).expanduser()
    if path.exists():
        return path.parent if path.suffix in (".index", ".meta") or ".data-" in path.name else path
    return path.parent if path.with_name(f"{path.name}.index").is_file() else None


def require_weights(named: str) -> None:
    """Refuse weights that are not on this machine.

    Raises
    ------
    UsageError
        There is no such file or folder.
    """
    if named not in ("", RANDOM) and find_place(named) is None:
        raise UsageError(
            f"--weights {named}: no such file or folder",
            "name weights, a bundle, a DeepLabCut project, a folder of weights, or `none` for random ones; without "
            "--weights, published ones are looked for: see docs/train.md",
        )
