"""For MkDocs: pages beside docs/ are part of the site, and links between them and docs/ fit in both places."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
BESIDE = {"README.md": "introduction.md", "CONTRIBUTING.md": "CONTRIBUTING.md", "CHANGELOG.md": "CHANGELOG.md"}
"""Pages of the top folder, and their names on the site, where README would be the home page."""


def on_files(files: Any, config: Any) -> Any:
    """Add the pages of the repository's top folder."""
    from mkdocs.structure.files import File

    for name, name_there in BESIDE.items():
        text = (ROOT / name).read_text(encoding="utf-8")
        # A page of docs/ is beside these on the site
        text = re.sub(r"(\]\(|src=\")docs/", r"\1", text)
        files.append(File.generated(config, name_there, content=text))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Let links out of docs/ lead to the site's own copy; those to source files are code, since the site has none."""
    for name, name_there in BESIDE.items():
        markdown = re.sub(rf"\]\((\.\./)?{re.escape(name)}", f"]({name_there}", markdown)
    return re.sub(r"\[([^\]]+)\]\(\.\./[^)]*\)", r"\1", _without_source_links(markdown))


def _without_source_links(markdown: str) -> str:
    targets = "|".join(("LICENSE", "CITATION.cff", "slurm/", "tests/", "dlcctr/", "entrypoint/", "requirements/"))
    return re.sub(rf"\[([^\]]+)\]\((?:{targets})[^)]*\)", r"\1", markdown)
