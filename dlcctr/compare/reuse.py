"""Finished results of the campaign that one of the two models has made: they are taken instead of made again."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from dlcctr.campaign.config import Campaign, read_campaign
from dlcctr.campaign.manifest import read_manifest
from dlcctr.campaign.rows import Row
from dlcctr.compare.plan import SIDES
from dlcctr.compare.prepare import Prepared
from dlcctr.contract import ATTEMPT_PREFIX
from dlcctr.errors import DlcctrError
from dlcctr.results.commit import Standing, standing
from dlcctr.results.placing import put_in_place
from dlcctr.results.steps.rows import CampaignRows
from dlcctr.system.disk import output_error, place_of
from dlcctr.system.files import current_umask, fsync_path
from dlcctr.system.terminal.progress import RowProgress, no_progress


def reuse_finished(prepared: Prepared, progress: RowProgress = no_progress) -> int:
    """Copy those rows of the campaign that are whole results of A or B; gives their number.

    Steps after the analysis stay where they are.

    Raises
    ------
    OutputError
        A result cannot be copied: the disk is full, say.
    """
    n = 0
    for side, campaign in zip(SIDES, prepared.campaigns, strict=True):
        if campaign.model_hash == prepared.source.model_hash:
            n += _reuse(prepared, read_campaign(prepared.folder.manifest(side)), side, progress)
    return n


def _reuse(prepared: Prepared, campaign: Campaign, side: str, progress: RowProgress) -> int:
    rows = read_manifest(prepared.folder.manifest(side))
    try:
        ours, theirs = CampaignRows(campaign, rows), CampaignRows(prepared.source, prepared.rows)
    except DlcctrError:
        return 0
    by_index = {row.index: row for row in prepared.rows}
    n = 0
    with progress(f"taking the campaign's results for {side}", len(rows)) as step:
        for row in rows:
            step()
            target, old = ours.folder(row), theirs.folder(by_index[row.index])
            if _is_wanted(old, target, row, ours):
                n += _copy(old, target)
    return n


def _is_wanted(old: Path, target: Path, row: Row, ours: CampaignRows) -> bool:
    """Whether there is a whole result to copy; one that cannot be read is none."""
    try:
        wanted = ours.expected.of(row)
        states = [standing(folder, row, wanted).state for folder in (target, old)]
    except DlcctrError:
        return False
    return states[0] is not Standing.FINISHED and states[1] is Standing.FINISHED


def _copy(old: Path, target: Path) -> bool:
    """Copy a row's folder under a private name, and give it its own in one rename."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=ATTEMPT_PREFIX, dir=target.parent) as private:
            new = Path(private) / "row"
            new.mkdir()
            for file in filter(Path.is_file, old.iterdir()):  # results of steps are in a folder below
                shutil.copy2(file, new)
                fsync_path(new / file.name)
            new.chmod(0o777 & ~current_umask())
            return put_in_place(new, target, stays=lambda: False)
    except OSError as error:
        raise output_error(error, place_of(error) or target) from error
