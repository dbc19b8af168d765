"""`status`: what became of every row on the cluster, and what to type next."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dlcctr.commands.cluster import options
from dlcctr.commands.cluster.on_cluster import runs_on_cluster
from dlcctr.contract import ExitCode

if TYPE_CHECKING:
    from dlcctr.commands.cluster.watch_view import WatchText
    from dlcctr.slurm.status.row_status import RowStatus, StatusResult
    from dlcctr.slurm.status.throughput import Throughput

_WHEN = re.compile(r" \(exit code [0-9]+, [^()]*\)$")
"""End of a cause in a failure file: when it happened does not make it another one."""


def add(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(runs_on_cluster(status))


def status(
    manifest: Annotated[Path, typer.Argument(help="Manifest; campaign.toml beside it is read.")],
    *,
    watch: Annotated[bool, typer.Option("--watch", help="Refresh until Ctrl-C.")] = False,
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait until nothing is queued or running, then show it.")
    ] = False,
    interval: Annotated[float, typer.Option(min=1, metavar="S", help="Seconds between refreshes.")] = 30,
    show_all: Annotated[bool, typer.Option("--all", help="List every row.")] = False,
    flagged: Annotated[
        bool, typer.Option("--flagged", help="List rows whose tracking is suspicious; exit with 20 if there are any.")
    ] = False,
    squeue: options.SqueueText = "",
    sacct: options.SacctText = "",
    accept_degraded: Annotated[
        bool, typer.Option("--accept-degraded", help="Accept results in which some frames did not decode.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Show which rows are done, running, waiting, failed (why) or lost.

    Exits with 0 if all are done, 75 while some wait or run, and 20 if one needs your attention.
    """
    from dlcctr.commands.cluster.watch_view import watch_on_terminal
    from dlcctr.slurm.status.status import status as look
    from dlcctr.system.terminal.live import is_live

    _check_options(squeue, sacct, watch=watch, wait=wait)
    squeue_text, sacct_text = options.given_texts(squeue, sacct)
    progress = _progress(quiet=watch or wait)

    def once() -> StatusResult:
        return look(
            manifest,
            squeue_text=squeue_text,
            sacct_text=sacct_text,
            accept_degraded=accept_degraded,
            progress=progress,
        )

    def show(result: StatusResult) -> None:
        _show(result, show_all=show_all, show_flags=flagged, as_json=as_json)

    if watch and is_live(sys.stdout) and not (show_all or as_json):
        result = watch_on_terminal(once, watch_text, interval)
        show(result)
    elif watch:
        result = _watch(once, show, interval)
    else:
        result = _wait(once, interval) if wait else once()
        show(result)
    odd = flagged and any(row.flags for row in result.rows)
    raise typer.Exit(int(result.exit_code) or (int(ExitCode.UNFINISHED) if odd else 0))


def _check_options(squeue: str, sacct: str, *, watch: bool, wait: bool) -> None:
    import shutil

    from dlcctr.errors import ToolMissingError, UsageError

    if (watch or wait) and (squeue or sacct):
        raise UsageError("--watch and --wait cannot be combined with --squeue or --sacct", "drop one of them")
    if wait and not shutil.which("squeue"):
        raise ToolMissingError("--wait needs squeue, which is not on this machine", "use it on the login node")


def _progress(*, quiet: bool) -> Any:
    from dlcctr.system.terminal.progress import no_progress, progress

    return no_progress if quiet else progress


def _watch(once: Callable[[], StatusResult], show: Callable[[StatusResult], None], interval: float) -> StatusResult:
    from dlcctr.system.pause import pause
    from dlcctr.system.terminal.console import clear_screen, print_lines

    result = once()
    try:
        while True:
            clear_screen()
            show(result)
            print_lines(
                [f"{datetime.now():%Y-%m-%d %H:%M:%S}, refreshed every {interval:g} s; Ctrl-C to stop"], flush=True
            )
            pause(interval)
            result = once()
    except KeyboardInterrupt:
        return result


def _wait(once: Callable[[], StatusResult], interval: float) -> StatusResult:
    from dlcctr.system.pause import pause
    from dlcctr.system.terminal.console import warn

    said = ""
    while (result := once()).is_live:
        if (now := _counts(result)) != said:
            warn(f"{datetime.now():%H:%M:%S}  {now}")
            said = now
        pause(interval)
    return result


def _show(result: StatusResult, *, show_all: bool, show_flags: bool, as_json: bool) -> None:
    from dlcctr.system.terminal.console import print_json

    if as_json:
        print_json("status", **as_fields(result))
    else:
        _print(result, show_all=show_all, show_flags=show_flags)


def as_fields(result: StatusResult) -> dict[str, Any]:
    """Body of the JSON output."""
    return {
        "manifest": str(result.manifest),
        "exit_code": int(result.exit_code),
        "totals": result.totals,
        "asked": result.asked,
        "pace": asdict(result.pace),
        "cost": asdict(result.cost),
        "rows": [{**asdict(row), "phase": row.phase.value} for row in result.rows],
        "notes": result.notes,
    }


def _print(result: StatusResult, *, show_all: bool, show_flags: bool) -> None:
    from dlcctr.campaign.config import read_campaign
    from dlcctr.commands.in_image import say_next
    from dlcctr.slurm.advice import after_status
    from dlcctr.slurm.queue.scheduler import shown_cluster
    from dlcctr.slurm.whereabouts import find_whereabouts
    from dlcctr.system.terminal.console import plural, print_lines, print_table

    if show_all:
        flags = [", ".join(row.flags) for row in result.rows]
        print_table(
            ("row", "phase", "task", "node", "video", "why", *(["flags"] if any(flags) else [])),
            [(row.index, row.phase.value, row.job + shown_cluster(row.cluster), row.node, row.video,
              row.cause or row.reason, *([names] if any(flags) else []))
             for row, names in zip(result.rows, flags, strict=True)],
        )  # fmt: skip
        print_lines([""])
    print_table(("phase", "rows", "which", "node", "why"), _groups(result))
    say_next(f"note: {note}" for note in result.notes)
    cost = [f"cost so far: {result.cost.text}"] if result.cost.text else []
    if show_flags and (odd := [row for row in result.rows if row.flags]):
        print_lines([""])
        print_table(("row", "flags", "video"), [(row.index, ", ".join(row.flags), row.video) for row in odd])
        print_lines([""])
    lines = [f"{plural(len(result.rows), 'row')}: {_counts(result)}", *_pace_lines(result.pace), *cost]
    print_lines([*lines, *_flag_lines(result)])
    say_next(after_status(result, find_whereabouts(result.manifest, read_campaign(result.manifest))))


def watch_text(result: StatusResult) -> WatchText:
    """What `_print` prints, except for the waiting and running tasks, which are drawn one by one."""
    from dlcctr.campaign.config import read_campaign
    from dlcctr.commands.cluster.watch_view import WatchText
    from dlcctr.commands.in_image import here
    from dlcctr.slurm.advice import after_status
    from dlcctr.slurm.status.row_status import LIVE, Phase
    from dlcctr.slurm.whereabouts import find_whereabouts
    from dlcctr.system.terminal.console import plural

    quiet = {phase.value for phase in (*LIVE, Phase.DONE)}
    problems = [
        f"{phase} ({which}): {f'{node}: ' if node else ''}{why}".rstrip(": ")
        for phase, _, which, node, why in _groups(result)
        if phase not in quiet
    ]
    steps = after_status(result, find_whereabouts(result.manifest, read_campaign(result.manifest)), watched=True)
    return WatchText(
        above=[f"{plural(len(result.rows), 'row')}: {_counts(result)}"],
        below=[*problems, *map(here, (*(f"note: {note}" for note in result.notes), *steps))],
    )


def _groups(result: StatusResult) -> list[tuple[str, int, str, str, str]]:
    """Rows of one phase and cause on one line; the node where it is the node's fault."""
    from dlcctr.slurm.advice import short_ranges
    from dlcctr.slurm.status.row_status import Phase

    groups: dict[tuple[Phase, str, str], list[RowStatus]] = {}
    for row in result.rows:
        why = _waits_for(row) if row.is_live else row.cause_kind
        groups.setdefault((row.phase, why, row.node if row.blames_node else ""), []).append(row)
    order = list(Phase)
    found = sorted(groups.items(), key=lambda item: (order.index(item[0][0]), -len(item[1]), item[0][1:]))
    return [
        (phase.value, len(rows), short_ranges(row.index for row in rows), node, _why(why, rows))
        for (phase, why, node), rows in found
    ]


def _waits_for(row: RowStatus) -> str:
    if row.canary is None or row.is_stuck:
        return row.reason
    return f"waits for the canary, row {row.canary}"


def _why(why: str, rows: list[RowStatus]) -> str:
    from dlcctr.slurm.status.pending import find_remedy
    from dlcctr.slurm.status.row_status import Phase
    from dlcctr.system.terminal.console import plural

    if rows[0].phase is Phase.PENDING and (remedy := find_remedy(rows[0].reason)):
        return f"{why}: waiting does not help; {remedy}"
    causes: dict[str, str] = {}
    for row in rows:
        if row.cause:
            causes.setdefault(_WHEN.sub("", row.cause), row.cause)
    if rows[0].phase is Phase.DONE or not causes:
        return why
    others = f" (and {plural(len(causes) - 1, 'other cause')}; --all shows them)" if len(causes) > 1 else ""
    return (f"{why}: " if why else "") + next(iter(causes.values())) + others


def _flag_lines(result: StatusResult) -> list[str]:
    """How many finished rows are suspicious, and how."""
    from collections import Counter

    from dlcctr.system.terminal.console import plural

    odd = [row for row in result.rows if row.flags]
    kinds = Counter(name for row in odd for name in row.flags)
    shown = ", ".join(f"{name} {count}" for name, count in kinds.most_common())
    return [f"{plural(len(odd), 'row')} flagged: {shown}"] if odd else []


def _counts(result: StatusResult) -> str:
    return ", ".join(f"{count} {phase}" for phase, count in result.totals.items() if count)


def _pace_lines(pace: Throughput) -> list[str]:
    from dlcctr.system.terminal.console import duration

    def shown(value: float | None, text: Callable[[float], str]) -> str:
        return "unknown" if value is None else text(value)

    sources = {
        "accounting": " (by accounting)",
        "receipts": " (finished rows only)",
        "accounting and receipts": " (by accounting; of jobs that it does not know, finished rows)",
    }
    source = sources.get(pace.gpu_hours_source, "")
    parts = [
        f"GPU-hours used: {shown(pace.gpu_hours, '{:.2f}'.format)}{source}",
        f"speed-up against one GPU: {shown(pace.speed_up, _number)}",
    ]
    if pace.running_tasks or pace.pending_tasks:
        tasks = f"array tasks: {pace.running_tasks} running, {pace.pending_tasks} waiting"
        speed = f"frames/s: {shown(pace.frames_per_s, _number)}"
        basis = "" if pace.left_is_measured else " (as planned)"
        left = shown(pace.left_s, lambda seconds: f"about {duration(seconds)}{basis}")
        parts = [tasks, speed, f"time left: {left}", *parts]
    return ["; ".join(parts)] if pace.speed_up or pace.gpu_hours or len(parts) > 2 else []


def _number(value: float) -> str:
    return f"{value:.0f}" if value >= 10 else f"{value:.2g}"
