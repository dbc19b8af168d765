"""The command `compare`: two models on a sample of a campaign, before a cluster is spent on one of them."""

from __future__ import annotations

import shlex
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dlcctr.commands import runtime_options

if TYPE_CHECKING:
    from dlcctr.campaign.derive import ModelChoice
    from dlcctr.compare.pairs import Pair, Side
    from dlcctr.compare.run_compare import Compared
    from dlcctr.compare.verdict import Comparison

NAME_CHARS = 25
"""Of a video's name in the table, so that a line has 80 columns."""


def add(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="compare")(compare_models)


def compare_models(
    manifest: Annotated[Path, typer.Argument(help="Manifest of the campaign; campaign.toml beside it is read.")],
    *,
    model: Annotated[
        list[Path],
        typer.Option(help="Project or bundle: A, then B. Given once, A is the campaign's own model."),
    ],
    shuffle: Annotated[
        list[int] | None, typer.Option(help="DeepLabCut's shuffle, as often as --model, or once for both.")
    ] = None,
    snapshot: Annotated[
        list[str] | None, typer.Option(help="Snapshot name or index, as often as --model, or once for both.")
    ] = None,
    trainset_index: Annotated[int, typer.Option(min=0, help="DeepLabCut's training set index.")] = 0,
    sample: Annotated[int, typer.Option(min=1, max=1000, help="Number of videos.")] = 20,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Folder; by default `m-compare` beside `m.csv`.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Start of the random numbers.")] = 0,
    no_run: Annotated[
        bool, typer.Option("--no-run", help="Analyse nothing here: prepare, and compare what there is.")
    ] = False,
    videos: Annotated[bool, typer.Option("--videos", help="Also make clips of both side by side.")] = False,
    jobs: runtime_options.Jobs = None,
    gpus: runtime_options.Gpus = None,
    runtime: runtime_options.Runtime = "auto",
    image: Annotated[list[str] | None, typer.Option(help="Image tag or .sif file, for both or for each.")] = None,
    batch_size: runtime_options.BatchSize = None,
    allow_cpu: runtime_options.AllowCpu = False,
    trust_model: runtime_options.TrustModel = False,
    wheels: runtime_options.Wheels = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Compare two models on a sample of a campaign.

    Some videos are drawn at random, each camera among them, and some are the worst. Both models analyse them here, or
    on a cluster with --no-run. The same command again goes on where it was. Writes compare.html, and one line.
    """
    from dlcctr.commands.in_image import find_program
    from dlcctr.compare.run_compare import CompareRequest
    from dlcctr.compare.run_compare import compare as run_compare
    from dlcctr.runtime.rows.run_campaign import RunOptions
    from dlcctr.system.terminal.progress import progress

    options = RunOptions(
        jobs=jobs, gpus=gpus, runtime=runtime, batch_size=batch_size, allow_cpu=allow_cpu, trust_model=trust_model,
        wheels=tuple(wheels or ()),
    )  # fmt: skip
    images = tuple(image or ())
    request = CompareRequest(
        manifest, _choices(model, shuffle or [], snapshot or [], trainset_index), output, sample, seed,
        run=not no_run and not find_program(), videos=videos, options=options, images=images,
    )  # fmt: skip
    done = run_compare(request, _words(options, images), progress)
    if as_json:
        _print_json(done)
    else:
        _print(done, ran=request.run)
    raise typer.Exit(done.exit_code)


def _choices(
    models: list[Path], shuffles: list[int], snapshots: list[str], trainset_index: int
) -> tuple[ModelChoice, ...]:
    from dlcctr.campaign.derive import ModelChoice
    from dlcctr.errors import UsageError

    if any(len(each) not in (0, 1, len(models)) for each in (shuffles, snapshots)) or len(models) > 2:
        raise UsageError(
            "--shuffle and --snapshot are given as often as --model, or once for both; --model at most twice",
            "for example --model A --model B --shuffle 1 --shuffle 2",
        )
    numbers = shuffles * (len(models) if len(shuffles) == 1 else 1) or [1] * len(models)
    names = snapshots * (len(models) if len(snapshots) == 1 else 1) or [""] * len(models)
    return tuple(
        ModelChoice(path, number, trainset_index, name)
        for path, number, name in zip(models, numbers, names, strict=True)
    )


def _words(options: Any, images: tuple[str, ...]) -> list[str]:
    """Options of `run` that make clips as both models were run; the clips are drawn in B's image."""
    words = ["--allow-cpu"] if options.allow_cpu else []
    words += ["--runtime", options.runtime] if options.runtime != "auto" else []
    words += ["--image", images[-1]] if images else []
    for folder in options.wheels:
        words += ["--wheels", str(folder)]
    return words


def _print_json(done: Compared) -> None:
    from dlcctr.system.terminal.console import print_json

    plan = done.prepared.plan
    print_json(
        "compare",
        manifest=plan.manifest,
        folder=str(done.prepared.folder.root),
        models=[asdict(each) for each in plan.models],
        bodyparts=list(done.prepared.common),
        sample=plan.sample,
        seed=plan.seed,
        reused=done.n_reused,
        page=str(done.page) if done.page else None,
        verdict=done.found.verdict if done.found else "",
        better=done.found.better if done.found else "",
        notes=list(done.found.notes if done.found else plan.notes),
        flagged=list(done.found.flagged) if done.found else None,
        median_lengths=done.found.median_lengths if done.found else None,
        apart_share=done.found.apart_share if done.found else None,
        at_random=_numbers(done.found.at_random) if done.found else {},
        worst=_numbers(done.found.worst) if done.found else {},
        videos=[_video(pair) for pair in done.found.pairs] if done.found else [],
    )


def _numbers(numbers: dict[str, Any]) -> dict[str, Any]:
    return {name: asdict(paired) for name, paired in numbers.items()}


def _video(pair: Pair) -> dict[str, Any]:
    return {
        "index": pair.row.index,
        "video": pair.row.video,
        "chosen": pair.why.value,
        "a": _side(pair.a),
        "b": _side(pair.b),
        "agreement": asdict(pair.agreement) if pair.agreement else None,
        "note": pair.note,
    }


def _side(side: Side) -> dict[str, Any]:
    measures = asdict(side.measures) if side.measures else None
    return {"measures": measures, "folder": str(side.folder) if side.folder else None, "cause": side.cause}


def _print(done: Compared, *, ran: bool) -> None:
    from dlcctr.commands.in_image import say_next
    from dlcctr.system.terminal.console import plural, print_lines, print_table

    if done.n_reused:
        print_lines([f"{plural(done.n_reused, 'finished row')} of the campaign taken as they are"])
    found = done.found
    if found:
        print_table(("row", "video", "chosen", "A", "B", "flags A", "B", "apart"), _table(found))
        print_lines(_lines(found))
    else:
        print_lines(["no video has both results yet"])
    say_next(_next(done, ran=ran))


def _table(found: Comparison) -> list[tuple[object, ...]]:
    """Videos, those first in which B gained most."""
    from dlcctr.compare.page import apart_text
    from dlcctr.compare.verdict import percent

    lines = []
    for pair in found.pairs:
        a, b = pair.a.measures, pair.b.measures
        gain = (a.wrong or 0.0) - (b.wrong or 0.0) if a and b else float("-inf")
        cells = (
            pair.row.index, _short(pair.row.video), pair.why.value, percent(a.wrong if a else None),
            percent(b.wrong if b else None), len(a.flags) if a else "–", len(b.flags) if b else "–", apart_text(pair),
        )  # fmt: skip
        lines.append((gain, cells))
    return [cells for _, cells in sorted(lines, key=lambda each: -each[0])]


def _short(name: str) -> str:
    """A name that fits on a terminal; the whole one on a pipe."""
    return name if len(name) <= NAME_CHARS or not sys.stdout.isatty() else f"…{name[1 - NAME_CHARS :]}"


def _lines(found: Comparison) -> list[str]:
    """What stands below the table: A and B are shares of points that are probably wrong; means; the verdict."""
    from dlcctr.compare.page import agreement_text
    from dlcctr.compare.sample import Why
    from dlcctr.compare.verdict import NUMBERS, difference, percent
    from dlcctr.system.terminal.console import plural

    lines = ["A, B: share of points that are probably wrong; apart: median distance in body lengths"]
    for why, numbers in ((Why.RANDOM, found.at_random), (Why.WORST, found.worst)):
        if numbers["wrong"].n:
            lines.append(f"means over {plural(numbers['wrong'].n, f'{why.value} video')}, and B - A with 95% interval:")
            lines += [
                f"  {text}: A {percent(paired.mean_a)}, B {percent(paired.mean_b)}, {difference(paired)}"
                for name, text in NUMBERS.items()
                if (paired := numbers[name]).n
            ]
    lines.append(f"videos with flags: {found.flagged[0]} with A, {found.flagged[1]} with B")
    if text := agreement_text(found):
        lines.append(f"where both are sure: {text}")
    return [*lines, *(f"note: {note}" for note in found.notes), found.verdict]


def _next(done: Compared, *, ran: bool) -> list[str]:
    from dlcctr.compare.plan import SIDES
    from dlcctr.contract import ExitCode

    manifests = [shlex.quote(str(done.prepared.folder.manifest(side))) for side in SIDES]
    lines = [f"{done.page}: open it in a browser"] if done.page else []
    lines += [f"judge its rows first: dlcctr quality {shlex.quote(each)}" for each in done.not_judged]
    is_whole = done.found is not None and done.found.n_complete == len(done.found.pairs)
    if done.exit_code == ExitCode.TRY_AGAIN:
        return [*lines, "next: the same command again; finished rows are skipped"]
    if not is_whole and not ran:
        work = "push" if done.prepared.source.remote_host else "submit"
        lines += [f"on a cluster: dlcctr {work} {each}" for each in manifests]
        lines.append("then the same command again, with --no-run, compares what has come")
    elif not is_whole:
        lines += [f"what is missing: dlcctr check {each}" for each in manifests]
    if done.clips_note:
        lines.append(done.clips_note)
    return lines
