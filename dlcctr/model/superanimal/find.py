"""Where the files of a SuperAnimal model are on this machine, and how to get them."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from dlcctr.errors import ModelError
from dlcctr.model.superanimal.animals import Choice
from dlcctr.model.superanimal.weights import MARKS
from dlcctr.system.files import user_cache


def own_folder() -> Path:
    """Where `--download` puts weights."""
    return user_cache() / "superanimal"


def cache_folders() -> list[Path]:
    """Folders to look in where a person names none: the download's, and that of a DeepLabCut in this environment."""
    folders = [own_folder()]
    try:
        spec = find_spec("deeplabcut")
    except (ImportError, ValueError):
        spec = None
    for place in (spec.submodule_search_locations or ()) if spec else ():
        folders.append(Path(place) / "modelzoo" / "checkpoints")
    return folders


def find_weights(choice: Choice, weights: Path | None, detector_weights: Path | None) -> tuple[Path, Path]:
    """Files of the network and of the detector.

    Parameters
    ----------
    weights : Path or None
        File of the network, or a folder with files under their published names; None for `cache_folders`.
    detector_weights : Path or None
        File of the detector; None for its published name, beside the network's file or in the same folder.

    Raises
    ------
    ModelError
        One of them is not there; the hint says how to get it.
    """
    network, detector = map(choice.animal.file_name, choice.parts)
    if weights is None:
        folders = cache_folders()
        network_file = _first(folders, network)
    else:
        folders = [weights if weights.is_dir() else weights.parent]
        network_file = folders[0] / network if weights.is_dir() else weights
    detector_file = detector_weights or _first(folders, detector)
    if missing := [file for file in (network_file, detector_file) if not file.is_file()]:
        places = folders if weights is None else sorted({file.parent for file in missing})
        raise ModelError(
            f"no weights: {' and '.join(file.name for file in missing)} not found in {', '.join(map(str, places))}",
            f"add --download, or type what `dlcctr model superanimal {choice.asked}` prints; or name their folder, "
            "such as modelzoo/checkpoints in a DeepLabCut that has used them, with --weights",
        )
    return network_file, detector_file


def _first(folders: Sequence[Path], name: str) -> Path:
    return next((folder / name for folder in folders if (folder / name).is_file()), folders[0] / name)


def download_commands(choice: Choice, folder: Path, parts: Sequence[str]) -> list[str]:
    """Lines to type in a shell, each of at most 80 characters but for long folders."""
    lines = [f"mkdir -p {shlex.quote(str(folder))} && cd {shlex.quote(str(folder))}", f"CARD={choice.animal.card}"]
    for part in parts:
        lines += ["curl -fLO \\", f"  $CARD/resolve/main/{choice.animal.file_name(part)}"]
    return ["  " + line for line in lines]


def megabytes(parts: Sequence[str]) -> int:
    """Size of these downloads together, about."""
    return sum(MARKS[part].megabytes for part in parts)
