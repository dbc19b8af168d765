"""Links, headings and names of files in what people read."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
FUTURE: set[str] = set()
"""Rooms that docs/architecture.md announces; whoever makes one takes it out here and there."""
FOLDERS = "dlcctr|entrypoint|tests|docs|docker|requirements|scripts|slurm|demo|\\.ci"
TOP = ("Dockerfile", "Makefile", "Singularity.def", "pyproject.toml", "versions.env")


def without_code(text: str) -> str:
    return re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)


def links(text: str) -> list[str]:
    """Targets of links and pictures inside the repository."""
    targets = re.findall(r"\]\(([^)\s]+)\)", without_code(text))
    return [target for target in targets if not re.match(r"[a-z]+:", target)]


def anchors(text: str) -> set[str]:
    """Anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ +(.*?) *$", without_code(text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken(page: Path) -> list[str]:
    """Links of a page that lead nowhere."""
    found = []
    for link in links(page.read_text(encoding="utf-8")):
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        if not target.exists() or (anchor and anchor not in anchors(target.read_text(encoding="utf-8"))):
            found.append(link)
    return found


def named_files(text: str) -> set[str]:
    """Files and folders of the repository that a text names in backticks; those with a <placeholder> are left out."""
    words = {word for code in re.findall(r"`([^`\n]+)`", without_code(text)) for word in code.split()}
    return {word for word in words if word in TOP or re.fullmatch(rf"(?:{FOLDERS})/[\w./-]*", word)}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_to_a_file_and_a_heading_that_are_there(page: Path) -> None:
    assert not broken(page)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_that_a_page_names_is_there(page: Path) -> None:
    missing = {each for each in named_files(page.read_text(encoding="utf-8")) if not (ROOT / each).exists()}
    assert {each.rstrip("/") for each in missing} <= FUTURE


def test_a_room_that_was_made_is_announced_no_more() -> None:
    assert not [each for each in FUTURE if (ROOT / each).exists()]


def test_a_broken_link_and_a_missing_file_are_seen(tmp_path: Path) -> None:
    page = tmp_path / "a.md"
    page.write_text(
        "# Two words, `code`\n[1](#two-words-code) [2](#none) [3](b.md) [4](https://x.org/y) `dlcctr/x.py`\n"
    )
    assert broken(page) == ["#none", "b.md"]
    assert named_files(page.read_text()) == {"dlcctr/x.py"}


def test_the_index_lists_every_page() -> None:
    index = ROOT / "docs/index.md"
    listed = {(index.parent / link.partition("#")[0]).resolve() for link in links(index.read_text(encoding="utf-8"))}
    assert listed == {page.resolve() for page in PAGES} - {index}


def test_the_architecture_page_has_every_room() -> None:
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    for package in ("dlcctr", "entrypoint"):
        for room in (ROOT / package).iterdir():
            if (room / "__init__.py").exists():
                assert f"`{package}/{room.name}/`" in text


def test_the_reference_of_commands_is_what_the_programs_say() -> None:
    script = ROOT / "scripts" / "reference.py"
    code = "import runpy, sys; print(runpy.run_path(sys.argv[1])['make_page'](), end='')"
    made = subprocess.run([sys.executable, "-c", code, script], capture_output=True, text=True, check=True, cwd=ROOT)
    assert made.stdout == (ROOT / "docs" / "commands.md").read_text(encoding="utf-8"), "run scripts/reference.py"


def test_the_sites_menu_has_every_page() -> None:
    from ruamel.yaml import YAML

    menu = YAML(typ="safe").load(ROOT / "mkdocs.yml")["nav"]
    listed = [page for part in menu for page in flat(part)]
    assert sorted(listed) == sorted("introduction.md" if page.name == "README.md" else page.name for page in PAGES)


def flat(part: object) -> list[str]:
    """Names of files in a part of the menu."""
    if isinstance(part, dict):
        return [name for each in part.values() for name in flat(each)]
    if isinstance(part, list):
        return [name for each in part for name in flat(each)]
    return [str(part)]
