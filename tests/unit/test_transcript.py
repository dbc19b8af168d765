"""The pictures of the transcript: drawn as a terminal shows it, and with nothing of the machine that made them."""

from __future__ import annotations

import re
from pathlib import Path

from tests.transcript.pictures import neutral, svg_of
from tests.transcript.terminal import PROMPT

PAGE = Path(__file__).parents[2] / "docs" / "transcript.md"


def words_of(svg: str) -> list[str]:
    """Lines of text in a picture."""
    rows: dict[str, str] = {}
    for y, text in re.findall(r'<text [^>]*? y="([0-9.]+)"[^>]*>([^<]*)</text>', svg):
        rows[y] = rows.get(y, "") + text.strip("\n").replace("&#160;", " ")
    return [line for line in rows.values() if line.strip()]


def test_a_line_that_is_too_long_goes_on_in_the_next_as_on_a_terminal() -> None:
    svg = svg_of("\x1b[1;32mlab:~\x1b[0m$ " + "x" * 80 + "\nnext", 80, "01-a")
    assert [line.rstrip() for line in words_of(svg)] == ["lab:~$ " + "x" * 73, "x" * 7, "next"]
    assert "#69db7c" in svg, "the prompt's colour"


def test_the_last_line_is_inside_the_picture() -> None:
    for text in ("one", "one\ntwo\nthree"):
        svg = svg_of(text, 80, "01-a")
        (height,) = re.findall(r'viewBox="0 0 [0-9.]+ ([0-9.]+)"', svg)
        lines = re.findall(r' y="([0-9.]+)" textLength="[^"]*"[^>]*>[^\n<]', svg)
        assert max(map(float, lines)) + 9 < float(height)


def test_names_of_this_machine_are_replaced_the_longest_first() -> None:
    names = {"/tmp/x": "/home", "/tmp/x/lab": "/home/you"}
    assert neutral("in /tmp/x/lab/videos and /tmp/x/c", names) == "in /home/you/videos and /home/c"


def test_a_prompt_is_told_from_a_line_with_a_command() -> None:
    assert PROMPT.fullmatch("lab:~$")
    assert PROMPT.fullmatch("login:alone$")
    assert not PROMPT.fullmatch("lab:~$ dlcctr status")


def test_every_picture_is_on_the_page_and_says_nothing_of_the_machine_that_made_it() -> None:
    named = re.findall(r"\]\(transcript/([^)]+)\)", PAGE.read_text(encoding="utf-8"))
    files = sorted((PAGE.parent / "transcript").iterdir())
    assert named == [file.name for file in files]
    assert len(files) > 20
    for file in files:
        svg = file.read_text(encoding="utf-8")
        assert not re.search(r"/tmp|/work|/root|198\.1[89]\.", "".join(words_of(svg))), file.name
        assert re.findall(r"https?://[^\"< ]+", svg) == ["http://www.w3.org/2000/svg"], file.name
