"""What `pip install` brings."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[2]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]
TEXTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "dlcctr").rglob("*.py"))]


def names(requirements: list[str]) -> set[str]:
    return {re.split(r"[^A-Za-z0-9_.-]", requirement)[0] for requirement in requirements}


def test_a_plain_installation_can_read_videos_and_write_scripts() -> None:
    assert names(PROJECT["dependencies"]) >= {"av", "jinja2", "rich", "typer"}


def test_the_extra_all_names_every_extra_of_a_command() -> None:
    assert EXTRAS["all"] == [f"dlcctr[{','.join(name for name in EXTRAS if name not in ('all', 'dev'))}]"]


@pytest.mark.parametrize("file", TEXTS, ids=lambda file: str(file.relative_to(ROOT)))
def test_every_extra_that_a_text_names_is_one(file: Path) -> None:
    for extras in re.findall(r"pip install[^\n`]*?(?:dlcctr|\.)\[([\w,]+)\]", file.read_text(encoding="utf-8")):
        assert set(extras.split(",")) <= set(EXTRAS)
