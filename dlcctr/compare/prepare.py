"""Choose the videos and make the two campaigns of a comparison; those that are there stay as they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from dlcctr.campaign.config import Campaign, read_campaign
from dlcctr.campaign.derive import ModelChoice, derived_text, same_model, with_model, write_derived
from dlcctr.campaign.manifest import rows_of
from dlcctr.campaign.rows import Row, inspect_campaign_model, require_rows
from dlcctr.campaign.spreadsheet import Sheet, read_sheet
from dlcctr.compare.plan import (
    PLAN_FILENAME,
    PLANS,
    SIDES,
    CompareFolder,
    ComparisonPlan,
    PlannedModel,
    PlannedRow,
    common_parts,
)
from dlcctr.compare.sample import Sample, badness, choose_sample
from dlcctr.errors import DlcctrError, ManifestError, ModelError, UsageError, VideoError
from dlcctr.outliers.results import judged_results
from dlcctr.system.files import absolute, write_text_atomic
from dlcctr.system.terminal.console import plural


@dataclass(frozen=True)
class Prepared:
    """A comparison whose two campaigns are on disk.

    Parameters
    ----------
    campaigns : tuple of Campaign
        A's and B's.
    source : Campaign
        The one that the videos are of.
    rows : tuple of Row
        Of the sample, by index.
    has_a : bool
        Whether A's model is at hand; else there are only the results that the campaign has.
    """

    folder: CompareFolder
    plan: ComparisonPlan
    campaigns: tuple[Campaign, Campaign]
    source: Campaign
    rows: tuple[Row, ...]
    has_a: bool = True

    @property
    def common(self) -> tuple[str, ...]:
        """Body parts that both models have, in A's order."""
        return common_parts(self.plan.models)


def prepare(manifest: Path, choices: Sequence[ModelChoice], folder: Path, n: int, seed: int) -> Prepared:
    """Choose videos and make the two campaigns; those that are there stay as they are.

    Parameters
    ----------
    choices : sequence of ModelChoice
        A and B, or only B: A is the campaign's own model then, or where that is gone, what it has finished.

    Raises
    ------
    UsageError
        Both are the same model, have no body part in common, or the folder holds another comparison.
    ManifestError, ModelError
        The campaign or a model cannot be read.
    VideoError
        The campaign has no video that could be compared.
    """
    source, sheet = read_campaign(manifest), read_sheet(manifest)
    rows = rows_of(sheet)
    require_rows(rows, manifest)
    place = CompareFolder(absolute(folder))
    a, b, has_a = _both(source, choices, place)
    campaigns = (a, b)
    models = tuple(_planned(each) for each in campaigns)
    _check_models(models)
    plan = PLANS.find(place.plan)
    if plan is None:
        sample = _sample(manifest, source, rows, n, seed, only_finished=not has_a)
        plan = ComparisonPlan(
            str(manifest.absolute()),
            models,
            tuple(PlannedRow(row.index, why) for row, why in sample.rows),
            n,
            seed,
            sample.notes,
        )
        _check_free(place)
        write_text_atomic(place.plan, PLANS.text(plan))
    else:
        now = replace(plan, manifest=str(manifest.absolute()), models=models, sample=n, seed=seed)
        _check_same(place, plan, now)
    chosen = _chosen(plan, rows, manifest)
    for side, campaign in zip(SIDES, campaigns, strict=True):
        if not place.manifest(side).exists():
            write_derived(place.manifest(side), campaign, _text(sheet, chosen))
    return Prepared(place, plan, campaigns, source, chosen, has_a)


def _both(source: Campaign, choices: Sequence[ModelChoice], place: CompareFolder) -> tuple[Campaign, Campaign, bool]:
    """A's campaign and B's, and whether A's model is at hand.

    The campaign's own model may be gone: labels were added to its project, and it was trained again. What it has
    finished can still be compared.
    """
    if len(choices) == len(SIDES):
        return _campaign(source, choices[0], place, "A"), _campaign(source, choices[1], place, "B"), True
    if len(choices) != 1:
        raise UsageError(f"{len(choices)} models are named; two can be compared", "give --model A --model B")
    if source.model is None:
        raise UsageError(f"{source.file}: names no model to compare with", "give both: --model A --model B")
    new = _campaign(source, choices[0], place, "B")
    try:
        inspect_campaign_model(source)
    except ModelError:
        if not (source.model_hash and source.model_id and source.bodyparts):
            raise
        file = place.manifest("A").resolve().parent / source.file.name
        return same_model(replace(source, steps=()), file, place.results), new, False
    own = ModelChoice(source.model, source.shuffle, source.trainset_index, source.snapshot)
    return _campaign(source, own, place, "A"), new, True


def _campaign(source: Campaign, choice: ModelChoice, place: CompareFolder, side: str) -> Campaign:
    """The campaign of one side. Its rows need a .csv, which can be read where pandas is not."""
    file = place.manifest(side).resolve().parent / source.file.name
    made = with_model(source, choice, file, place.results)
    is_sources = made.model_hash == source.model_hash  # its finished rows are taken as they are
    return replace(made, steps=(), csv=source.csv if is_sources else True)


def _planned(campaign: Campaign) -> PlannedModel:
    return PlannedModel(
        str(campaign.model),
        campaign.model_id,
        campaign.model_hash,
        campaign.engine,
        campaign.bodyparts,
        campaign.individuals,
        campaign.unique_bodyparts,
    )


def _check_models(models: Sequence[PlannedModel]) -> None:
    a, b = models
    if a.hash == b.hash:
        raise UsageError(
            f"{a.path} and {b.path}: the same model ({a.id})",
            "name another model, or another --shuffle or --snapshot of it",
        )
    if not common_parts(models):
        raise UsageError(
            f"A has {', '.join(a.parts)}; B has {', '.join(b.parts)}: no body part in common", "compare other models"
        )


def _sample(manifest: Path, source: Campaign, rows: Sequence[Row], n: int, seed: int, *, only_finished: bool) -> Sample:
    """Videos that can be read, one row each, and how bad the judged ones are."""
    once = {row.video: row for row in reversed(rows) if not row.error}
    notes: list[str] = []
    if source.video_root.is_dir():
        here = {name: row for name, row in once.items() if (source.video_root / name).is_file()}
        if here and len(here) < len(once):
            notes.append(f"{plural(len(once) - len(here), 'video')} not on this machine: not in the sample")
            once = here
    if not once:
        raise VideoError(f"{manifest}: no video that can be read", "see what is wrong: dlcctr validate m.csv")
    try:
        judged = judged_results(manifest, source, rows)
    except DlcctrError as error:
        judged = []
        notes.append(f"the campaign's own results are not used: {error.message}")
    bad = {once[each.row.video].index: badness(each.quality) for each in judged if each.row.video in once}
    if only_finished:
        if not bad:
            raise UsageError(
                f"{source.model}: is not the campaign's model any more, and no row that it has finished is judged",
                "name the model of before, if it was packed: --model BUNDLE --model NEW",
            )
        notes.append("the campaign's model is not at hand any more: only videos that it has finished are compared")
        once = {each.row.video: once[each.row.video] for each in judged if each.row.video in once}
    if not bad:
        notes.append("no row of the campaign is judged: all videos were taken at random")
    sample = choose_sample(list(once.values()), bad, n, seed)
    return Sample(sample.rows, (*notes, *sample.notes))


def _check_free(place: CompareFolder) -> None:
    for side in SIDES:
        if place.manifest(side).exists():
            raise UsageError(f"{place.manifest(side)}: is there, and no {PLAN_FILENAME}", PLANS.hint)


def _check_same(place: CompareFolder, then: ComparisonPlan, now: ComparisonPlan) -> None:
    pairs = {
        "manifest": (then.manifest, now.manifest),
        "model A": (then.models[0].hash, now.models[0].hash),
        "model B": (then.models[1].hash, now.models[1].hash),
        "sample": (then.sample, now.sample),
        "seed": (then.seed, now.seed),
    }
    if different := [name for name, (old, new) in pairs.items() if old != new]:
        raise UsageError(
            f"{place.plan}: the folder holds another comparison (different: {', '.join(different)})",
            "name another folder with -o; the same options go on with this one",
        )


def _chosen(plan: ComparisonPlan, rows: Sequence[Row], manifest: Path) -> tuple[Row, ...]:
    by_index = {row.index: row for row in rows}
    missing = [each.index for each in plan.rows if each.index not in by_index]
    if missing:
        raise ManifestError(
            f"{manifest}: has no row {missing[0]} any more, which is in the sample", "name another folder with -o"
        )
    return tuple(by_index[each.index] for each in plan.rows)


def _text(sheet: Sheet, rows: Sequence[Row]) -> str:
    return derived_text(sheet, {row.index for row in rows})
