"""`dlcctr compare` with a real network: two models on real videos, clips of both, and what `loop status` says then."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from dlcctr.campaign.manifest import read_manifest
from tests.integration.support.campaigns import dlcctr, make_campaign, states
from tests.integration.support.tiny_models import RESNET50, make_model
from tests.media import write_video

ROUNDED = """
import sys, torch
file = sys.argv[1]
kept = torch.load(file, weights_only=False, map_location="cpu")
kept["model"] = {k: v.half().to(v.dtype) if v.is_floating_point() else v for k, v in kept["model"].items()}
torch.save(kept, file)
"""
"""Weights in 16 bits: another model, with almost the same positions."""


@pytest.mark.real
@pytest.mark.full
def test_two_models_on_real_videos(native_pytorch: Path, tmp_path: Path) -> None:
    a = make_model(native_pytorch, RESNET50, tmp_path / "models")
    b = shutil.copytree(a, tmp_path / "models" / "rounded")
    for snapshot in b.glob("dlc-models-pytorch/iteration-0/*/train/snapshot-*.pt"):
        subprocess.run([native_pytorch, "-c", ROUNDED, snapshot], check=True)
    for camera in ("left", "right"):
        for n in range(2):
            video = tmp_path / "videos" / camera / f"{n}.mp4"
            video.parent.mkdir(parents=True, exist_ok=True)
            write_video(video, 30 + n)
    manifest = tmp_path / "c" / "m.csv"
    make_campaign(manifest, tmp_path / "videos", a)
    run = ("--runtime", "native", "--allow-cpu")
    dlcctr("run", manifest, *run, "--rows", "0,3")
    words = ("compare", manifest, "--model", b, "--sample", "3", "--seed", "1", *run)
    told = json.loads(dlcctr(*words, "--videos", "--json"))
    folder = Path(told["folder"])
    assert folder == manifest.parent / "m-compare"
    sampled = {row.index for row in read_manifest(folder / "A/m.csv")}
    assert len(sampled) == 3 and {video["video"].split("/")[0] for video in told["videos"]} == {"left", "right"}
    assert told["reused"] == len({0, 3} & sampled), "what the campaign has finished is not analysed again"
    assert set(states(folder / "A/m.csv").values()) == {"whole"} == set(states(folder / "B/m.csv").values())
    assert not told["better"] and "no difference that" in told["verdict"], told["verdict"]
    for video in told["videos"]:
        assert video["a"]["measures"] and video["b"]["measures"], video
        assert video["agreement"]["frames"] in (30, 31)
        assert video["agreement"]["sure_share"] == 0 or video["agreement"]["median_px"] < 1
        assert video["a"]["folder"] != video["b"]["folder"]
    assert set(states(folder / "videos/m.csv").values()) == {"whole"}
    page = (folder / "compare.html").read_text(encoding="utf-8")
    assert told["verdict"] in page
    before = {file: file.stat().st_mtime_ns for file in folder.rglob("receipt.json")}
    again = json.loads(dlcctr(*words, "--no-run", "--json"))
    assert again["verdict"] == told["verdict"] and not again["reused"]
    assert before == {file: file.stat().st_mtime_ns for file in folder.rglob("receipt.json")}
    status = json.loads(dlcctr("loop", "status", b, "--manifest", manifest, "--json"))
    assert status["campaign"]["comparison"]["verdict"] == told["verdict"]
    assert status["next"]["command"].startswith(f"dlcctr manifest --like {manifest} --model {b} -o ")
    dlcctr(*status["next"]["command"].split()[1:])
