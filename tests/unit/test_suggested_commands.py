"""Every command that a message, a help text or a page suggests is there, and its parser accepts it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest

from dlcctr.image.flavours import list_flavours
from tests.unit.support.suggestions import ROOT, Suggestion, in_code, in_module, in_page, in_sentence

MODULES = [file for folder in ("dlcctr", "entrypoint", "demo") for file in sorted((ROOT / folder).rglob("*.py"))]
MADE = ROOT / "docs/commands.md"
"""Made from the parsers themselves."""
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted({*(ROOT / "docs").glob("*.md")} - {MADE})]
SCRIPTS = [
    ROOT / "Makefile",
    *sorted((ROOT / "scripts").glob("*.sh")),
    *sorted((ROOT / "docker").glob("*.sh")),
    *sorted((ROOT / "slurm").glob("array.*")),
    *sorted((ROOT / "slurm/sites").glob("*.toml")),
    *sorted((ROOT / "tests/unit/golden").glob("*.sbatch")),
    *sorted((ROOT / "tests/unit/golden/other").glob("*.sh")),
]


def in_script(file: Path) -> Iterator[Suggestion]:
    """Commands of a script: its lines have to be complete, its comments only name commands."""
    for number, line in enumerate(file.read_text(encoding="utf-8").split("\n"), start=1):
        where = f"{file.relative_to(ROOT)}:{number}"
        if line.lstrip().startswith("#"):
            yield from in_sentence(line, where, is_mention=True)
        else:
            yield from in_code(line, where)


def test_every_suggested_command_is_accepted_by_its_parser() -> None:
    found = [*chain(*map(in_module, MODULES)), *chain(*map(in_page, PAGES)), *chain(*map(in_script, SCRIPTS))]
    wrong = [f"{each.where}: {each.program} {each.words!r}: {problem}" for each in found if (problem := each.problem())]
    assert not wrong, "\n".join(wrong)
    complete = [each for each in found if not each.is_mention]
    assert len(complete) > 100, "the commands are found at all"
    assert {each.program for each in complete} == {"dlcctr", "dlc"}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("next: dlcctr status m.csv", ""),
        ("next: dlcctr status m.csv (it asks squeue); dlcctr logs m.csv 4", ""),
        ("look with `dlcctr status m.csv`, then go home", ""),
        ("next: dlcctr submit m.csv and wait", "unexpected extra argument"),
        ("look with `dlcctr logs m.csv`", "MissingParameter"),
        ("dlcctr logs m.csv ROW", ""),
        ("dlcctr logs m.csv row", "BadParameter"),
        ("dlcctr manifest … --append", "something is left out"),
        ("dlcctr status m.csv --wacth", "No such option"),
        ("dlcctr image", "a group without"),
        ("this is not a dlcctr image", ""),
        ("dlcctr image bild", "No such command"),
        ("singularity run --nv dlc.sif analyze --manifest m.csv", ""),
        ("singularity run dlc.sif check m.csv", ""),
        ("apptainer run dlc.sif status", "MissingParameter"),
        ("see dlc doctor", ""),
        ("see dlc doctor --fats", "No such option"),
    ],
)
def test_what_the_parser_would_refuse_is_found(text: str, problem: str) -> None:
    said = [each.problem() for each in in_sentence(text, "here", is_mention=False)]
    assert [problem in each if problem else not each for each in said] == [True] * len(said), said
    assert said or "not a" in text


def test_a_mention_may_leave_arguments_out_but_names_what_is_there() -> None:
    def problems(text: str) -> list[str]:
        return [each.problem() for each in in_sentence(text, "here", is_mention=True)]

    assert problems("`dlcctr model inspect|pack`, `dlcctr plan --calibrate`") == ["", "", ""]
    assert all(problems("`dlcctr model inspect|burn`, `dlcctr plan --calibrated`")[1:])


def test_texts_are_put_together_from_their_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.unit.support import suggestions

    monkeypatch.setattr(suggestions, "ROOT", tmp_path)
    (tmp_path / "commands").mkdir()
    file = tmp_path / "commands/x.py"
    file.write_text(
        '"""Prints what `dlcctr check` says."""\n'
        'hint = f"next: dlcctr logs {manifest} " + "and"\n'
        'both = f"dlcctr run {manifest} " f"--rows {rows}"\n'
        'later = "dlcctr status {manifest}"\n'
    )
    found = sorted(in_module(file), key=lambda each: each.where)
    assert [(each.is_mention, bool(each.problem())) for each in found] == [
        (True, False),
        (False, True),
        (False, False),
        (False, False),
    ]


def test_the_options_of_every_flavour_are_taken() -> None:
    texts = [f"dlcctr image build {each.options}" for each in list_flavours()]
    assert texts
    assert not [each.problem() for text in texts for each in in_sentence(text, "here", is_mention=False)
                if each.problem()]  # fmt: skip


def test_commands_of_a_page_and_of_a_script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.unit.support import suggestions

    monkeypatch.setattr(suggestions, "ROOT", tmp_path)
    page = tmp_path / "page.md"
    page.write_text(
        "Say `dlcctr run`:\n\n    dlcctr check m.csv  # 0: done\n\n```sh\n"
        "squeue --me | singularity run dlc.sif status m.csv --squeue - > out.txt\n```\n"
    )
    assert [(each.program, each.problem()) for each in in_page(page)] == [("dlcctr", ""), ("dlcctr", ""), ("dlc", "")]
    (shell,) = in_code("\t@$(PY) -m dlcctr image build --engine $(ENGINE)", "Makefile")
    assert shell.problem() == ""
