"""A campaign made from another one: the same videos and settings, another model, all of its videos or some."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, replace
from pathlib import Path

from dlcctr.campaign.config import Campaign, campaign_text, read_campaign
from dlcctr.campaign.create import CampaignChanges, check_free
from dlcctr.campaign.manifest import read_manifest, rows_of
from dlcctr.campaign.paths import CampaignPaths
from dlcctr.campaign.rows import require_rows
from dlcctr.campaign.spreadsheet import Sheet, format_line, read_sheet
from dlcctr.campaign.tracking import tracking_problem
from dlcctr.errors import UsageError
from dlcctr.model.inspection import inspect_model
from dlcctr.model.project.trust import UNASKED
from dlcctr.system.files import absolute, write_pair_atomic
from dlcctr.system.locks import campaign_lock
from dlcctr.system.terminal.console import warn

OF_A_MODEL = ("model", "shuffle", "snapshot")
"""Columns that name a row's own model: those of the old campaign mean nothing to a new model."""


@dataclass(frozen=True)
class ModelChoice:
    """A trained model: project folder or bundle, and which of its shuffles and snapshots.

    Parameters
    ----------
    snapshot : str
        Empty for what the project's config.yaml says.
    """

    project: Path
    shuffle: int = 1
    trainset_index: int = 0
    snapshot: str = ""


def pin_model(campaign: Campaign, project: Path) -> Campaign:
    """Pin what decides results: the snapshot by name, and the project's own crop where the campaign has none.

    Raises
    ------
    ModelError
        The project has no such model, or it is incomplete.
    UsageError
        The campaign's animals do not go with it.
    """
    info = inspect_model(
        project, shuffle=campaign.shuffle, trainset_index=campaign.trainset_index, snapshot=campaign.snapshot
    )
    if problem := tracking_problem(campaign.tracking, info):
        raise UsageError(problem, "correct these options, or name another model")
    if info.unsafe_loading:
        warn(f"{info.unsafe_loading}: {UNASKED}")
    return replace(
        campaign,
        model=info.project,
        model_hash=info.hash,
        model_id=info.id,
        engine=info.engine,
        bodyparts=info.bodyparts,
        individuals=info.individuals,
        unique_bodyparts=info.unique_bodyparts,
        shuffle=info.shuffle,
        trainset_index=info.trainset_index,
        snapshot=info.snapshot,
        crop=campaign.crop_in_force(info.crop),
        is_pinned=True,
    )


def with_model(campaign: Campaign, choice: ModelChoice, file: Path, out: Path) -> Campaign:
    """The campaign with another model, for another campaign.toml: crop, animals, steps and all other settings stay.

    Where it was pushed to is left out, and an image that was meant for the other engine. Raises as `pin_model` does.
    """
    base = replace(
        same_model(campaign.without_model_facts(), file, out),
        shuffle=choice.shuffle,
        trainset_index=choice.trainset_index,
        snapshot=choice.snapshot,
    )
    made = pin_model(base, choice.project)
    return made if made.engine == campaign.engine else replace(made, image="")


def same_model(campaign: Campaign, file: Path, out: Path) -> Campaign:
    """The campaign for another campaign.toml, without where it was pushed to."""
    return replace(campaign, file=file, out=out, remote_host="", remote_folder="", transfer_host="", remote_program="")


def derived_text(sheet: Sheet, indices: Container[int] | None = None) -> str:
    """Text of a manifest with the rows of another one: indices, cameras, times and the lab's own columns stay.

    A video has one row, its first, and no model of its own.

    Parameters
    ----------
    indices : container of int, optional
        Rows to take; all by default.
    """
    header = [name for name in sheet.header if name]
    records = {record.line: record for record in sheet.records}
    lines, seen = [header], set()
    for row in rows_of(sheet):
        if row.video in seen or (indices is not None and row.index not in indices):
            continue
        seen.add(row.video)
        cells = records[row.line].cells
        lines.append(["" if name in OF_A_MODEL else cells[name] for name in header])
    return "".join(format_line(cells) + "\n" for cells in lines)


def write_derived(manifest: Path, campaign: Campaign, text: str, *, overwrite: bool = False) -> CampaignChanges:
    """Write a derived campaign.toml and manifest, both or none.

    Raises
    ------
    ManifestError
        Another campaign is there.
    """
    if not overwrite:
        check_free(manifest)
    with campaign_lock(CampaignPaths.of(manifest).manifest_lock):
        if not overwrite:
            check_free(manifest, campaign)
        write_pair_atomic((campaign.file, campaign_text(campaign)), (manifest, text))
    return CampaignChanges(manifest, campaign, read_manifest(manifest))


def campaign_like(
    like: Path, manifest: Path, choice: ModelChoice, *, out: Path | None = None, overwrite: bool = False
) -> CampaignChanges:
    """Make a campaign with the videos and settings of another one, and another model.

    Parameters
    ----------
    like : Path
        Manifest of the other campaign; nothing of it is touched.
    out : Path, optional
        Root of the results; ``results`` beside the new manifest by default. It may be the other campaign's: results of
        two models are in two folders of it.

    Raises
    ------
    ManifestError
        The other manifest cannot be read, or a campaign is where the new one is to be.
    ModelError, UsageError
        As `pin_model`; or both manifests are in one folder, which has one campaign.toml.
    """
    sheet, old = read_sheet(like), read_campaign(like)
    require_rows(rows_of(sheet), like)
    file = manifest.resolve().parent / old.file.name
    if file == old.file:
        raise UsageError(
            f"{manifest}: is in the folder of {like}, and a folder has one campaign.toml",
            f"put it into a folder of its own, for example -o {file.parent / 'new-model' / manifest.name}",
        )
    campaign = with_model(old, choice, file, absolute(out) if out else file.parent / "results")
    return write_derived(manifest, campaign, derived_text(sheet), overwrite=overwrite)
