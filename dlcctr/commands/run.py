"""The command `run`: analyse a manifest's rows on this machine, without a scheduler."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dlcctr.commands import runtime_options

if TYPE_CHECKING:
    from dlcctr.runtime.rows.row_run import Outcome


def add(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="run")(run_manifest)


def run_manifest(
    manifest: Annotated[Path, typer.Argument(help="Manifest; campaign.toml beside it is read.")],
    *,
    jobs: runtime_options.Jobs = None,
    gpus: runtime_options.Gpus = None,
    runtime: runtime_options.Runtime = "auto",
    image: runtime_options.Image = "",
    rows: Annotated[str, typer.Option(metavar="0-9,12", help="Only these rows.")] = "",
    batch_size: runtime_options.BatchSize = None,
    allow_cpu: runtime_options.AllowCpu = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Analyse finished rows again.")] = False,
    trust_model: runtime_options.TrustModel = False,
    wheels: runtime_options.Wheels = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Analyse the rows here, in Docker, Apptainer or natively.

    Finished rows are skipped, and a bad row never stops the others.
    """
    from dlcctr.contract import ExitCode
    from dlcctr.runtime.rows import run_campaign as campaign_run

    options = campaign_run.RunOptions(
        jobs=jobs,
        gpus=gpus,
        runtime=runtime,
        image=image,
        rows=rows,
        batch_size=batch_size,
        allow_cpu=allow_cpu,
        overwrite=overwrite,
        trust_model=trust_model,
        wheels=tuple(wheels or ()),
    )
    result = campaign_run.run_campaign(manifest, options)
    _print(manifest, result.outcomes, as_json=as_json, runtime=result.runtime)
    if result.runtime and result.exit_code != ExitCode.TRY_AGAIN:
        _tell(manifest)
    raise typer.Exit(result.exit_code)


def _tell(manifest: Path) -> None:
    """Send the notice that the usual site profile wants; what goes wrong with it changes nothing."""
    from dlcctr.errors import DlcctrError
    from dlcctr.results.notice import count_rows, send
    from dlcctr.slurm.site.files import find_site, user_files
    from dlcctr.system.terminal.console import warn

    if not user_files():
        return
    try:
        site = find_site()
        if site.command or site.webhook:
            for problem in send(count_rows(manifest), site.command, site.webhook):
                warn(problem)
    except DlcctrError as error:
        warn(f"warning: no notice was sent: {error.message}")


def _print(manifest: Path, outcomes: Sequence[Outcome], *, as_json: bool, runtime: str) -> None:
    from dlcctr.system.terminal.console import print_json, print_lines

    if as_json:
        rows = [asdict(each) | {"log": str(each.log) if each.log else None} for each in outcomes]
        print_json("run", manifest=str(manifest), runtime=runtime, rows=rows)
    else:
        print_lines(summary(manifest, outcomes))


def summary(manifest: Path, outcomes: Sequence[Outcome]) -> list[str]:
    """Counts, the failed rows, and the command to type next."""
    import shlex

    from dlcctr.contract import ExitCode
    from dlcctr.system.terminal.console import plural, row_ranges

    kinds: Counter[str] = Counter()
    failed: dict[int, list[int]] = {}
    for each in outcomes:
        if each.code == ExitCode.OK:
            kinds["finished before" if each.was_finished else "done"] += 1
        elif each.cause in ("stopped", "not started"):
            kinds[each.cause] += 1
        else:
            kinds["failed"] += 1
            failed.setdefault(each.code, []).append(each.index)
    counts = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
    lines = [f"{plural(len(outcomes), 'row')}: {counts or 'none'}"]
    lines += [f"  exit code {code}: {row_ranges(indices)}" for code, indices in sorted(failed.items())]
    name = shlex.quote(str(manifest))
    if kinds["stopped"] or kinds["not started"]:
        return [
            *lines,
            f"next: the same command again (dlcctr run {name}, with its options); finished rows are skipped",
        ]
    return [*lines, f"next: dlcctr check {name}"]
