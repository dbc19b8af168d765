"""The commands of `steps`: what follows the analysis of each row of a campaign."""

from __future__ import annotations

import inspect
import json
import shlex
from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dlcctr.commands.program import CommandGroup

if TYPE_CHECKING:
    from dlcctr.campaign.config import Campaign
    from dlcctr.campaign.steps.spec import StepSpec
    from dlcctr.results.row_state import RowResult

Manifest = Annotated[Path, typer.Argument(help="Manifest; campaign.toml beside it is read and changed.")]


def add(app: typer.Typer) -> None:
    """Add the group of commands."""
    group = typer.Typer(
        cls=CommandGroup,
        no_args_is_help=True,
        help="Filter, tracks, labelled video, NWB: what follows each analysis.",
    )
    group.command(name="add")(add_to)
    group.command()(remove)
    group.command(name="list")(list_steps)
    group.command()(kinds)
    app.add_typer(group, name="steps")


def add_to(
    manifest: Manifest,
    kind: Annotated[str, typer.Argument(help="Kind of step: see `steps kinds`.")],
    parameters: Annotated[
        list[str] | None, typer.Argument(metavar="[PARAMETER=VALUE]...", help="See `steps kinds KIND`.")
    ] = None,
    *,
    name: Annotated[str, typer.Option(help="Its name in this campaign; the kind's by default.")] = "",
    of: Annotated[str, typer.Option(help="Step whose positions it takes; by default the analysis'.")] = "analysis",
) -> None:
    """Add a step, or give the step of this name these parameters, and usual values for those that are not named.

    It is done by `run`, by the tasks of `submit`, and by `dlcctr step`; rows that are finished get it too.
    """
    from dlcctr.campaign.config import read_campaign
    from dlcctr.campaign.manifest import read_manifest
    from dlcctr.campaign.steps.edit import add_step, parse_words
    from dlcctr.campaign.steps.fit import require_work, what_is_missing
    from dlcctr.system.terminal.console import print_lines

    campaign, step = read_campaign(manifest), parse_words(kind, parameters or [], name=name, of=of)
    rows = read_manifest(manifest)
    require_work(campaign, rows, step)
    before = next((each for each in campaign.steps if each.name == step.name), None)
    campaign = add_step(campaign, step)
    _print_steps(campaign)
    print_lines([*_changes(before, step), *(f"note: {text}" for text in what_is_missing(rows, step))])
    _say_next(manifest, campaign)


def remove(manifest: Manifest, name: Annotated[str, typer.Argument(help="Name of the step.")]) -> None:
    """Remove a step from the campaign; what it has made stays where it is."""
    from dlcctr.campaign.config import read_campaign
    from dlcctr.campaign.steps.edit import remove_step

    _print_steps(remove_step(read_campaign(manifest), name))


def list_steps(
    manifest: Manifest,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """List the campaign's steps, and in how many rows each is done, due or failed."""
    from dlcctr.campaign.config import read_campaign
    from dlcctr.results.check import CheckOptions, check
    from dlcctr.system.terminal.console import print_json, print_lines, print_table

    campaign = read_campaign(manifest)
    rows = check(manifest, CheckOptions(quick=True)).rows if campaign.steps else []
    counts = {step.name: _count(rows, step.name) for step in campaign.steps}
    is_settled = all(row.steps and all(step.settled for step in row.steps) for row in rows)
    if as_json:
        steps = [{"name": s.name, "kind": s.kind, "of": s.of, "parameters": s.held, "rows": counts[s.name]}
                 for s in campaign.steps]  # fmt: skip
        print_json("steps list", manifest=str(manifest), steps=steps)
        return
    _print_steps(campaign)
    if campaign.steps:
        table = [
            (name, ", ".join(f"{n} {state}" for state, n in found.items()) or "-") for name, found in counts.items()
        ]
        print_table(("step", "rows"), table)
        if not is_settled:
            print_lines([f"which rows, and why: dlcctr check {shlex.quote(str(manifest))}"])


def kinds(kind: Annotated[str, typer.Argument(help="Also the parameters of this kind.")] = "") -> None:
    """List the kinds of steps; of one kind, its parameters with their usual values."""
    import textwrap

    from dlcctr.campaign.steps.kinds import KINDS
    from dlcctr.campaign.steps.spec import StepSpec
    from dlcctr.errors import UsageError
    from dlcctr.system.terminal.console import print_lines, print_table

    if kind and kind not in KINDS:
        raise UsageError(f"{kind[:64]!r} is no kind of step", f"there are: {', '.join(KINDS)}")
    if not kind:
        print_table(("kind", "what it does"), [(each.name, each.summary) for each in KINDS.values()])
        print_lines(["parameters of one: dlcctr steps kinds KIND"])
        return
    print_lines([f"{kind}: {KINDS[kind].summary}"])
    said = parameter_texts(KINDS[kind].parameters)
    step = StepSpec(kind, kind)
    for name, value in step.held.items():
        print_lines([f"  {name}={_shown(value)}"])
        text = said.get(name, "").replace("`", "")
        usual = getattr(step.parameters, name)
        if isinstance(usual, Enum) and len(type(usual)) > 1:
            text += f" One of: {', '.join(str(each.value) or '(empty)' for each in type(usual))}."
        print_lines(textwrap.wrap(text, 72, initial_indent=" " * 6, subsequent_indent=" " * 6))


def parameter_texts(parameters: type) -> dict[str, str]:
    """What the docstring of a kind's parameters says of each."""
    texts: dict[str, str] = {}
    names: list[str] = []
    section = inspect.cleandoc(parameters.__doc__ or "").partition("Parameters\n----------\n")[2].partition("\n\n")[0]
    for line in section.splitlines():
        if not line.startswith(" "):
            names = [name.strip() for name in line.partition(" : ")[0].split(",")]
        else:
            texts |= {name: f"{texts.get(name, '')} {line.strip()}".strip() for name in names}
    return texts


def _count(rows: Sequence[RowResult], name: str) -> dict[str, int]:
    from collections import Counter

    found = Counter(step.state.value for row in rows for step in row.steps if step.spec.name == name)
    without = sum(not row.steps for row in rows)
    return {**dict(found.most_common()), **({"not analysed": without} if without else {})}


def _changes(before: StepSpec | None, step: StepSpec) -> list[str]:
    """What a step had that it has no longer: a parameter that is not named again gets its usual value."""
    if before is None:
        return []
    old = {"kind": before.kind, "of": before.of, **before.held}
    new = {"kind": step.kind, "of": step.of, **step.held}
    usual = "(its usual value)"
    pairs = [(name, old[name], new[name]) for name in new if name in old and old[name] != new[name]]
    words = [f"{name} from {_shown(was) or usual} to {_shown(now) or usual}" for name, was, now in pairs]
    return [f"changed in {step.name}: {'; '.join(words) or 'nothing'}"]


def _print_steps(campaign: Campaign) -> None:
    from dlcctr.system.terminal.console import print_lines, print_table

    if not campaign.steps:
        print_lines(["the campaign has no steps"])
        return
    print_table(("step", "kind", "of", "parameters"), [_cells(step) for step in campaign.steps])


def _cells(step: StepSpec) -> tuple[str, str, str, str]:
    from dlcctr.campaign.steps.spec import StepSpec

    usual = StepSpec(step.name, step.kind).held
    given = {name: value for name, value in step.held.items() if value != usual[name]}
    return step.name, step.kind, step.of, " ".join(f"{name}={_shown(value)}" for name, value in given.items()) or "-"


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):  # as one types it: lists in lists as TOML has them
        is_nested = any(isinstance(each, list) for each in value)
        return json.dumps(value, ensure_ascii=False) if is_nested else ",".join(map(str, value))
    return "" if value is None else str(value)


def _say_next(manifest: Path, campaign: Campaign) -> None:
    from dlcctr.commands.in_image import say_next

    name = shlex.quote(str(manifest))
    pushed = f"dlcctr push {name}; then there: " if campaign.remote_host else ""
    say_next([f"next: {pushed}dlcctr run {name}, or on a cluster: dlcctr submit {name}"])
