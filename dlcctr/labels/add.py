"""Add checked labels to a project so that whoever stops it in the middle finds every file old or new."""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dlcctr.errors import ManifestError
from dlcctr.labels.check import Checked, LabelFolder
from dlcctr.labels.h5 import can_write, h5_bytes
from dlcctr.labels.merge import Merged, merge
from dlcctr.labels.pictures import MAX_BYTES
from dlcctr.labels.project import Project, change_config
from dlcctr.labels.rows import crop_of
from dlcctr.labels.table import TABLE_PREFIX
from dlcctr.system.disk import output_error
from dlcctr.system.files import fsync_path, read_bounded, write_bytes_atomic


@dataclass(frozen=True)
class AddedFolder:
    """What was done with a folder, or would be.

    Parameters
    ----------
    pictures : tuple of str
        Pictures that were copied; the project had the others.
    backups : tuple of Path
        What the project had before, under its new names.
    h5 : bool
        Whether the .h5 is there and as new as the table.
    """

    name: str
    file: Path
    merged: Merged
    pictures: tuple[str, ...]
    backups: tuple[Path, ...]
    h5: bool


@dataclass(frozen=True)
class Added:
    """What was done with all folders, or would be; `videos` are names that are new in video_sets."""

    folders: tuple[AddedFolder, ...]
    iteration: int
    old_iteration: int
    videos: tuple[str, ...]


def add_labels(
    project: Project,
    checked: Checked,
    *,
    new_iteration: bool | None = None,
    write_h5: bool = True,
    dry_run: bool = False,
) -> Added:
    """Copy pictures and merge tables into a project.

    A folder of the project's own gets what it lacks for DeepLabCut to find its labels: an entry in `video_sets`, the
    .h5, the columns in order.

    Pictures come first, then config.yaml, then folder by folder the tables: a table never names what is not there.

    Parameters
    ----------
    new_iteration : bool, optional
        Count up `iteration` in config.yaml; by default where labels change, or DeepLabCut finds them only now, and this
        iteration has a training set.
    write_h5 : bool
        Write the .h5 where pandas is. An .h5 that is older than its table is never left: DeepLabCut trains from it.

    Raises
    ------
    ManifestError
        There are errors among the problems.
    OutputError
        The file system refused; the same command again continues.
    """
    if checked.errors:
        raise ManifestError("the labels have errors; nothing was added", "correct them, then the same command again")
    merges = [merge(project, each.folder.name, each.table, each.own) for each in checked.folders]
    is_changed = any(each.is_changed for each in merges)
    names = {each.folder.name: crop_of(each.sizes) for each, merged in zip(checked.folders, merges, strict=True)
             if merged.pictures and not project.has_video(each.folder.name)}  # fmt: skip
    counts_up = (is_changed or bool(names)) and project.is_trained if new_iteration is None else new_iteration
    iteration = project.iteration + counts_up
    has_h5 = write_h5 and can_write()
    planned = [_plan(project, each, merged, has_h5) for each, merged in zip(checked.folders, merges, strict=True)]
    if not dry_run:
        for given, plan in zip(checked.folders, planned, strict=True):
            _copy_pictures(given, plan)
        change_config(project, names, iteration)
        for plan in planned:
            _write_tables(plan, has_h5)
    return Added(tuple(planned), iteration, project.iteration, tuple(names))


def _plan(project: Project, given: LabelFolder, merged: Merged, has_h5: bool) -> AddedFolder:
    folder = project.labels / given.folder.name
    file = folder / f"{TABLE_PREFIX}{project.scorer}.csv"
    pictures = tuple(name for name in merged.pictures if not (folder / name).exists())
    old = [each for each in (file, file.with_suffix(".h5")) if merged.is_changed and each.exists()]
    is_whole = not merged.is_changed and file.with_suffix(".h5").exists()
    backups = tuple(map(_backup_name, old))
    return AddedFolder(
        given.folder.name, file, merged, pictures, backups, is_whole or (has_h5 and bool(merged.pictures))
    )


def _backup_name(file: Path) -> Path:
    """Name for a copy of a file: when it was last written; another one if that is taken by something else.

    It ends in neither .csv nor .h5, so that no program takes it for labels.
    """
    written = datetime.datetime.fromtimestamp(file.stat().st_mtime, datetime.timezone.utc)
    number = 0
    while True:
        more = f"-{number}" if number else ""
        name = file.with_name(f"{file.name}.of-{written:%Y%m%dT%H%M%SZ}{more}")
        if not name.exists() or name.read_bytes() == file.read_bytes():
            return name
        number += 1


def _copy_pictures(given: LabelFolder, planned: AddedFolder) -> None:
    for name in planned.pictures:
        try:
            data = read_bounded(given.folder / name, MAX_BYTES)
        except OSError as error:
            raise ManifestError(
                f"{given.folder / name}: cannot be read any more ({error.strerror})", "check the folder, then again"
            ) from error
        if data is not None:
            write_bytes_atomic(planned.file.parent / name, data)


def _write_tables(planned: AddedFolder, has_h5: bool) -> None:
    """Old files to their backups; the old .h5 away, the table, the .h5: none is ever older than its table."""
    file, h5 = planned.file, planned.file.with_suffix(".h5")
    if not planned.merged.is_changed and (h5.exists() or not has_h5 or not planned.merged.pictures):
        return
    data = h5_bytes(planned.merged.text) if has_h5 else b""
    if planned.merged.is_changed:
        for backup in planned.backups:
            old = h5 if backup.name.startswith(h5.name) else file
            if not backup.exists():
                write_bytes_atomic(backup, old.read_bytes())
        _remove(h5)
        write_bytes_atomic(file, planned.merged.text.encode("utf-8"), keep=True)
    if has_h5:
        write_bytes_atomic(h5, data)


def _remove(file: Path) -> None:
    try:
        with contextlib.suppress(FileNotFoundError):
            file.unlink()
            fsync_path(file.parent)
    except OSError as error:
        raise output_error(error, file) from error


def missing_h5(added: Added) -> Sequence[AddedFolder]:
    """Folders whose labels DeepLabCut does not see before their .h5 is made."""
    return [each for each in added.folders if not each.h5 and each.merged.pictures]
