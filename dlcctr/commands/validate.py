"""The command `validate`: compare the manifest with the videos."""

from __future__ import annotations

import shlex
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dlcctr.contract import ExitCode

if TYPE_CHECKING:
    from dlcctr.campaign.validate import Validation


def add(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(validate)


def validate(
    manifest: Annotated[Path, typer.Argument(help="Manifest; campaign.toml beside it is read.")],
    *,
    jobs: Annotated[int | None, typer.Option(min=1, help="Number of videos to check at once.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """List rows that are changed, missing, duplicated or unreadable.

    Also lists colliding names and bad overrides. Exits with 3 if there are any problems, and with 0 otherwise.
    """
    from dlcctr.campaign.validate import REMEDIES
    from dlcctr.campaign.validate import validate as run_validate
    from dlcctr.system.terminal.console import print_json
    from dlcctr.system.terminal.progress import progress

    found = run_validate(manifest, jobs=jobs, progress=progress)
    if as_json:
        problems = [{**asdict(problem), "remedy": REMEDIES[problem.kind]} for problem in found.problems]
        print_json("validate", manifest=str(manifest), rows=len(found.rows), problems=problems, notes=found.notes)
    else:
        _print(found)
    raise typer.Exit(ExitCode.MANIFEST if found.problems else ExitCode.OK)


def _print(found: Validation) -> None:
    from dlcctr.campaign.validate import MANIFEST, REMEDIES
    from dlcctr.commands.in_image import say_next
    from dlcctr.system.terminal.console import plural, print_lines, print_table

    if found.problems:
        cells = [
            (p.line or "-", "-" if p.index is None else p.index, p.kind, p.video, p.message) for p in found.problems
        ]
        print_table(("line", "row", "problem", "video", "what is wrong"), cells)
    print_lines([f"note: {note}" for note in found.notes])
    kinds = Counter(problem.kind for problem in found.problems)
    counts = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
    print_lines([f"{found.manifest}: {plural(len(found.rows), 'row')}, {counts or 'no problems'}"])
    name = shlex.quote(str(found.manifest))
    say_next(f"next, {kind}: {REMEDIES[kind].replace(MANIFEST, name)}" for kind in kinds)
