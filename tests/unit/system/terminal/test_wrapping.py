from __future__ import annotations

import io
import os
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcctr.system.terminal import wrapping
from dlcctr.system.terminal.console import print_lines, print_verbatim, say_error, warn
from dlcctr.system.terminal.wrapping import INDENT, terminal_columns, wrap

SENTENCE = "the speed of a GPU is not known: no row of this campaign is finished yet"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        return 99


def open_terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Forty columns, for stdout and stderr; in the test itself, as pytest puts its own streams there before it."""
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.setattr(os, "get_terminal_size", lambda fd: os.terminal_size((40, 24)))
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setattr(sys, "stderr", terminal)
    return terminal


def test_a_message_is_wrapped_between_words() -> None:
    assert wrap(SENTENCE, 40) == ("the speed of a GPU is not known: no row\n    of this campaign is finished yet")
    assert wrap(SENTENCE, len(SENTENCE)) == SENTENCE == wrap(SENTENCE, None)


@given(st.lists(st.text(st.characters(categories=("L", "N")), min_size=1, max_size=30)), st.integers(20, 60))
def test_no_word_is_cut_or_lost(words: list[str], columns: int) -> None:
    lines = wrap(" ".join(words), columns).split("\n")
    assert " ".join(lines).split() == words
    assert all(line.startswith(INDENT) for line in lines[1:])
    for line in lines:
        assert wrapping._width(line) <= columns or len(line.split()) <= 1


@pytest.mark.parametrize(
    ("command", "line"),
    [
        ("`dlcctr plan a.csv --calibrate`", "give frames/s with --fps, or: {}, on a node with a GPU"),
        ("dlcctr run 'two words.csv' --rows 1,2", "next, unfinished (1,2), here: {}; on a cluster: ask"),
        ("dlcctr resubmit m.csv --rows 1,2,3", "rows 1 to 3 have failed: {} (it first shows what it would do)"),
        ("(dlcctr logs m.csv 3)", "the row failed, see its log {} and report it, please"),
        ("`sh scripts/engine.sh`", "start it (systemctl start docker, or {} in a checkout)"),
        ("dlcctr check m.csv", "next: {}"),
        ("squeue --me | dlcctr status m.csv --squeue -", "give its output: {}"),
    ],
)
def test_a_command_is_never_cut(command: str, line: str) -> None:
    for columns in range(20, 100):
        assert command in wrap(line.format(command), columns)


def test_wide_letters_take_two_columns() -> None:
    assert wrap("鼠鼠鼠鼠鼠鼠 鼠鼠鼠鼠鼠鼠", 24) == "鼠鼠鼠鼠鼠鼠\n    鼠鼠鼠鼠鼠鼠"


def test_messages_fit_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = open_terminal(monkeypatch)
    print_lines([SENTENCE])
    warn(SENTENCE)
    say_error(SENTENCE, SENTENCE)
    lines = terminal.getvalue().split("\n")
    assert max(map(len, lines)) <= 40
    assert lines[:2] == lines[2:4] == wrap(SENTENCE, 40).split("\n")
    error, remedy, _ = (line for line in lines[4:] if not line.startswith(INDENT))
    assert error.startswith("error: the") and remedy.startswith("  what to do: the")


def test_what_may_be_copied_into_a_file_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = open_terminal(monkeypatch)
    print_verbatim([SENTENCE])
    assert terminal.getvalue() == f"{SENTENCE}\n"


def test_on_a_pipe_nothing_is_wrapped(capsys: pytest.CaptureFixture[str]) -> None:
    print_lines([SENTENCE * 5])
    assert capsys.readouterr().out == f"{SENTENCE * 5}\n"


@pytest.mark.parametrize(("columns", "width"), [("", 40), ("60", 60), ("10", None), ("wide", None)])
def test_the_width_is_that_of_the_terminal_or_of_columns(
    monkeypatch: pytest.MonkeyPatch, columns: str, width: int | None
) -> None:
    terminal = open_terminal(monkeypatch)
    if columns:
        monkeypatch.setenv("COLUMNS", columns)
    assert terminal_columns(terminal) == width
