"""From rendered videos to judged results, through the commands and the native runtime that people use."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

from demo.__main__ import digest
from dlcctr.campaign.config import read_campaign
from dlcctr.campaign.manifest import read_manifest, write_manifest
from dlcctr.campaign.paths import CampaignPaths
from dlcctr.image import flavours
from dlcctr.runtime.native import environment

ROOT = Path(__file__).resolve().parents[4]
CACHE = Path.home() / ".cache" / "dlcctr" / "benchmarks" / "quality"
"""Models, videos and results; what is there is not made again."""
ANY_SPEED = "100"
HERE = Path(__file__).resolve().parent
RENDERED_BY = ("arena.py", "clip.py", "faults.py", "render.py", "../../../../demo/videos.py")
"""Videos of the same seed are others where one of these is."""
TRAINED_BY = (
    "model.py", "arena.py", "clip.py", "../../../../demo/videos.py", "../../../../demo/project.py",
    "../../../../demo/train_pytorch.py", "../../../../demo/train_tensorflow.py",
)  # fmt: skip
"""Models of the same seed are others where one of these is."""


@dataclass(frozen=True)
class Analysed:
    """Videos of one seed with the results of one engine."""

    engine: str
    videos: Path
    manifest: Path
    python: Path


def say(line: str) -> None:
    print(line, flush=True)


def analyse(engine: str, seed: int, n_videos: int) -> Analysed:
    """Render, train, analyse and judge whatever is not there yet."""
    flavour = flavours.pick_flavour(flavours.list_flavours(), flavours.read_pins(), engine=engine, device="cpu")
    python = environment.ensure_environment(flavour, say=say)
    CACHE.mkdir(parents=True, exist_ok=True)
    project = train(python, engine, seed, environment.read_lock(flavour))
    folder = CACHE / f"seed-{seed}-{n_videos}-{digest(*(HERE / name for name in RENDERED_BY))}"
    _module(python, "render", str(folder), str(seed), str(n_videos))
    manifest = folder / f"{engine}-{project.parent.name[-12:]}" / "manifest.csv"
    if not manifest.exists():
        _dlcctr("manifest", str(folder / "videos"), "-o", str(manifest), "--model", str(project))
        _set_crops(manifest, folder)
    _dlcctr("plan", str(manifest), "--tasks", "1", "--fps", ANY_SPEED, "--all")
    plan = max(CampaignPaths.of(manifest).plans.glob("*.json"))
    words = ["analyze", "--manifest", str(manifest), "--plan", str(plan), "--task", "0", "--allow-cpu"]
    env = {**os.environ, "DLClight": "True", "CUDA_VISIBLE_DEVICES": "", "OMP_WAIT_POLICY": "PASSIVE"}
    subprocess.run([str(python), "-I", "-m", "entrypoint", *words], env=env, check=True)
    return Analysed(engine, folder, manifest, python)


def train(python: Path, engine: str, seed: int, lock: str) -> Path:
    """Train the model of a seed's cameras, or take the one that was made in the same way; returns its project."""
    trained = CACHE / f"model-{engine}-{seed}-{digest(*(HERE / name for name in TRAINED_BY), lock)}"
    if not trained.exists():
        making = CACHE / f"making-{engine}-{seed}"
        shutil.rmtree(making, ignore_errors=True)
        making.mkdir()
        say(f"training {trained.name}")
        _module(python, "model", str(making), engine, str(seed), log=CACHE / f"train-{engine}-{seed}.log")
        making.rename(trained)
    return next(trained.glob("demo-*/config.yaml")).parent


def fit_some(analysed: Analysed, tables: list[Path]) -> Path:
    """DeepLabCut's `fitting` of some results; returns the folder of its .npz files, one for each row's folder."""
    out = analysed.manifest.parent / "fitting"
    out.mkdir(exist_ok=True)
    _module(analysed.python, "deeplabcuts_fit", str(out), *map(str, tables))
    return out


def _set_crops(manifest: Path, folder: Path) -> None:
    crops = {case["video"]: case["crop"] for case in json.loads((folder / "cases.json").read_text())}
    rows = read_manifest(manifest)
    write_manifest(manifest, [replace(row, crop=tuple(crops[row.video]) if crops[row.video] else None) for row in rows])
    read_campaign(manifest)


def _module(python: Path, name: str, *words: str, log: Path | None = None) -> None:
    path = os.pathsep.join((str(ROOT), str(ROOT / "demo")))
    own = {"DLClight": "True", "CUDA_VISIBLE_DEVICES": "", "NO_ALBUMENTATIONS_UPDATE": "1", "PYTHONPATH": path}
    argv = [str(python), "-m", f"tests.benchmarks.quality.rendered.{name}", *words]
    with log.open("w") if log else nullcontext() as stream:
        subprocess.run(argv, env={**os.environ, **own}, check=True, stdout=stream, stderr=stream)


def _dlcctr(*words: str) -> None:
    say(f"$ dlcctr {' '.join(words)}")
    subprocess.run([sys.executable, "-m", "dlcctr", *words], cwd=ROOT, check=True)
