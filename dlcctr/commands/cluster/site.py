"""`site`: make, list and show site profiles."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dlcctr.commands.program import CommandGroup

if TYPE_CHECKING:
    from dlcctr.slurm.site.cluster import Cluster
    from dlcctr.slurm.site.profile import Site
    from dlcctr.slurm.site.propose import Proposal

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


def add(app: typer.Typer) -> None:
    """Add the group of commands."""
    group = typer.Typer(
        cls=CommandGroup, no_args_is_help=True, help="Make, list and show site profiles: how to ask a cluster for GPUs."
    )
    group.command()(init)
    group.command(name="list")(list_profiles)
    group.command()(show)
    app.add_typer(group, name="site")


def init(
    name: Annotated[str, typer.Argument(help="Name of the new profile; `default` is used when none is named.")] = "",
    *,
    partition: Annotated[str, typer.Option(help="Partition to use; by default dlcctr asks, or takes the best.")] = "",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a profile of this name.")] = False,
    as_json: Json = False,
) -> None:
    """Ask this cluster's Slurm what it has, and write a profile to your configuration folder."""
    from dlcctr.errors import UsageError
    from dlcctr.slurm.site import ask
    from dlcctr.slurm.site import propose as ask_cluster
    from dlcctr.slurm.site.files import DEFAULT, new_file, write_site
    from dlcctr.system.terminal.console import print_json

    file = new_file(name or DEFAULT)
    if file.exists() and not overwrite:
        raise UsageError(f"{file}: already exists", "edit it, give another name, or replace it with --overwrite")
    cluster = ask.ask_cluster()
    if not as_json:
        _print_partitions(cluster)
    if not partition and not as_json and sys.stdin.isatty() and sys.stdout.isatty():
        partition = _ask_partition(cluster)
    proposal = ask_cluster.propose(cluster, file.stem, partition)
    head = [
        "Made by `dlcctr site init` from what Slurm reported. Edit it as you like; text after a # is ignored.",
        "",
    ]
    write_site(proposal.site, file, [*head, *proposal.reasons], proposal.notes)
    if as_json:
        print_json("site init", file=str(file), site=as_fields(proposal.site), reasons=list(proposal.reasons))
    else:
        _print_proposal(file, proposal)


def _print_partitions(cluster: Cluster) -> None:
    from dlcctr.slurm.site.propose import describe, is_allowed
    from dlcctr.system.terminal.console import print_table

    rows = []
    for each in cluster.partitions:
        state = "down" if not each.up else "not yours" if not is_allowed(cluster, each) else "up"
        rows.append((each.name + (" (default)" if each.default else ""), state, describe(each)))
    print_table(("partition", "state", "what it has"), rows)


def _ask_partition(cluster: Cluster) -> str:
    """Ask which partition, where there is a choice; empty leaves it to the proposal."""
    from dlcctr.slurm.site.propose import gpu_partitions
    from dlcctr.system.terminal.console import one_line

    ranked = [each.name for each in gpu_partitions(cluster)]
    if len(ranked) < 2:
        return ""
    answer: str = typer.prompt(one_line(f"Which partition? ({', '.join(ranked)})"), default=ranked[0])
    return answer.strip()


def _print_proposal(file: Path, proposal: Proposal) -> None:
    from dlcctr.system.terminal.console import print_lines

    print_lines(
        [
            *proposal.reasons,
            f"sbatch will be given: {' '.join(proposal.site.sbatch_options())}",
            f"wrote {file}",
            "next: read it, fill in what Slurm does not know (`modules`), then check it: dlcctr site show "
            + proposal.site.name,
        ]
    )


def list_profiles(*, as_json: Json = False) -> None:
    """List all profiles: yours first, then those that come with dlcctr."""
    from dlcctr.slurm.site.files import profile_files
    from dlcctr.system.terminal.console import print_json, print_table

    found = [_read(file) for file in profile_files()]
    if as_json:
        fields = [as_fields(site) if site else {"name": file.stem, "file": str(file)} for file, site, _ in found]
        print_json(
            "site list", sites=[each | {"error": error} for each, (*_, error) in zip(fields, found, strict=True)]
        )
        return
    rows = [
        (file.stem, site.partition or "-", site.gpu_option or "-", site.description, file)
        if site
        else (file.stem, "?", "?", error, file)
        for file, site, error in found
    ]
    print_table(("name", "partition", "GPUs", "purpose", "file"), rows)


def _read(file: Path) -> tuple[Path, Site | None, str]:
    """A profile, or what is wrong with it: one bad file hides no other."""
    from dlcctr.errors import UsageError
    from dlcctr.slurm.site.profile import read_site

    try:
        return file, read_site(file), ""
    except UsageError as error:
        return file, None, error.message


def show(
    name: Annotated[str, typer.Argument(help="Name or file; the default profile if left out.")] = "",
    *,
    as_json: Json = False,
) -> None:
    """Print a profile with all of its keys; the output can be saved as a profile."""
    from dlcctr.slurm.site.files import find_site, site_text
    from dlcctr.system.terminal.console import print_json, print_verbatim

    site = find_site(name)
    if as_json:
        print_json("site show", **as_fields(site))
        return
    head = [f"{site.name}: {site.file}", f"sbatch is given: {' '.join(site.sbatch_options())}"]
    print_verbatim(site_text(site, head, {}).splitlines())


def as_fields(site: Site) -> dict[str, Any]:
    """Body of the JSON output: all keys, and what sbatch is given."""
    return asdict(site) | {"file": str(site.file) if site.file else None, "sbatch_options": site.sbatch_options()}
