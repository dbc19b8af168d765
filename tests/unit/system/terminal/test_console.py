from __future__ import annotations

import sys
import unicodedata

import pytest

from dlcctr.system.terminal.console import (
    one_line,
    print_script,
    row_ranges,
    say_error,
    size_text,
)


@pytest.mark.parametrize(
    ("n_bytes", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (1_500_000, "1.5 MB"), (2e9, "2.0 GB"), (3.2e15, "3200.0 TB")],
)
def test_sizes(n_bytes: float, text: str) -> None:
    assert size_text(n_bytes) == text


def test_nothing_that_is_unseen_or_moves_things_is_shown() -> None:
    harmful = {"Cc", "Cs", "Zl", "Zp"}
    for number in range(sys.maxunicode + 1):
        letter = chr(number)
        kind, direction = unicodedata.category(letter), unicodedata.bidirectional(letter)
        moves = direction in ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")
        if kind in harmful or moves or (kind == "Cf" and number in range(0x2000, 0x2070)):
            assert one_line(letter).startswith("\\"), hex(number)
        elif kind[0] in "LNPSM" or letter == " ":
            assert one_line(letter) == letter


def test_what_is_escaped_can_be_read_back() -> None:
    name = "a\x1b[31m\n\u202e\udcff\U000e0041é🐭"
    assert one_line(name) == "a\\x1b[31m\\n\\u202e\\udcff\\U000e0041é🐭"


def test_an_error_of_several_lines_keeps_them_but_not_their_starts(capsys: pytest.CaptureFixture[str]) -> None:
    say_error("it broke:\nerror: forged\n\x1b[2J\n", "do this\nor that")
    assert capsys.readouterr().err == (
        "error: it broke:\n  | error: forged\n  | \\x1b[2J\n  what to do: do this\n  | or that\n"
    )


def test_a_script_goes_into_a_pipe_as_it_is(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "#!/bin/bash\n\techo '\x1b[2J'\n"
    print_script(text)
    assert capsys.readouterr().out == text
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    print_script(text)
    assert capsys.readouterr().out == "#!/bin/bash\n    echo '\\x1b[2J'\n"


def test_rows_are_named_by_their_number() -> None:
    assert [row_ranges([4]), row_ranges([0, 1, 2, 7]), row_ranges([1, 2])] == ["row 4", "rows 0-2,7", "rows 1-2"]
