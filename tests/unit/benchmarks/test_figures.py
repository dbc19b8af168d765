from __future__ import annotations

from pathlib import Path

import pytest

from tests.benchmarks.figures import replace_figures
from tests.benchmarks.rounds import page as rounds
from tests.benchmarks.rounds.openfield import page as openfield


def test_only_what_is_between_the_marks_is_written_anew(tmp_path: Path) -> None:
    file = tmp_path / "page.md"
    file.write_text("before\n<!-- figures -->\nold\n<!-- end of figures -->\nafter\n")
    replace_figures(file, "<!-- figures -->\n", ["new", "lines", ""])
    assert file.read_text() == "before\n<!-- figures -->\nnew\nlines\n<!-- end of figures -->\nafter\n"


@pytest.mark.parametrize("text", ["no marks\n", "<!-- figures -->\nno end\n"])
def test_a_page_without_its_marks_stays(tmp_path: Path, text: str) -> None:
    file = tmp_path / "page.md"
    file.write_text(text)
    with pytest.raises(SystemExit, match="marks"):
        replace_figures(file, "<!-- figures -->\n", ["new"])
    assert file.read_text() == text


def test_the_pages_have_their_marks() -> None:
    for each in (rounds, openfield):
        assert each.MARK in each.PAGE.read_text(encoding="utf-8")
