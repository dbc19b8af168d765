"""The command `report`: one page that says of every video whether its tracking is right."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from dlcctr.quality.report.collect import Report
    from dlcctr.quality.report.summary import Summary


def add(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(report)


def report(
    manifest: Annotated[Path, typer.Argument(help="Manifest; campaign.toml beside it is read.")],
    *,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="The page; by default `report.html` beside the manifest.")
    ] = None,
    jobs: Annotated[int | None, typer.Option(min=1, help="Number of rows to check at once.")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON, for programs; the page is written only with -o.")
    ] = False,
) -> None:
    """Write one page on all videos: flags, pictures, plots, ratings.

    The page is one file that asks no server for anything. It begins with the campaign's numbers; the videos follow,
    worst first. Ratings that are given in it become the campaign's by `dlcctr rate MANIFEST RATINGS`.
    """
    from dlcctr.quality.report.collect import collect
    from dlcctr.quality.report.page import write_page
    from dlcctr.quality.report.summary import summarise
    from dlcctr.slurm.status.causes import of_failure
    from dlcctr.system.terminal.console import plural, print_json, print_lines, size_text
    from dlcctr.system.terminal.progress import progress

    found = collect(manifest, jobs=jobs, progress=progress)
    summary = summarise(found, lambda code, text, node: of_failure(code, text, node).kind)
    file = output or (None if as_json else manifest.with_name("report.html"))
    size = write_page(file, found, summary, progress=progress) if file else 0
    if as_json:
        print_json("report", **as_fields(found, summary), file=str(file) if file else None)
        return
    rows = plural(len(found.videos), "row")
    print_lines([f"{rows}, {summary.judged} judged, {summary.flagged} flagged, {summary.rated} rated"])
    print_lines([f"{file}: {size_text(size)}; open it in a browser, press ? for the keys"])


def as_fields(found: Report, summary: Summary) -> dict[str, Any]:
    """Body of the JSON output."""
    from dlcctr.model.curve.losses import losses_for_json
    from dlcctr.quality.report.details import for_programs
    from dlcctr.quality.report.methods import methods_text

    return {
        "manifest": str(found.check.manifest),
        "out": str(found.campaign.out),
        "campaign": asdict(summary),
        "methods": methods_text(found, summary),
        "trainings": [
            {
                "model": each.name,
                "engine": each.engine,
                "net_type": each.net_type,
                "unit": each.unit,
                "losses": losses_for_json(each.losses),
            }
            for each in found.trainings
        ],
        "videos": [for_programs(video) for video in found.videos],
        "notes": found.notes,
    }
