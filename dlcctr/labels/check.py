"""Check folders of labels that came back, against the project that they are of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dlcctr.errors import ManifestError
from dlcctr.labels.certain import check_certain
from dlcctr.labels.h5 import compare
from dlcctr.labels.header import check_header, check_parts
from dlcctr.labels.problems import Problem
from dlcctr.labels.project import Project
from dlcctr.labels.rows import Size, check_pictures, check_rows
from dlcctr.labels.table import TABLE_PREFIX, Table, is_plain, read_table
from dlcctr.model.prior.labels import LABELS_FOLDER, MAX_FOLDERS
from dlcctr.system.files import visible_entries


@dataclass(frozen=True)
class LabelFolder:
    """A folder of labels that can be read.

    Parameters
    ----------
    own : Table or None
        What the project has of this folder already.
    sizes : dict
        Name of a picture to its width and height in px, where they are known.
    """

    folder: Path
    file: Path
    table: Table
    own: Table | None
    sizes: dict[str, Size]


@dataclass
class Checked:
    """Folders of labels, and everything that was found in them."""

    folders: list[LabelFolder] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    @property
    def errors(self) -> list[Problem]:
        return [problem for problem in self.problems if problem.is_error]


def check_labels(project: Project, places: Sequence[Path], *, any_scorer: bool = False) -> Checked:
    """Check folders of labels.

    Parameters
    ----------
    places : sequence of Path
        Folders with a table, or folders with such folders (also in their `labeled-data`).
    any_scorer : bool
        Take labels of another scorer as the project's.

    Raises
    ------
    ManifestError
        There are no labels in a place, or two folders have the same name.
    """
    checked = Checked()
    folders = list(dict.fromkeys(folder.resolve() for place in places for folder in find_folders(place)))
    names: dict[str, Path] = {}
    for folder in folders:
        if folder.name in names:
            raise ManifestError(
                f"{folder}: has the same name as {names[folder.name]}", "add one of them, and then the other"
            )
        names[folder.name] = folder
        _check_folder(project, folder, checked, any_scorer=any_scorer)
    return checked


def find_folders(place: Path) -> list[Path]:
    """Folders with labels: the place itself, or those in it; raises `ManifestError` where there are none."""
    try:
        for folder in (place, place / LABELS_FOLDER):
            if _tables(folder, ".csv") or _tables(folder, ".h5"):
                return [folder]
            inner = [each for each in visible_entries(folder) if each.is_dir()] if folder.is_dir() else []
            found = [each for each in inner[:MAX_FOLDERS] if _tables(each, ".csv") or _tables(each, ".h5")]
            if found:
                return found
    except OSError as error:
        raise ManifestError(
            f"{place}: cannot be read ({error.strerror})", "check the owner and permissions of the folder"
        ) from error
    what = "no labels in it (CollectedData_….csv)" if place.is_dir() else "no such folder"
    raise ManifestError(f"{place}: {what}", "name a folder that napari-deeplabcut has saved, or one with such folders")


def _tables(folder: Path, ending: str) -> list[Path]:
    return sorted(folder.glob(f"{TABLE_PREFIX}*{ending}")) if folder.is_dir() else []


def _check_folder(project: Project, folder: Path, checked: Checked, *, any_scorer: bool) -> None:
    problems = checked.problems
    if not is_plain(folder.name):
        problems.append(Problem("picture name", str(folder), "the folder has no plain name"))
        return
    file = _choose(project, folder, problems)
    table = _read(file, problems) if file else None
    own_file = project.labels / folder.name / f"{TABLE_PREFIX}{project.scorer}.csv"
    is_own = own_file.parent.resolve() == folder
    own = None if is_own else _check_own(project, own_file, problems)
    if is_own and file and file.name == own_file.name:
        own = table
    if not file or not table:
        return
    problems += check_header(str(file), table, project, any_scorer=any_scorer)
    sizes: dict[str, Size] = {}
    problems += check_rows(str(file), table, folder)
    try:
        problems += list(check_pictures(str(file), table, folder, own_file.parent, sizes))
    except OSError as error:
        problems.append(Problem("unreadable", str(folder), str(error.strerror)))
    problems += check_certain(str(file), table, folder, sizes)
    problems += _compare_h5(file.with_suffix(".h5"), table)
    problems += _other_pictures(file, table, folder, own_file.parent)
    checked.folders.append(LabelFolder(folder, file, table, own, sizes))


def _choose(project: Project, folder: Path, problems: list[Problem]) -> Path | None:
    """The folder's table: the one of the project's scorer, or the only one."""
    tables = _tables(folder, ".csv")
    if not tables:
        problems.append(Problem("h5 alone", str(folder), "has an .h5 of labels and no .csv"))
        return None
    own = folder / f"{TABLE_PREFIX}{project.scorer}.csv"
    if own not in tables and len(tables) > 1:
        names = ", ".join(each.name[:60] for each in tables[:5])
        problems.append(Problem("scorer", str(folder), f"tables of several people, none of the project's: {names}"))
        return None
    return own if own in tables else tables[0]


def _read(file: Path, problems: list[Problem]) -> Table | None:
    try:
        return read_table(file)
    except UnicodeDecodeError as error:
        problems.append(Problem("unreadable", str(file), f"not UTF-8 text ({error.reason})"))
    except OSError as error:
        problems.append(Problem("unreadable", str(file), f"cannot be read ({error.strerror})"))
    except ValueError as error:
        problems.append(Problem("header", str(file), str(error), 1))
    return None


def _check_own(project: Project, file: Path, problems: list[Problem]) -> Table | None:
    """What the project has of a folder; it must be sound, since it is written anew with the labels added."""
    if not file.exists():
        if file.with_suffix(".h5").exists():
            problems.append(Problem("h5 alone", str(file.parent), "the project's own labels have an .h5 and no .csv"))
        return None
    table = _read(file, problems)
    if table:
        if table.is_of_several != project.is_of_several:
            problems.append(Problem("animals", str(file), "single animal or several: not as its config.yaml", 2))
        else:
            problems += check_parts(str(file), table, project, may_miss=True)
        found = [each for each in check_rows(str(file), table, file.parent) if each.kind != "empty line"]
        problems += [*found, *_compare_h5(file.with_suffix(".h5"), table)]
    return table


def _compare_h5(file: Path, table: Table) -> Iterator[Problem]:
    found = compare(file, table) if file.exists() else None
    if found:
        yield Problem(found[0], str(file), found[1])


def _other_pictures(file: Path, table: Table, folder: Path, own: Path) -> Iterator[Problem]:
    """Pictures that the project has under the same name with other content."""
    import filecmp

    for row in table.rows:
        one, two = folder / row.picture, own / row.picture
        if is_plain(row.picture) and not table.is_empty(row) and one.is_file() and two.exists():
            try:
                is_same = filecmp.cmp(one, two, shallow=False)
            except OSError:
                continue  # said before
            if not is_same:
                text = f"the project has another picture of this name: {two}"
                yield Problem("other picture", str(file), text, row.line, row.picture)
