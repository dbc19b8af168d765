"""The command `rate`: take in what people said of the videos."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def add(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(rate)


def rate(
    manifest: Annotated[Path, typer.Argument(help="Manifest that the ratings are of.")],
    ratings: Annotated[Path, typer.Argument(help="Table of ratings, as the report exports it.")],
    *,
    rater: Annotated[str, typer.Option(metavar="NAME", help="Who rated, where a line does not say it.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Take in ratings that were given in a report, newest first.

    They are kept beside the manifest, in `<manifest>.ratings.tsv`, with who said them and when. Of each person and row
    the newest rating counts. A table with a wrong line is refused as a whole.
    """
    from dlcctr.quality.ratings.take import take_ratings
    from dlcctr.system.terminal.console import plural, print_json, print_lines

    taken = take_ratings(manifest, ratings, rater.strip())
    if as_json:
        print_json(
            "rate",
            manifest=str(manifest),
            file=str(taken.file),
            read=taken.read,
            new=taken.new,
            ratings=taken.counts,
        )
        return
    counts = ", ".join(f"{count} {name}" for name, count in taken.counts.items())
    print_lines([f"{plural(taken.read, 'rating')} read, {taken.new} of them new", f"{taken.file}: {counts or 'none'}"])
