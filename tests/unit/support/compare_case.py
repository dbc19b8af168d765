"""A campaign with two models, whose results are written by hand: receipts, qualities and DeepLabCut's .csv."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from dlcctr.campaign.config import Campaign, read_campaign, write_campaign
from dlcctr.campaign.derive import ModelChoice, pin_model
from dlcctr.campaign.manifest import read_manifest, write_manifest
from dlcctr.campaign.rows import Row
from dlcctr.compare.plan import SIDES
from dlcctr.compare.prepare import Prepared, prepare
from dlcctr.contract import RECEIPT_FILENAME, RowState, row_folder
from dlcctr.quality.record import TABLE_FILENAME, PartQuality, Quality, write_quality
from dlcctr.results.receipt import Receipt
from dlcctr.results.sections import (
    AnalysedRow,
    Columns,
    FrameCounts,
    ModelUsed,
    OutputFile,
    Parameters,
)
from tests.unit.support.projects import pytorch_project, write_json
from tests.unit.support.results import SCORER, make_bench

FRAMES = 20


@dataclass
class Case:
    """The campaign's manifest, and the two projects."""

    manifest: Path
    a: Path
    b: Path

    @property
    def campaign(self) -> Campaign:
        return read_campaign(self.manifest)

    def prepare(self, folder: Path | None = None, n: int = 20, seed: int = 0) -> Prepared:
        choices = (ModelChoice(self.a), ModelChoice(self.b))
        return prepare(self.manifest, choices, folder or self.manifest.parent / "cmp", n, seed)


def project(root: Path, parts: Sequence[str], word: str) -> Path:
    """A project whose model has these parts; the word makes it another one."""
    made = pytorch_project(root, bodyparts=list(parts))
    (train,) = made.glob("dlc-models*/iteration-0/*/train")
    (train / "snapshot-200.pt").write_bytes(word.encode())
    metadata = {"bodyparts": list(parts), "unique_bodyparts": [], "individuals": ["i"]}
    write_json(
        train / "pytorch_config.yaml",
        {"method": "bu", "net_type": "resnet_50", "metadata": metadata, "model": {"backbone": {"type": "ResNet"}}},
    )
    write_json(train.parent / "test" / "pose_cfg.yaml", {"dataset": "x", "all_joints_names": list(parts)})
    return made


def make_case(
    root: Path,
    names: Sequence[str],
    parts_a: Sequence[str] = ("snout", "tail"),
    parts_b: Sequence[str] = ("snout", "tail"),
) -> Case:
    """A campaign of A's with these videos, none of them analysed."""
    a, b = project(root / "old", parts_a, "old"), project(root / "new", parts_b, "new")
    bench = make_bench(root, list(names), model_hash="", model_id="", bodyparts=())
    campaign = pin_model(replace(bench.campaign, shuffle=1), a)
    write_campaign(campaign)
    write_manifest(bench.manifest, bench.rows)
    return Case(bench.manifest, a, b)


def finish(
    campaign: Campaign,
    row: Row,
    wrong: float,
    *,
    shift: float = 0.0,
    likelihood: float = 0.9,
    frames: int = FRAMES,
    table: bool = True,
    judged: bool = True,
) -> Path:
    """A whole result of a row, in which a share of points is probably wrong; gives its folder.

    Positions are (10 k, 20) in frame k, `shift` px farther right; a body is 10 px long.
    """
    parts = campaign.bodyparts
    folder = row_folder(campaign.out, campaign.model_id, row.video)
    folder.mkdir(parents=True)
    stem = Path(row.video).stem + SCORER
    (folder / f"{stem}.h5").write_bytes(b"poses")
    if table:
        write_table(folder / f"{stem}.csv", parts, [(10.0 * k + shift, 20.0, likelihood) for k in range(frames)])
    files = [OutputFile.of(file) for file in sorted(folder.iterdir())]
    if judged:
        judge(folder, parts, wrong, frames)
    receipt = Receipt(
        state=RowState.OK,
        cause="",
        exit_code=0,
        row=AnalysedRow(row.index, row.video, row.fingerprint, row.bytes),
        frames=FrameCounts(frames, frames, frames),
        files=files,
        columns=Columns(frames, tuple((part, c) for part in parts for c in ("x", "y", "likelihood"))),
        model=ModelUsed(campaign.model_id, campaign.model_hash, "pytorch", scorer=SCORER, bodyparts=parts),
        parameters=Parameters(shuffle=1, trainset_index=0, csv=table, batch_size=8, crop=row.crop or campaign.crop),
        finished="2026-01-01T00:00:00+00:00",
    )
    (folder / RECEIPT_FILENAME).write_text(receipt.to_json(), encoding="utf-8")
    return folder


def judge(folder: Path, parts: Sequence[str], wrong: float, frames: int = FRAMES) -> None:
    """quality.json and quality.csv.gz; of part n, counted from 0, the score is `wrong` / (n + 1) in each frame."""
    scores = [wrong / (n + 1) for n in range(len(parts))]
    quality = Quality(
        frames,
        summary={"score_mean": sum(scores) / len(scores), "body_length_px": 10.0},
        parts=tuple(
            PartQuality(part, low_share=score, jump_share=0.01, odd_share=0.02)
            for part, score in zip(parts, scores, strict=True)
        ),
    )
    write_quality(folder, quality)
    with gzip.open(folder / TABLE_FILENAME, "wt", encoding="utf-8", newline="") as stream:
        lines = csv.writer(stream)
        lines.writerow(["frame", "score", *(f"score.{part}" for part in parts)])
        lines.writerows([frame, wrong, *scores] for frame in range(frames))


def write_table(file: Path, parts: Sequence[str], points: Sequence[tuple[float, float, float]]) -> None:
    """DeepLabCut's .csv with all parts in one place."""
    with file.open("w", encoding="utf-8", newline="") as stream:
        lines = csv.writer(stream)
        lines.writerow(["scorer", *[SCORER] * 3 * len(parts)])
        lines.writerow(["bodyparts", *(part for part in parts for _ in range(3))])
        lines.writerow(["coords", *["x", "y", "likelihood"] * len(parts)])
        lines.writerows([frame, *list(point) * len(parts)] for frame, point in enumerate(points))


def finish_both(prepared: Prepared, wrong: Sequence[tuple[float, float]], *, shift: float = 1.0) -> None:
    """Results of A and B for each row of the sample, B's points a little to the right."""
    for place, side in enumerate(SIDES):
        manifest = prepared.folder.manifest(side)
        campaign = read_campaign(manifest)
        for row, shares in zip(read_manifest(manifest), wrong, strict=True):
            finish(campaign, row, shares[place], shift=place * shift)
