#!/usr/bin/env python3
"""Write docs/commands.md, the reference of all commands, from the programs' own help. Usage: scripts/reference.py."""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
PAGE = ROOT / "docs" / "commands.md"
HEAD = """\
# Commands

Made by `make docs` from the programs' own help: change the help, not this page. `dlcctr` is what you type on a
lab's machine or on a login node. `dlc` is the program in the image: `singularity run dlc.sif COMMAND …` or
`docker run … IMAGE COMMAND …`.
"""


def make_page() -> str:
    """Text of the page."""
    import typer
    from typer.cli import get_docs_for_click

    from dlcctr.cli import make_app as make_host_app
    from entrypoint.app import app as image_app

    parts = [HEAD]
    for name, app in (("dlcctr", make_host_app()), ("dlc", image_app)):
        command = typer.main.get_command(app)
        text = get_docs_for_click(obj=command, ctx=typer.Context(command, info_name=name), name=name)
        parts.append(re.sub(r"^#", "##", text, flags=re.MULTILINE))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(parts)).rstrip() + "\n"


if __name__ == "__main__":
    PAGE.write_text(make_page(), encoding="utf-8")
