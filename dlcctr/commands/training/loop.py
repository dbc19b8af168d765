"""The commands of `loop`: where a project is in its round, and what comes next."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dlcctr.commands.program import CommandGroup

if TYPE_CHECKING:
    from dlcctr.loop.campaign_state import CampaignState
    from dlcctr.loop.next_command import Next
    from dlcctr.loop.project_state import ProjectState, ShuffleState

SHOWN_FOLDERS = 10


def add(app: typer.Typer) -> None:
    """Add the group of commands."""
    group = typer.Typer(
        cls=CommandGroup, no_args_is_help=True, help="Outliers, labels, training: where a project is in its round."
    )
    group.callback()(_group)
    group.command()(status)
    app.add_typer(group, name="loop")


def _group() -> None:
    # with a callback, a group of one command stays a group
    pass


def status(
    project: Annotated[Path, typer.Argument(help="DeepLabCut project: its folder, or its config.yaml.")],
    *,
    manifest: Annotated[
        Path | None, typer.Option(help="Manifest of the campaign that the project's models are for.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Say where a project is in its round, and which command comes next. Nothing is written."""
    from dlcctr.loop.campaign_state import read_campaign_state
    from dlcctr.loop.next_command import next_command
    from dlcctr.loop.project_state import read_state

    state = read_state(project)
    campaign = read_campaign_state(manifest, state.model_hashes) if manifest else None
    following = next_command(state, campaign)
    if as_json:
        _print_json(state, campaign, following)
    else:
        _print(state, campaign, following)


def _print_json(state: ProjectState, campaign: CampaignState | None, following: Next) -> None:
    from dlcctr.system.terminal.console import print_json

    compared = campaign.comparison if campaign else None
    told = {**asdict(campaign), "manifest": str(campaign.manifest)} if campaign else None
    if told and compared:
        told["comparison"] = {**asdict(compared), "folder": str(compared.folder)}
    print_json(
        "loop status",
        project=str(state.folder),
        iteration=state.iteration,
        earlier=list(state.earlier),
        labelled=state.labelled,
        folders=[{**asdict(each), "waits": each.waits} for each in state.folders],
        has_training_set=state.has_training_set,
        in_training_set=state.in_training_set,
        shuffles=[asdict(each) for each in state.shuffles],
        notes=list(state.notes),
        campaign=told,
        next=asdict(following),
    )


def _print(state: ProjectState, campaign: CampaignState | None, following: Next) -> None:
    from dlcctr.commands.in_image import here
    from dlcctr.system.terminal.console import print_lines, print_table

    print_lines([f"{state.folder}: iteration {state.iteration}"])
    folders = state.folders[:SHOWN_FOLDERS]
    if folders:
        print_table(("folder", "labelled", "pictures", "machine labels"), [_folder(each) for each in folders])
    print_lines(_project_lines(state))
    if campaign:
        print_lines(_campaign_lines(campaign))
    print_lines([f"note: {note}" for note in state.notes])
    print_lines([f"next: {here(following.command)}", f"  {following.why}"])


def _folder(each: Any) -> tuple[object, ...]:
    waits = "to be corrected" if each.waits else "corrected" if each.has_machine_labels else ""
    return each.name, "?" if each.labelled is None else each.labelled, each.pictures, waits


def _project_lines(state: ProjectState) -> list[str]:
    from dlcctr.system.terminal.console import plural

    more = len(state.folders) - SHOWN_FOLDERS
    lines = [f"… and {plural(more, 'folder')} more (--json lists all)"] if more > 0 else []
    waiting = f", {plural(len(state.waiting), 'folder')} to be corrected" if state.waiting else ""
    lines.append(f"labels: {plural(state.labelled, 'frame')} in {plural(len(state.folders), 'folder')}{waiting}")
    frames = f", {plural(state.in_training_set, 'frame')}" if state.in_training_set is not None else ""
    lines.append(f"training set: {'there' if state.has_training_set else 'none yet'}{frames}")
    lines += [_shuffle(each) for each in state.shuffles] or ["training: none yet"]
    return lines


def _shuffle(each: ShuffleState) -> str:
    done = f", {each.done} of {each.wanted} {each.unit}s" if each.wanted else ""
    evaluated = {"": "not evaluated", "yes": "evaluated"}.get(each.evaluated, f"evaluated {each.evaluated}")
    cause = f" ({each.cause})" if each.cause else ""
    return f"shuffle {each.shuffle} ({each.engine}, {each.percent}%): {each.state}{done}{cause}, {evaluated}"


def _campaign_lines(campaign: CampaignState) -> list[str]:
    whose = "this iteration's model" if campaign.is_present else "another model"
    lines = [
        f"campaign {campaign.manifest}: {whose} ({campaign.model_id}); {campaign.analysed} of {campaign.rows} rows "
        f"analysed, {campaign.judged} judged, {campaign.flagged} flagged"
    ]
    if compared := campaign.comparison:
        so_far = f"{compared.complete} of {compared.total} videos" if compared.complete < compared.total else ""
        lines.append(
            f"compared in {compared.folder}: {compared.verdict or 'nothing yet'}" + (f" ({so_far})" if so_far else "")
        )
    return lines
