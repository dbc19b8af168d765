"""Rows of several models on one video: a task decodes it once, and each result is what its row alone would give."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from dlcctr.campaign.config import Campaign, write_campaign
from dlcctr.campaign.manifest import write_manifest
from dlcctr.campaign.rows import Row
from dlcctr.campaign.videos.fingerprint import fingerprint
from dlcctr.contract import FRAME_TIMES_FILENAME, row_folder
from dlcctr.model.inspection import inspect_model
from dlcctr.planning.plan import Plan, PlanTask, rows_digest, write_plan
from dlcctr.results.receipt import OTHER_MODELS
from tests import media
from tests.integration.support.tiny_models import RESNET50, make_model
from tests.integration.test_analyze_native import BOOT, ROOT, Native, receipt_of

FRAMES = 203
KINDS = {
    "pytorch": ("pytorch-single", RESNET50),
    "tensorflow": ("tensorflow-single", "tensorflow-efficientnet"),
}


@pytest.mark.real
@pytest.mark.parametrize("engine", ["pytorch", pytest.param("tensorflow", marks=pytest.mark.full)])
def test_each_result_is_that_of_its_row_alone(request: pytest.FixtureRequest, tmp_path: Path, engine: str) -> None:
    python = request.getfixturevalue(f"native_{engine}")
    models = [make_model(python, kind, tmp_path / "models") for kind in KINDS[engine]]
    native = Native(python, engine, models[0], tmp_path)
    video = media.write_video(tmp_path / "a.mp4", FRAMES, gop=40)
    rows = [Row(n, video.name, FRAMES, model=str(model)) for n, model in enumerate(models)]
    rows = [replace(row, fingerprint=fingerprint(video)) for row in rows]
    outs = [tmp_path / name for name in ("together", "alone")]
    for out in outs:
        campaign = Campaign(file=out / "campaign.toml", video_root=tmp_path, out=out / "results")
        out.mkdir()
        write_campaign(campaign)
        write_manifest(out / "m.csv", rows)
    together, alone = outs
    plan = Plan("p", "m.csv", (PlanTask(tuple(range(len(rows))), 1.0, rows_digest(rows)),), 10)
    write_plan(plan, together / "p.json")
    words: list[str | Path] = ["-I", "-c", BOOT, ROOT, "analyze", "--device", "cpu", "--batch-size", "8"]
    done = native.call(*words, "--manifest", together / "m.csv", "--plan", together / "p.json", "--task", "0")
    assert "pass of its own" not in done.stdout
    for row in rows:
        native.call(*words, "--manifest", alone / "m.csv", "--index", str(row.index))
    whole = FRAMES // 8 * 8
    for row, model in zip(rows, models, strict=True):
        ours, single = (row_folder(out / "results", inspect_model(model).id, video.name) for out in outs)
        (h5,) = ours.glob("*.h5")
        assert h5.read_bytes() == (single / h5.name).read_bytes() or native.compare(h5, single / h5.name)["equal"]
        times = [folder / FRAME_TIMES_FILENAME for folder in (ours, single)]
        assert times[0].read_bytes() == times[1].read_bytes()
        receipt = receipt_of(ours)
        assert [(part.first, part.stop) for part in receipt.device.parts] == ([(0, whole)] if row.index else [])
        assert (OTHER_MODELS in receipt.timings_s) == (not row.index)
        assert not list(ours.parent.glob(".dlcctr-parts-*"))
    print(
        json.dumps(
            [receipt_of(row_folder(together / "results", inspect_model(m).id, video.name)).timings_s for m in models]
        )
    )
    shutil.rmtree(tmp_path / "models")
