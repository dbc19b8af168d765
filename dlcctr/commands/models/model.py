"""The commands of `model`: inspect a trained project, pack it, verify and unpack a bundle; `superanimal`."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dlcctr.commands.program import CommandGroup

if TYPE_CHECKING:
    from dlcctr.model.project.survey import Survey

Project = Annotated[Path, typer.Argument(help="DeepLabCut project folder (or its config.yaml).")]
Bundle = Annotated[Path, typer.Argument(help="Bundle: a .dlcmodel file or a folder.")]
Shuffle = Annotated[int, typer.Option(min=0, help="DeepLabCut's shuffle.")]
Trainset = Annotated[int, typer.Option(min=0, help="Index into config.yaml's TrainingFraction, from 0.")]
Snapshot = Annotated[str, typer.Option(help="Snapshot: name, epoch, `best` or index; config.yaml's by default.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
_MB = 1_000_000


def add(app: typer.Typer) -> None:
    """Add the group of commands."""
    from dlcctr.commands.models.superanimal import superanimal

    group = typer.Typer(
        cls=CommandGroup, no_args_is_help=True, help="Inspect a trained project, pack it as one file, verify, unpack."
    )
    for command in (inspect, pack, verify, unpack, superanimal):
        group.command()(command)
    app.add_typer(group, name="model")


def inspect(
    project: Annotated[Path, typer.Argument(help="DeepLabCut project folder, or a bundle.")],
    *,
    shuffle: Shuffle = 1,
    trainset_index: Trainset = 0,
    snapshot: Snapshot = "",
    as_json: Json = False,
) -> None:
    """Show what is in a trained project, what an analysis would use and why, and what is wrong with it.

    Exits with 5 if it cannot be used as it is, and with 0 otherwise.
    """
    from dlcctr.contract import ExitCode
    from dlcctr.model.project.survey import survey_model
    from dlcctr.system.terminal.console import print_json

    found = survey_model(project, shuffle=shuffle, trainset_index=trainset_index, snapshot=snapshot)
    if as_json:
        print_json("model inspect", **found.as_fields())
    else:
        _print(found)
    raise typer.Exit(int(ExitCode.OK if found.model else ExitCode.MODEL))


def pack(
    project: Project,
    *,
    output: Annotated[Path, typer.Option("--output", "-o", help="Bundle to write, for example mouse.dlcmodel.")],
    shuffle: Shuffle = 1,
    trainset_index: Trainset = 0,
    snapshot: Snapshot = "",
    as_folder: Annotated[bool, typer.Option("--folder", help="Write a folder instead of one file.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing bundle file.")] = False,
    as_json: Json = False,
) -> None:
    """Pack what an analysis needs: one shuffle, one snapshot (and its detector's), its YAML files."""
    from dlcctr.commands.in_image import here
    from dlcctr.model.bundles.bundle import listing_fields
    from dlcctr.model.bundles.pack import pack_model
    from dlcctr.system.terminal.console import print_json, print_lines

    listing = pack_model(
        project,
        output,
        shuffle=shuffle,
        trainset_index=trainset_index,
        snapshot=snapshot,
        as_folder=as_folder,
        overwrite=overwrite,
    )
    if as_json:
        print_json("model pack", bundle=str(output.absolute()), **listing_fields(listing))
        return
    size = sum(entry.bytes for entry in listing.files)
    name = shlex.quote(str(output))
    print_lines(
        [
            f"wrote {output}: {listing.model['id']}, {len(listing.files)} files, {size / _MB:.1f} MB",
            *_prior_lines(project, output, listing.model["bodyparts"]),
            here(f"next: dlcctr model verify {name}, or dlcctr manifest VIDEOS -o m.csv --model {name}"),
        ]
    )


def _prior_lines(project: Path, bundle: Path, bodyparts: Sequence[str]) -> list[str]:
    """What poses will be compared with, and which files of labels could not be used."""
    from dlcctr.model.files import open_tree
    from dlcctr.model.prior.labels import read_labels
    from dlcctr.model.prior.make import find_prior
    from dlcctr.system.terminal.console import plural

    prior = find_prior(open_tree(bundle))
    skipped = read_labels(open_tree(project).root, bodyparts).skipped
    notes = [f"note: {file}: skipped: {reason}" for file, reason in skipped]
    if prior:
        return [f"its pose prior is of {plural(prior.poses, 'labelled pose')}", *notes]
    return ["no labelled poses: results will be compared with the campaign's own confident frames", *notes]


def verify(bundle: Bundle, *, as_json: Json = False) -> None:
    """Check every size and hash in a bundle, and that nothing else is in it. Exits with 5 and the problems if not."""
    from dlcctr.contract import ExitCode
    from dlcctr.model.bundles.bundle import listing_fields
    from dlcctr.model.bundles.verify import verify_bundle
    from dlcctr.system.terminal.console import plural, print_json, print_lines

    found = verify_bundle(bundle)
    if as_json:
        print_json(
            "model verify", bundle=str(found.bundle), problems=list(found.problems), **listing_fields(found.listing)
        )
    elif found.problems:
        print_lines([f"{bundle}: {problem}" for problem in found.problems])
        print_lines([f"{plural(len(found.problems), 'problem')}: copy the bundle again, or pack the project again"])
    else:
        print_lines([f"{bundle}: complete, {len(found.listing.files)} files of model {found.listing.model['id']}"])
    raise typer.Exit(int(ExitCode.MODEL if found.problems else ExitCode.OK))


def unpack(
    bundle: Bundle,
    *,
    output: Annotated[Path, typer.Option("--output", "-o", help="Project folder to make.")],
) -> None:
    """Turn a bundle into a project that DeepLabCut itself can use, with paths that fit its new place."""
    from dlcctr.model.bundles.pack import unpack_model
    from dlcctr.system.terminal.console import print_lines

    print_lines([f"wrote {unpack_model(bundle, output)}"])


def _print(found: Survey) -> None:
    from dlcctr.system.terminal.console import print_lines, print_table

    name = found.model.id if found.model else "unusable until the errors below are fixed"
    print_lines([f"{found.project}: {name}", ""])
    if found.choices:
        print_table(("used", "what", "because"), [(each.what, each.value, each.why) for each in found.choices])
        print_lines([""])
    _print_snapshots(found)
    if found.model and (origin := found.model.origin):
        print_lines([f"weights of {origin.name}: {origin.licence_url}", origin.licence, f"cite: {origin.citation}"])
    for title, names in (
        ("body parts, in the order of results", found.bodyparts),
        ("individuals", found.individuals),
        ("unique body parts", found.unique_bodyparts),
        ("skeleton", tuple("-".join(pair) for pair in found.skeleton)),
    ):
        if names:
            print_lines([f"{title}: {', '.join(names)}"])
    _print_findings(found)


def _print_snapshots(found: Survey) -> None:
    from dlcctr.system.terminal.console import print_lines, print_table

    rows = [
        (shuffle.folder, each.name, f"{each.bytes / _MB:.1f}", "used" if each.used else "",
         ", ".join(f"{error.name} {error.value:g}" for error in each.errors))
        for shuffle in found.shuffles
        for each in shuffle.snapshots
    ]  # fmt: skip
    empty = [shuffle.folder for shuffle in found.shuffles if not shuffle.snapshots]
    if rows:
        print_table(("shuffle", "snapshot", "MB", "", "recorded errors"), rows)
    print_lines([f"{folder}: no snapshot" for folder in empty])
    print_lines([""])


def _print_findings(found: Survey) -> None:
    from dlcctr.model.inspection import side_by_side
    from dlcctr.system.terminal.console import print_lines

    for finding in found.findings:
        kind = "error" if finding.error else "warning" if finding.remedy else "note"
        where = f"{finding.file}: " if finding.file else ""
        print_lines(["", f"{kind}: {where}{finding.text}"])
        if finding.expected or finding.found:
            print_lines(side_by_side(finding.expected, finding.found, "config.yaml", finding.file.rpartition("/")[2]))
        print_lines([f"  what to do: {finding.remedy}"] if finding.remedy else [])
