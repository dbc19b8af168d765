"""What a campaign's files say of the round: its model, its rows, and whether models were compared on it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from dlcctr.compare.plan import OUTCOMES, PLANS, CompareFolder
from dlcctr.errors import DlcctrError
from dlcctr.loop.labels import LabelFolder, read_folders
from dlcctr.model.prior.labels import LABELS_FOLDER
from dlcctr.quality.record import QUALITY_FILENAME
from dlcctr.results.check import CheckOptions, check
from dlcctr.slurm.whereabouts import Work, find_whereabouts

TO_LABEL = "to-label"
"""Folder beside the manifest where frames to label are suggested to go."""
MOST_FOLDERS = 200
_WORK = {Work.SLURM: "submit", Work.ELSEWHERE: "push"}


@dataclass(frozen=True)
class ComparisonState:
    """A comparison of the project's present model with another one."""

    folder: Path
    verdict: str
    better: str
    complete: int
    total: int


@dataclass(frozen=True)
class CampaignState:
    """A campaign in the round.

    Parameters
    ----------
    is_present : bool
        Whether its model is the project's of the present iteration.
    rows, analysed, judged, flagged : int
        Rows, and those with a result, with a judged one, with flags.
    comparison : ComparisonState or None
        The newest one in which B is the project's present model.
    to_label : tuple of LabelFolder
        Folders of frames that were picked and lie beside the manifest.
    work : str
        Command that analyses rows where this campaign is worked on: ``run``, ``submit`` or ``push``.
    """

    manifest: Path
    model_id: str
    is_present: bool
    rows: int
    analysed: int
    judged: int
    flagged: int
    comparison: ComparisonState | None = None
    to_label: tuple[LabelFolder, ...] = ()
    work: str = "run"

    @property
    def place(self) -> Path:
        """Where frames to label go."""
        return self.manifest.parent / TO_LABEL


def read_campaign_state(manifest: Path, hashes: Collection[str]) -> CampaignState:
    """Read a campaign; nothing of it is written.

    Parameters
    ----------
    hashes : collection of str
        Hashes of the project's present models.

    Raises
    ------
    ManifestError
        Manifest or campaign cannot be read.
    """
    found = check(manifest, CheckOptions(quick=True))
    done = [each for each in found.rows if each.analysed and each.folder]
    return CampaignState(
        manifest,
        found.campaign.model_id,
        found.campaign.model_hash in hashes,
        len(found.rows),
        len(done),
        sum((each.folder / QUALITY_FILENAME).is_file() for each in done if each.folder),
        sum(bool(each.flags) for each in done),
        _comparison(manifest, hashes),
        tuple(read_folders(manifest.parent / TO_LABEL / LABELS_FOLDER, "")),
        _WORK.get(find_whereabouts(manifest, found.campaign).work, "run"),
    )


def _comparison(manifest: Path, hashes: Collection[str]) -> ComparisonState | None:
    """The newest comparison beside the manifest that is of this campaign and whose B is a present model."""
    found = []
    for place in sorted(manifest.absolute().parent.glob("*/compare.json"))[:MOST_FOLDERS]:
        folder = CompareFolder(place.parent)
        try:
            plan = PLANS.read(place)
            outcome = OUTCOMES.find(folder.outcome)
            written = place.stat().st_mtime
        except (DlcctrError, OSError):
            continue
        if plan.manifest == str(manifest.absolute()) and plan.models[1].hash in hashes:
            state = (
                ComparisonState(folder.root, outcome.verdict, outcome.better, outcome.complete, outcome.total)
                if outcome
                else ComparisonState(folder.root, "", "", 0, len(plan.rows))
            )
            found.append((written, state))
    return max(found, key=lambda each: each[0])[1] if found else None
