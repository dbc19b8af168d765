"""`cancel`: take a campaign's tasks out of the queue."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dlcctr.commands.cluster.on_cluster import runs_on_cluster

if TYPE_CHECKING:
    from dlcctr.slurm.submit.cancel import Queued


def add(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="cancel")(runs_on_cluster(cancel_manifest))


def cancel_manifest(
    manifest: Annotated[Path, typer.Argument(help="Manifest that was submitted.")],
    *,
    rows: Annotated[str, typer.Option(metavar="0-9,12", help="Only the tasks that contain these rows.")] = "",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Cancel a campaign's waiting and running tasks.

    Shows them first; existing results stay. On a terminal it asks; elsewhere it needs --yes, and without that it only
    shows them and exits with 2.
    """
    from dlcctr.campaign.paths import typed_manifest
    from dlcctr.errors import TryAgainError, UsageError
    from dlcctr.slurm.submit.cancel import cancel, find_queued
    from dlcctr.system.terminal.console import plural, print_json, print_lines

    queued = find_queued(manifest, rows)
    if not as_json:
        _show(manifest, queued)
    go = bool(queued.targets) and (yes or (not as_json and _confirm(queued)))
    if go:
        cancel(queued)
    if as_json:
        print_json("cancel", **as_fields(manifest, queued, cancelled=go))
    elif go:
        print_lines([f"cancelled {plural(queued.n_tasks, 'task')}", f"next: dlcctr status {typed_manifest(manifest)}"])
    if queued.targets and not go:
        raise UsageError("nothing was cancelled", "add --yes to cancel these tasks")
    if queued.unsure:
        raise TryAgainError("; ".join(queued.unsure), "; ".join(dict.fromkeys(queued.unsure.values())))


def _confirm(queued: Queued) -> bool:
    from dlcctr.system.terminal.console import plural

    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return False
    return typer.confirm(f"Cancel {plural(queued.n_tasks, 'task')}?", default=False)


def _show(manifest: Path, queued: Queued) -> None:
    from dlcctr.slurm.queue.scheduler import shown_cluster
    from dlcctr.system.terminal.console import print_lines, print_table, ranges

    if not queued.targets:
        if queued.unsure:
            return
        what = "is waiting or running" if queued.n_submissions else "was submitted"
        print_lines([f"{manifest}: nothing {what}"])
        return
    print_table(
        ("job", "running", "waiting", "rows"),
        [
            (
                each.job + shown_cluster(each.place.named),
                ranges(each.running) or "-",
                ranges(each.pending) or "-",
                ranges(each.rows) or "?",
            )
            for each in queued.targets
        ],
    )
    print_lines(["finished rows stay finished; a running row loses what it has not written yet"])
    if queued.bystanders:
        print_lines([f"note: rows {ranges(queued.bystanders)} share tasks with these rows and are cancelled, too"])


def as_fields(manifest: Path, queued: Queued, *, cancelled: bool) -> dict[str, Any]:
    """Body of the JSON output."""
    return {
        "manifest": str(manifest),
        "cancelled": cancelled,
        "jobs": [
            {
                "job": each.job,
                "cluster": each.place.named,
                "running": list(each.running),
                "pending": list(each.pending),
                "rows": list(each.rows),
            }
            for each in queued.targets
        ],
        "unsure": list(queued.unsure),
        "bystanders": list(queued.bystanders),
    }
