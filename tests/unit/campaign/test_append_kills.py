"""`manifest --append` killed at any moment: each video has one row, and no index ever changes."""

from __future__ import annotations

import random
import shutil
import time
from pathlib import Path

from dlcctr.campaign.config import Campaign
from dlcctr.campaign.create import extend_campaign, make_campaign
from dlcctr.campaign.manifest import read_manifest
from tests import media
from tests.unit.support.kills import run_and_kill

KILLS = 60
SEED = 20261126


def test_no_row_is_lost_and_none_is_double(tmp_path: Path) -> None:
    videos, manifest, log = tmp_path / "videos", tmp_path / "m.csv", tmp_path / "log"
    videos.mkdir()
    media.write_video(videos / "0.mp4", 3)
    campaign = Campaign(file=tmp_path / "campaign.toml", out=tmp_path / "results")
    make_campaign([str(videos)], manifest, campaign)
    ledger = {row.video: row.index for row in read_manifest(manifest)}

    def append() -> None:
        extend_campaign([str(videos)], manifest, jobs=1)

    began = time.monotonic()
    assert run_and_kill(append, log) == 0, log.read_text()
    whole_s = time.monotonic() - began
    generator, killed = random.Random(SEED), 0
    for number in range(1, KILLS + 1):
        shutil.copy(videos / "0.mp4", videos / f"{number}.mp4")
        killed += run_and_kill(append, log, generator.uniform(0, 1.2 * whole_s)) is None
        if number % 3 == 0:  # sometimes several killed ones come first
            assert run_and_kill(append, log) == 0, log.read_text()
        rows = {row.video: row.index for row in read_manifest(manifest)}
        assert rows.items() >= ledger.items()
        assert len(set(rows.values())) == len(rows)
        ledger = rows
    assert killed > KILLS / 4
    assert sorted(ledger) == sorted(f"{number}.mp4" for number in range(KILLS + 1))
