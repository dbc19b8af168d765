"""Steps after the analysis, on rows of every kind that real DeepLabCut has analysed."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy
import pandas
import pytest

from dlcctr.campaign.config import Campaign, write_campaign
from dlcctr.campaign.manifest import write_manifest
from dlcctr.campaign.rows import Row
from dlcctr.campaign.steps.spec import parse_steps
from dlcctr.campaign.videos.fingerprint import fingerprint
from dlcctr.contract import row_folder
from dlcctr.model.inspection import inspect_model
from dlcctr.results.check import check
from dlcctr.results.row_state import State
from dlcctr.results.steps.receipt import read_step_receipt, step_folder
from tests.integration.support.tiny_models import KINDS, RESNET50, make_model
from tests.integration.test_analyze_native import BOOT, ROOT, Native, calm_video

FRAMES = 40
pytestmark = pytest.mark.real


def steps_of(kind: str) -> list[dict[str, Any]]:
    """One of each kind that the model can have."""
    several = "single" not in kind
    of: dict[str, Any] = {"of": "tracks"} if several else {}
    return [
        *([{"name": "tracks"}] if several else []),
        {"name": "filter", "filtertype": "median", **of},
        {"name": "kalman", "kind": "filter", **of},
        {"name": "csv", "of": "filter"},
        {"name": "nwb", "of": "filter", "session_start_time": "2026-03-04T10:00:00+01:00"},
        {"name": "label-video", "of": "kalman", "beside": "filter"},
    ]


def content(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


def insist_same_tracks(folder: Path) -> None:
    """The analysis holds the tracks that DeepLabCut's functions have made; the step makes them of its detections."""
    (stock,) = folder.glob("*.h5")
    (ours,) = step_folder(folder, "tracks").glob("*.h5")
    wanted, found = pandas.read_hdf(stock), pandas.read_hdf(ours)
    print({"positions": int(found.notna().to_numpy().sum()) // 3, "frames": len(found)})
    assert list(wanted.columns) == list(found.columns)
    numpy.testing.assert_array_equal(found.to_numpy(float)[: len(wanted)], wanted.to_numpy(float))
    assert found.notna().to_numpy().any(), "without a track nothing is compared"


@pytest.mark.parametrize(
    "kind",
    [pytest.param(kind, marks=[] if kind == "pytorch-multi" else pytest.mark.full) for kind in KINDS],
)
def test_every_step_follows_the_analysis(request: pytest.FixtureRequest, tmp_path: Path, kind: str) -> None:
    engine = kind.partition("-")[0]
    python = request.getfixturevalue(f"native_{engine}")
    model = make_model(python, kind, tmp_path / "models")
    video = calm_video(tmp_path / "a.mp4", FRAMES)
    campaign = Campaign(
        file=tmp_path / "campaign.toml", model=model, video_root=tmp_path, out=tmp_path / "results",
        steps=parse_steps(steps_of(kind)),
    )  # fmt: skip
    write_campaign(campaign)
    manifest = tmp_path / "m.csv"
    write_manifest(manifest, [Row(0, video.name, FRAMES, fingerprint=fingerprint(video))])
    native = Native(python, engine, model, tmp_path)
    words: list[str | Path] = ["-I", "-c", BOOT, ROOT]
    analyze = [*words, "analyze", "--manifest", manifest, "--index", "0", "--device", "cpu"]
    done = native.call(*analyze)
    names = [step.name for step in campaign.steps]
    assert re.findall(r"a\.mp4\): ([\w-]+): done in", done.stdout) == names
    (row,) = check(manifest).rows
    assert row.state is State.WHOLE, row.cause
    folder = row_folder(campaign.out, inspect_model(model).id, video.name)
    receipts = {name: read_step_receipt(folder, name) for name in names}
    print({name: (receipt.seconds, receipt.facts, receipt.remark) for name, receipt in receipts.items() if receipt})
    if "tracks" in names:
        insist_same_tracks(folder)
    (labelled,) = step_folder(folder, "label-video").glob("*.mp4")
    with av.open(str(labelled)) as opened:
        stream = opened.streams.video[0]
        assert stream.codec_context.name == "h264" and stream.codec_context.pix_fmt == "yuv420p"
        assert sum(1 for _ in opened.decode(stream)) == FRAMES
    before = content(tmp_path / "results")
    assert "done in" not in native.call(*analyze).stdout
    assert content(tmp_path / "results") == before
    # other parameters: that step and what it is read by, and nothing else
    steps = [replace(s, parameters=replace(s.parameters, windowlength=7)) if s.name == "filter" else s
             for s in campaign.steps]  # fmt: skip
    write_campaign(replace(campaign, steps=tuple(steps)))
    assert check(manifest).rows[0].state is State.UNFINISHED
    again = native.call(*words, "step", "--manifest", manifest, "--index", "0").stdout
    redone = re.findall(r"a\.mp4\): ([\w-]+): done in", again)
    assert redone[0] == "filter" and set(redone) <= {"filter", "csv", "nwb", "label-video"}
    assert check(manifest).rows[0].state is State.WHOLE


@pytest.mark.full
def test_models_of_one_video_are_combined(native_pytorch: Path, tmp_path: Path) -> None:
    models = [make_model(native_pytorch, kind, tmp_path / "models") for kind in ("pytorch-single", RESNET50)]
    video = calm_video(tmp_path / "a.mp4", FRAMES)
    steps = [{"name": "ensemble"}, {"name": "label-video", "of": "ensemble"},
             {"name": "both", "kind": "label-video", "beside": "rows"}]  # fmt: skip
    campaign = Campaign(
        file=tmp_path / "campaign.toml", model=models[0], video_root=tmp_path, out=tmp_path / "results",
        steps=parse_steps(steps),
    )  # fmt: skip
    write_campaign(campaign)
    manifest, native = tmp_path / "m.csv", Native(native_pytorch, "pytorch", models[0], tmp_path)
    rows = [
        Row(n, video.name, FRAMES, fingerprint=fingerprint(video), model=model)
        for n, model in enumerate(("", str(models[1])))
    ]  # the first is the campaign's
    write_manifest(manifest, rows)
    for row in rows:
        native.call(
            "-I", "-c", BOOT, ROOT, "analyze", "--manifest", manifest, "--index", str(row.index), "--device", "cpu"
        )
        done = check(manifest).rows[row.index]
        assert done.state is State.WHOLE, done.cause
    folders = [row_folder(campaign.out, inspect_model(model).id, video.name) for model in models]
    assert not (folders[0] / "steps").exists()
    receipt = read_step_receipt(folders[1], "ensemble")
    assert receipt is not None and [each.path.startswith("row 0: ") for each in receipt.inputs].count(True) == 1
    assert {entry.name.rpartition("_")[2] for entry in receipt.files} >= {"ensemble.h5", "variance.hdf5"}
    last: list[str | Path] = [
        "-I",
        "-c",
        BOOT,
        ROOT,
        "analyze",
        "--manifest",
        manifest,
        "--index",
        "1",
        "--device",
        "cpu",
    ]
    assert "already done" not in native.call(*last).stdout, "no process is started to find that nothing is due"
    (labelled,) = step_folder(folders[1], "both").glob("*.mp4")
    with av.open(str(labelled)) as opened:
        assert opened.streams.video[0].width >= 2 * 160
