"""Are the rows of a table right: one for each picture, numbers, points inside of the picture."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from dlcctr.labels.pictures import ENDINGS, read_size
from dlcctr.labels.problems import Problem
from dlcctr.labels.table import Row, Table, is_plain
from dlcctr.system.files import visible_entries

Size = tuple[int, int]


def check_rows(file: str, table: Table, folder: Path) -> Iterator[Problem]:
    """Lines that are none, names, duplicates, numbers, empty rows; nothing about pictures."""
    for line, why in table.broken:
        yield Problem("line", file, why, line)
    counts = Counter(row.picture for row in table.rows)
    for row in table.rows:
        if not is_plain(row.picture):
            yield Problem("picture name", file, f"no plain name: {row.picture[:60]!r}", row.line)
            continue
        if row.folder and row.folder != folder.name:
            text = f"is of the folder {row.folder[:60]!r}, this one is {folder.name[:60]!r}"
            yield Problem("other folder", file, text, row.line, row.picture)
        if counts[row.picture] > 1:
            yield Problem("duplicate", file, f"one of {counts[row.picture]} lines", row.line, row.picture)
        if table.is_empty(row):
            yield Problem("empty line", file, "nothing is labelled", row.line, row.picture)
        for animal, part in table.parts:
            try:
                table.point(row, (animal, part))
            except ValueError as error:
                yield Problem("line", file, f"{_name(animal, part)} {error}", row.line, row.picture)


def check_pictures(file: str, table: Table, folder: Path, own: Path, sizes: dict[str, Size]) -> Iterator[Problem]:
    """Pictures without labels, labels without pictures, points outside; fills `sizes`.

    Parameters
    ----------
    own : Path
        The project's folder of this name, which may have the picture already.
    """
    for row in table.rows:
        if is_plain(row.picture) and not table.is_empty(row):
            yield from _check_picture(file, table, row, _picture_of(row, folder, own), sizes)
    if len(set(sizes.values())) > 1:
        counts = Counter(sizes.values()).most_common()
        shown = ", ".join(f"{count} of {width} x {height} px" for (width, height), count in counts[:3])
        odd = next(name for name, size in sizes.items() if size == counts[-1][0])
        yield Problem("sizes", file, f"pictures of several sizes: {shown}", None, odd)
    named = {row.picture for row in table.rows}
    for each in visible_entries(folder):
        if each.suffix.lower() in ENDINGS and each.name not in named:
            yield Problem("unlabelled picture", str(folder), "in no line of the table", None, each.name)


def _picture_of(row: Row, folder: Path, own: Path) -> Path:
    return folder / row.picture if (folder / row.picture).exists() else own / row.picture


def _check_picture(file: str, table: Table, row: Row, picture: Path, sizes: dict[str, Size]) -> Iterator[Problem]:
    try:
        size = read_size(picture)
    except FileNotFoundError:
        yield Problem("no picture", file, "the picture is not there", row.line, row.picture)
        return
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        yield Problem("broken picture", file, str(reason), row.line, row.picture)
        return
    if size is None:
        yield Problem("size unknown", file, "neither PNG nor JPEG nor BMP", row.line, row.picture)
        return
    sizes[row.picture] = size
    for part in table.parts:
        try:
            point = table.point(row, part)
        except ValueError:
            continue  # said before
        if point and not (0 < point[0] < size[0] and 0 < point[1] < size[1]):
            text = f"{_name(*part)} at {point[0]:.6g}, {point[1]:.6g}, the picture has {size[0]} x {size[1]} px"
            text += " (points that nobody can see are empty, not 0, 0)" if point == (0, 0) else ""
            yield Problem("outside", file, text, row.line, row.picture)


def crop_of(sizes: Mapping[str, Size]) -> str:
    """Crop of most of the pictures, as config.yaml has it; empty where no size is known."""
    if not sizes:
        return ""
    width, height = Counter(sizes.values()).most_common(1)[0][0]
    return f"0, {width}, 0, {height}"


def _name(animal: str, part: str) -> str:
    return f"{part[:40]!r} of {animal[:40]!r}" if animal else repr(part[:40])
