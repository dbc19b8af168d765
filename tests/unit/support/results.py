"""Campaigns whose results were never analysed: real manifests and receipts around bytes that stand for DeepLabCut's."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dlcctr.campaign.config import Campaign, write_campaign
from dlcctr.campaign.manifest import write_manifest
from dlcctr.campaign.rows import Row
from dlcctr.campaign.videos.fingerprint import fingerprint
from dlcctr.contract import RECEIPT_FILENAME, RowState, failure_file, row_folder
from dlcctr.results.receipt import Receipt
from dlcctr.results.sections import AnalysedRow, Columns, FrameCounts, ModelUsed, OutputFile, Parameters

MODEL_HASH = "ab" * 32
MODEL_ID = "mouse-shuffle1-snapshot-9-abababab"
BODYPARTS = ("snout", "tail")
SCORER = "DLC_Resnet50_mouse"
FRAMES = 20


@dataclass
class Bench:
    """A campaign on disk, and how to put results into it."""

    manifest: Path
    campaign: Campaign
    rows: list[Row]

    def folder(self, index: int) -> Path:
        return row_folder(self.campaign.out, self.campaign.model_id, self.rows[index].video)

    def failure_file(self, index: int) -> Path:
        return failure_file(self.campaign.out, self.campaign.model_id, self.rows[index].video)

    def receipt(self, index: int, **changes: Any) -> Receipt:
        """A whole row's receipt, with changes; `files` are those that lie in its folder."""
        row = self.rows[index]
        files = [
            OutputFile.of(file) for file in sorted(self.folder(index).glob("*")) if file.suffix not in (".json", "")
        ]
        whole = Receipt(
            state=RowState.OK,
            cause="",
            exit_code=0,
            row=AnalysedRow(row.index, row.video, row.fingerprint, row.bytes),
            frames=FrameCounts(FRAMES, FRAMES, FRAMES),
            files=files,
            columns=Columns(FRAMES, tuple((part, c) for part in BODYPARTS for c in ("x", "y", "likelihood"))),
            model=ModelUsed(self.campaign.model_id, self.campaign.model_hash, scorer=SCORER, bodyparts=BODYPARTS),
            parameters=Parameters(shuffle=1, trainset_index=0, csv=True, batch_size=8),
            finished="2026-01-01T00:00:00+00:00",
        )
        return replace(whole, **changes)

    def commit(self, index: int, **changes: Any) -> Path:
        """Write outputs and receipt of one row; returns its folder."""
        folder = self.folder(index)
        folder.mkdir(parents=True)
        stem = Path(self.rows[index].video).stem
        (folder / f"{stem}{SCORER}.h5").write_bytes(
            "".join(f"row {index}, frame {n}\n" for n in range(FRAMES)).encode()
        )
        (folder / f"{stem}{SCORER}.csv").write_text("x,y\n")
        self.write_receipt(index, **changes)
        return folder

    def write_receipt(self, index: int, **changes: Any) -> None:
        text = self.receipt(index, **changes).to_json()
        (self.folder(index) / RECEIPT_FILENAME).write_text(text, encoding="utf-8")


def make_bench(folder: Path, names: list[str], **changes: Any) -> Bench:
    """Write videos (bytes that are none), campaign.toml and manifest."""
    root = folder / "videos"
    rows = []
    for index, name in enumerate(names):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(f"video {index}".encode() * 100)
        rows.append(
            Row(index, name, frames=FRAMES, fps=25.0, width=64, height=48, codec="h264", duration_s=0.8,
                bytes=path.stat().st_size, fingerprint=fingerprint(path))
        )  # fmt: skip
    campaign = Campaign(
        file=folder / "campaign.toml",
        model_hash=MODEL_HASH,
        model_id=MODEL_ID,
        engine="pytorch",
        bodyparts=BODYPARTS,
        video_root=root,
        out=folder / "results",
    )
    bench = Bench(folder / "m.csv", replace(campaign, **changes), rows)
    write_campaign(bench.campaign)
    write_manifest(bench.manifest, rows)
    return bench
