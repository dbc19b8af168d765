"""`submit`: hand the rows to Slurm."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dlcctr.commands.cluster import options
from dlcctr.commands.cluster.on_cluster import runs_on_cluster

if TYPE_CHECKING:
    from dlcctr.slurm.submit.submit import SubmitResult


def add(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="submit")(runs_on_cluster(submit_manifest))


@options.with_cluster_options()
def submit_manifest(
    manifest: Annotated[Path, typer.Argument(help="Manifest; campaign.toml beside it is read.")],
    *,
    rows: Annotated[str, typer.Option(metavar="0-9,12", help="Only these rows.")] = "",
    canary: Annotated[
        bool, typer.Option("--canary", help="Run one short video first; all others wait until its result is whole.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check and print the scripts; submit nothing.")] = False,
    skip_bad_videos: Annotated[
        bool, typer.Option("--skip-bad-videos", help="Leave out rows whose video is missing or was changed.")
    ] = False,
    shared: options.ClusterOptions,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Submit rows to Slurm, each at most once.

    Takes the rows that have no result and were never submitted, and first checks what all tasks need.
    """
    from dlcctr.slurm.submit.prepare import SubmitOptions
    from dlcctr.slurm.submit.submit import submit
    from dlcctr.system.terminal.progress import progress

    request = SubmitOptions(
        site=shared.resolve_site(),
        job=shared.job_options(),
        plan=shared.plan_options(),
        rows=rows,
        canary=canary,
        dry_run=dry_run,
        skip_bad_videos=skip_bad_videos,
    )
    done = submit(manifest, request, progress=progress)
    print_submitted(done, dry_run=dry_run, as_json=as_json)


def print_submitted(done: SubmitResult, *, dry_run: bool, as_json: bool) -> None:
    """Print what was submitted, and in a dry run the scripts."""
    from dataclasses import asdict

    from dlcctr.campaign.paths import typed_manifest
    from dlcctr.slurm.submit.asked import as_fields, table_of
    from dlcctr.slurm.submit.submit import say_submitted
    from dlcctr.system.terminal.console import print_json, print_lines, print_script, print_table

    name = typed_manifest(done.manifest)
    if as_json:
        print_json(
            "submit",
            manifest=str(done.manifest),
            plan=done.plan.id if done.plan else None,
            arrays=[asdict(array) for array in done.arrays],
            finished=done.n_finished,
            submitted_before=done.n_allocated,
            unreadable=done.n_unreadable,
            left_out=done.left_out,
            dry_run=dry_run,
            asked=as_fields(done.asked) if done.asked else None,
            notice=done.notice or (done.only_steps.notice if done.only_steps else ""),
            only_steps=_only_steps(done.only_steps) if done.only_steps else None,
        )
        return
    handed_over = [done, *([done.only_steps] if done.only_steps else [])]
    if dry_run:
        for _, text in (script for each in handed_over for script in each.scripts):
            print_script(f"{text}\n")
    print_lines(say_submitted(done, dry_run=dry_run))
    for each in handed_over:
        if each.asked:
            print_table(*table_of(each.asked))
    would = "next: the same command without --dry-run submits this"
    print_lines([would if dry_run and done.plan else f"next: dlcctr status {name}"])


def _only_steps(done: SubmitResult) -> dict[str, Any]:
    """What was submitted for rows that are analysed, for JSON."""
    from dataclasses import asdict

    from dlcctr.slurm.submit.asked import as_fields

    return {
        "plan": done.plan.id if done.plan else None,
        "arrays": [asdict(array) for array in done.arrays],
        "left_out": done.left_out,
        "asked": as_fields(done.asked) if done.asked else None,
    }
