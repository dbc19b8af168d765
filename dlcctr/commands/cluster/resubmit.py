"""The command `resubmit`: submit rows again, by cause."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dlcctr.commands.cluster import options
from dlcctr.commands.cluster.on_cluster import runs_on_cluster

if TYPE_CHECKING:
    from dlcctr.slurm.submit.asked import Asked
    from dlcctr.slurm.submit.prepare import Prepared
    from dlcctr.slurm.submit.resubmit import ResubmitRequest
    from dlcctr.slurm.submit.retry import Decision
    from dlcctr.slurm.submit.submit import SubmitResult


def add(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="resubmit")(runs_on_cluster(resubmit_manifest))


@options.with_cluster_options(without=("tasks", "task_time_min"))
def resubmit_manifest(
    manifest: Annotated[Path, typer.Argument(help="Manifest; campaign.toml beside it is read.")],
    *,
    rows: Annotated[str, typer.Option(metavar="0-9,12", help="Only these rows.")] = "",
    again: Annotated[
        bool,
        typer.Option("--again", help="Also rows whose cause you have fixed, or that failed twice in the same way."),
    ] = False,
    cancelled: Annotated[
        bool, typer.Option("--cancelled/--no-cancelled", help="Also rows whose jobs somebody cancelled.")
    ] = True,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be done, and do nothing.")] = False,
    print_script: Annotated[
        bool, typer.Option("--print", help="Print the script, to submit by hand; the summary goes to stderr.")
    ] = False,
    array: Annotated[
        int | None, typer.Option(min=0, help="With --print: number of the script, from 0, if there are several.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="With --print: file to write; printed by default.")
    ] = None,
    squeue: options.SqueueText = "",
    sacct: options.SacctText = "",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")] = False,
    shared: options.ClusterOptions,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Submit failed or lost rows again, depending on the cause.

    First shows what it would do: more time, more memory, another node, or the same again.
    """
    from dlcctr.slurm.submit.resubmit import ResubmitRequest, find_decision, last_asked, prepare_again, resubmit
    from dlcctr.system.terminal.console import print_json
    from dlcctr.system.terminal.progress import progress

    _check_options(print_script=print_script, elsewhere=bool(squeue or sacct or array is not None or output))
    squeue_text, sacct_text = options.given_texts(squeue, sacct)
    request = ResubmitRequest(
        job=shared.job_options(),
        plan=shared.plan_options(),
        changes=shared.site_changes(),
        rows=rows,
        again=again,
        cancelled=cancelled,
        site=shared.site,
        dry_run=dry_run,
        squeue_text=squeue_text,
        sacct_text=sacct_text,
    )
    decision = find_decision(manifest, request, progress=progress)
    if print_script:
        _print(manifest, decision, request, array, output)
        return
    # without a group as well: while nobody knows whether a job arrived, "nothing to submit" would be wrong
    ready = prepare_again(manifest, decision, request, progress=progress)
    if not as_json:
        _show(decision)
        _show_asked(ready, last_asked(manifest))
    done: list[SubmitResult] = []
    if decision.groups and _may(yes=yes, dry_run=dry_run):
        done = resubmit(manifest, decision, request, ready, progress=progress)
    if as_json:
        from dataclasses import asdict

        from dlcctr.slurm.submit.asked import as_fields

        arrays = [asdict(array) for each in done for array in each.arrays]
        asked = [as_fields(each.asked) for each in ready if each.asked]
        notice = "".join(each.notice for each in done)
        print_json(
            "resubmit",
            manifest=str(manifest),
            **asdict(decision),
            asked=asked,
            arrays=arrays,
            notice=notice,
            dry_run=dry_run,
        )
    else:
        _say(done, manifest, dry_run=dry_run)


def _show_asked(ready: list[Prepared], before: Asked | None) -> None:
    from dlcctr.slurm.submit.asked import table_of
    from dlcctr.system.terminal.console import print_table

    for each in ready:
        if each.asked:
            print_table(*table_of(each.asked, before))


def _check_options(*, print_script: bool, elsewhere: bool) -> None:
    from dlcctr.commands.in_image import find_program
    from dlcctr.errors import UsageError

    if print_script:
        return
    if elsewhere:
        raise UsageError(
            "--squeue, --sacct, --array and --output only work with --print", "add --print, or leave them out"
        )
    if find_program():
        raise UsageError(
            "Slurm's commands are not in the image, so nothing can be submitted from here",
            "print the script, and submit it on the host: add --print and what squeue says, as in: "
            "squeue --me | … resubmit m.csv --print --squeue - > job.sh && sbatch job.sh",
        )


def _print(
    manifest: Path, decision: Decision, request: ResubmitRequest, array: int | None, output: Path | None
) -> None:
    from dlcctr.campaign.paths import typed_manifest
    from dlcctr.commands.in_image import here
    from dlcctr.errors import UsageError
    from dlcctr.slurm.submit.printing import choose_script, print_again
    from dlcctr.system.terminal.console import warn

    decision = replace(decision, groups=[replace(group, canary=False) for group in decision.groups])
    for line in _lines(decision):
        warn(here(line))  # nobody makes one printed script wait for another
    if not decision.groups:
        raise UsageError(
            f"{manifest}: no script: no row is to be submitted again",
            f"dlcctr status {typed_manifest(manifest)}",
        )
    options.write_script(choose_script(print_again(manifest, decision, request), array), output)


def _show(decision: Decision) -> None:
    from dlcctr.commands.in_image import say_next

    say_next(_lines(decision))


def _lines(decision: Decision) -> list[str]:
    from dlcctr.system.terminal.console import row_ranges

    lines = []
    for group in decision.groups:
        causes = ", ".join(f"{kind} ({row_ranges(indices)})" for kind, indices in group.causes.items())
        lines.append(f"again, {group.changes}: {causes}")
    lines += [f"not again: {row_ranges(each.rows)}: {each.why}" for each in decision.left]
    return lines if decision.groups else [*lines, "nothing to submit again"]


def _may(*, yes: bool, dry_run: bool) -> bool:
    """Whether to continue: asked on a terminal; without one only after --yes."""
    from dlcctr.errors import UsageError

    if yes or dry_run:
        return True
    if not sys.stdin.isatty():
        raise UsageError("not submitted: there is no terminal to confirm on", "add --yes to do what is shown above")
    return typer.confirm("Submit this?", default=True)


def _say(done: list[SubmitResult], manifest: Path, *, dry_run: bool) -> None:
    from dlcctr.campaign.paths import typed_manifest
    from dlcctr.slurm.submit.submit import say_submitted
    from dlcctr.system.terminal.console import print_lines

    for each in done:
        print_lines(say_submitted(each, dry_run=dry_run))
    if done:
        print_lines([f"next: dlcctr status {typed_manifest(manifest)}"])
