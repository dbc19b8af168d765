"""The page of the transcript: what is typed and seen, in the order in which it happened."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tests.transcript.pictures import neutral, svg_of
from tests.transcript.terminal import Terminal


class Page:
    """A page of Markdown and the folder of its pictures.

    Parameters
    ----------
    file : Path
        The page.
    pictures : Path
        Folder of the pictures, beside the page; emptied first.
    names : mapping
        What belongs to this machine, and what stands for it on the page.
    """

    def __init__(self, file: Path, pictures: Path, names: Mapping[str, str]) -> None:
        self._file, self._pictures, self._names = file, pictures, names
        self._lines: list[str] = []
        pictures.mkdir(parents=True, exist_ok=True)
        for old in pictures.glob("*.svg"):
            old.unlink()

    def say(self, *paragraphs: str) -> None:
        """Add paragraphs or a heading."""
        for paragraph in paragraphs:
            self._lines += [paragraph, ""]

    def show(self, terminal: Terminal, name: str, what: str) -> None:
        """Add a picture of a terminal; `what` is for those who cannot see it."""
        ansi = neutral(terminal.ansi(), self._names)
        number = len(list(self._pictures.glob("*.svg"))) + 1
        file = self._pictures / f"{number:02d}-{name}.svg"
        file.write_text(svg_of(ansi, terminal.columns, file.stem), encoding="utf-8")
        self._lines += [f"![{what}]({self._pictures.name}/{file.name})", ""]
        print(f"--- {file.name}\n{neutral(terminal.text(), self._names)}\n", flush=True)

    def write(self) -> None:
        """Write the page."""
        self._file.write_text("\n".join(self._lines).rstrip("\n") + "\n", encoding="utf-8")
