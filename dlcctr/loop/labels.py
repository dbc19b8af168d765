"""Folders of labels: which are labelled, and which hold machine labels that nobody has corrected yet."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePath

from dlcctr.labels.pictures import ENDINGS
from dlcctr.labels.table import TABLE_PREFIX, read_table
from dlcctr.model.prior.labels import MAX_FOLDERS
from dlcctr.system.files import visible_entries

SHOWN = 3
"""Most names that a message has."""
MACHINE_LABELS = "machinelabels"
"""Beginning of the names of files that `outliers` and DeepLabCut write for refinement."""


@dataclass(frozen=True)
class LabelFolder:
    """One folder.

    Parameters
    ----------
    labelled : int or None
        Pictures with a label; None where the table cannot be read.
    pictures : int
        Pictures in it.
    has_machine_labels : bool
        Whether a model's points wait in it, or waited.
    problem : str
        Why the table cannot be read.
    """

    name: str
    labelled: int | None
    pictures: int
    has_machine_labels: bool
    problem: str = ""

    @property
    def waits(self) -> bool:
        """Whether its machine labels have to be corrected."""
        return self.has_machine_labels and self.labelled == 0


def read_folders(folder: Path, scorer: str) -> list[LabelFolder]:
    """Folders of a `labeled-data`, by name; none where there is no such folder, or it cannot be read.

    Parameters
    ----------
    scorer : str
        Whose labels count; those of anybody where it is empty.
    """
    try:
        places = [each for each in visible_entries(folder) if each.is_dir()]
    except OSError:
        return []
    return [_read(place, scorer) for place in places[:MAX_FOLDERS]]


def _read(place: Path, scorer: str) -> LabelFolder:
    try:
        names = [each.name for each in visible_entries(place)]
    except OSError as error:
        return LabelFolder(place.name, None, 0, has_machine_labels=False, problem=f"{place}: {error.strerror}")
    pictures = sum(name.lower().endswith(ENDINGS) for name in names)
    is_machine = any(name.startswith(MACHINE_LABELS) for name in names)
    tables = [name for name in names if name.startswith(f"{TABLE_PREFIX}{scorer}") and name.endswith(".csv")]
    if scorer:
        tables = [name for name in tables if name == f"{TABLE_PREFIX}{scorer}.csv"]
    if not tables:
        only_h5 = f"{TABLE_PREFIX}{scorer}.h5" in names
        problem = f"{place}: has an .h5 of labels without its .csv" if only_h5 else of_others(place, names, scorer)
        return LabelFolder(place.name, None if only_h5 else 0, pictures, is_machine, problem)
    labelled, problem = count_labelled(place / tables[0])
    return LabelFolder(place.name, labelled, pictures, is_machine, problem)


def of_others(place: Path, names: Iterable[str], scorer: str) -> str:
    """What is wrong with a folder that only others have labelled: DeepLabCut passes it over. Empty for any other."""
    tables = [PurePath(name) for name in names if name.startswith(TABLE_PREFIX) and name.endswith((".csv", ".h5"))]
    others = sorted({table.stem.removeprefix(TABLE_PREFIX) for table in tables})
    if not others or scorer in others:
        return ""
    return (
        f"{place}: has labels of {', '.join(map(repr, others[:SHOWN]))} only, and config.yaml's scorer is {scorer!r}: "
        "DeepLabCut does not use them; labels add with --any-scorer takes them as this scorer's"
    )


def count_labelled(file: Path) -> tuple[int | None, str]:
    """Pictures with a label in a table, which may be of several folders; None, and why, where it cannot be read."""
    try:
        table = read_table(file)
    except (OSError, ValueError) as error:
        return None, f"{file}: {getattr(error, 'strerror', None) or error}"
    return len({(row.folder, row.picture) for row in table.rows if not table.is_empty(row)}), ""


def total(folders: list[LabelFolder]) -> int:
    """Labelled pictures of all folders that can be read."""
    return sum(each.labelled or 0 for each in folders)
