"""A campaign of one video whose worker is `fake_worker.py`: a real process that has no DeepLabCut."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from dlcctr.campaign.config import Campaign, write_campaign
from dlcctr.campaign.manifest import write_manifest
from dlcctr.campaign.rows import Row
from dlcctr.campaign.videos.fingerprint import fingerprint
from dlcctr.contract import ExitCode, failure_file, row_folder
from dlcctr.errors import DlcctrError
from dlcctr.model.inspection import inspect_model
from dlcctr.results.receipt import Receipt, read_receipt
from entrypoint.analyze.request import RowRequest
from entrypoint.analyze.row.analyze_row import run
from entrypoint.analyze.worker import process as child
from tests import media
from tests.unit.support.projects import pytorch_project

FRAMES = 12
FLOOD = 3000
"""Messages of a job of the worker `flood`; more than a pipe holds."""
HERE = Path(__file__).parent


@dataclass
class Case:
    """A campaign of one video, and how to analyse it."""

    folder: Path
    campaign: Campaign
    row: Row

    def write(self, *, campaign: dict[str, Any] | None = None, **row: Any) -> None:
        write_campaign(replace(self.campaign, **(campaign or {})))
        self.row = replace(self.row, **row)
        write_manifest(self.folder / "m.csv", [self.row])

    def run(self, **options: Any) -> ExitCode:
        options = {"device": "cpu", "scratch": self.folder / "scratch", **options}
        return run(RowRequest(manifest=self.folder / "m.csv", index=0, **options))

    def fail(self, kind: type[DlcctrError], match: str, **options: Any) -> DlcctrError:
        with pytest.raises(kind, match=match) as caught:
            self.run(**options)
        assert caught.value.hint
        assert self.receipt is None
        assert list((self.folder / "scratch").iterdir()) == []
        return caught.value

    @property
    def model_id(self) -> str:
        return inspect_model(self.folder / "model").id

    @property
    def result(self) -> Path:
        return row_folder(self.campaign.out, self.model_id, self.row.video)

    @property
    def receipt(self) -> Receipt | None:
        return read_receipt(self.result)

    @property
    def failure(self) -> dict[str, Any]:
        text = failure_file(self.campaign.out, self.model_id, self.row.video).read_text()
        table: dict[str, Any] = json.loads(text)
        return table


@pytest.fixture
def case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Case:
    image = tmp_path / "image.json"
    image.write_text(json.dumps({"name": "dlcctr:test", "engine": "pytorch", "flavour": "pytorch-cpu"}))
    monkeypatch.setenv("DLCCTR_IMAGE_FILE", str(image))
    monkeypatch.setenv("FAKE_WORKER", "ok")
    monkeypatch.setenv("FAKE_FLOOD", str(FLOOD))
    monkeypatch.setenv("FAKE_STARTED", str(tmp_path / "started"))
    monkeypatch.setattr(child, "BOOT", (HERE / "fake_worker.py").read_text())
    (tmp_path / "scratch").mkdir()
    (tmp_path / "videos" / "sub").mkdir(parents=True)
    video = media.write_video(tmp_path / "videos" / "sub" / "a b.mp4", FRAMES)
    model = inspect_model(pytorch_project(tmp_path / "model"))
    campaign = Campaign(
        file=tmp_path / "campaign.toml",
        model=model.project,
        model_hash=model.hash,
        model_id=model.id,
        video_root=tmp_path / "videos",
        out=tmp_path / "out",
    )
    row = Row(0, "sub/a b.mp4", frames=FRAMES, bytes=video.stat().st_size, fingerprint=fingerprint(video))
    made = Case(tmp_path, campaign, row)
    made.write()
    return made
