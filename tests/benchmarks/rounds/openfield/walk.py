"""The round itself, by the commands that a lab types. What is measured is not done again."""

from __future__ import annotations

import csv
import json
import random
import shutil
from collections.abc import Sequence
from pathlib import Path

import cv2

from tests.benchmarks.rounds.campaign import read_frames
from tests.benchmarks.rounds.openfield import real
from tests.benchmarks.rounds.openfield.commands import Commands
from tests.benchmarks.rounds.openfield.measured import Results, read_errors, read_losses
from tests.benchmarks.rounds.openfield.settings import FRAMES, NO_FRAMES, RECIPES, SHARED
from tests.benchmarks.rounds.openfield.stretches import (
    FIRST,
    HELD_OUT_FOLDER,
    STRETCHES,
    campaign_stretches,
    frames_of,
    held_out,
)
from tests.benchmarks.rounds.pick import by_video
from tests.benchmarks.rounds.settings import FIRST as START_MODEL
from tests.benchmarks.rounds.settings import OURS, RANDOM

APART_S = 0.3
"""Of `outliers`: its default of 1 s would leave one or two frames of a video."""
NATIVE = ("--gpus", "none", "--runtime", "native")
QUICK_ITERATIONS, QUICK_FRAMES = 10, 4


class Walk:
    """Rounds of one start model.

    Parameters
    ----------
    start : str
        One of `STARTS`.
    python : Path
        Of the native environment.
    quick : bool
        A few iterations and frames, to try the way and measure nothing.
    """

    def __init__(self, out: Path, start: str, python: Path, *, quick: bool = False) -> None:
        self._folder, self._start, self._recipe, self._quick = out / start, start, RECIPES[start], quick
        self._folder.mkdir(parents=True, exist_ok=True)
        self._base = self._folder / "project" / real.PROJECT.name
        self._do = Commands(python, self._folder / "walk.log")
        self.results = Results(self._folder / "results.jsonl", start)

    def begin(self) -> None:
        """The project with its first labels and its first model, and videos of all stretches."""
        done = self._folder / "begun"
        if done.exists():
            return
        shutil.rmtree(self._base.parent, ignore_errors=True)
        self._base.mkdir(parents=True)
        shutil.copy(real.PROJECT / "config.yaml", self._base)
        first = self._folder / "first" / real.LABELS.name
        real.copy_labels(first, FIRST)
        self._do.dlcctr("labels", "add", self._base, first)
        if self._start == SHARED:
            for name in ("dlc-models-pytorch", "training-datasets"):
                shutil.copytree(real.MODEL / name, self._base / name)
        else:
            self._make_set(self._base, self._recipe.first, self._recipe.first_rate, seed=1)
            self._train(self._base, "none", seed=1)
        for n, frames in enumerate(STRETCHES):
            real.write_video(self._video(n), frames)
        done.touch()

    def without_frames(self, splits: Sequence[int]) -> None:
        """The start model, and one that was trained on as long as after a round, but without any new frame."""
        if all(self.results.has(split, way) for split in splits for way in (START_MODEL, NO_FRAMES)):
            return
        self.results.begin()
        project = self._copy_of_base("no-new-frames")
        self._add_labels(project, frames_of(range(len(STRETCHES))))
        self._make_set(project, self._recipe.more, self._recipe.more_rate, seed=1)
        self._train(project, str(self._base), seed=1)
        self._do.dlcctr("evaluate", project, *NATIVE)
        errors = read_errors(project)
        for split in splits:
            for way, model in ((START_MODEL, "before"), (NO_FRAMES, "now")):
                if not self.results.has(split, way):
                    held = {frame: errors[model][frame] for frame in frames_of(held_out(split))}
                    self.results.add(split, way, held)

    def round(self, split: int, way: str) -> None:
        """Pick frames in one way, label them, train, and measure the error in the held-out stretches."""
        if self.results.has(split, way):
            return
        self.results.begin()
        manifest = self._campaign(split)
        project = self._copy_of_base(f"split-{split}-{way}")
        picked = self._pick(way, manifest, project.parent / "pick", split)
        self._add_labels(project, frames_of(held_out(split)), project.parent / "pick" / "labeled-data")
        self._make_set(project, self._recipe.more, self._recipe.more_rate, seed=split + 1)
        self._train(project, str(self._base), seed=split + 1)
        self._do.dlcctr("evaluate", project, *NATIVE, "--beside", "none")
        self.results.add(split, way, read_errors(project)["now"], picked=picked, losses=read_losses(project))

    def _campaign(self, split: int) -> Path:
        """The finished and judged campaign of a split; a stretch that several splits have is analysed once."""
        manifest = self._folder / f"split-{split}" / "m.csv"
        done = manifest.with_name("analysed")
        if done.exists():
            return manifest
        if not manifest.exists():
            videos = [self._video(n) for n in campaign_stretches(split)]
            words = ["--root", videos[0].parent, "--out", self._folder / "results", "--model", self._base]
            self._do.dlcctr("manifest", *videos, *words, "-o", manifest)
        self._do.dlcctr("run", manifest, "--allow-cpu", *NATIVE)
        self._do.dlcctr("check", manifest)
        done.touch()
        return manifest

    def _pick(self, way: str, manifest: Path, place: Path, split: int) -> list[int]:
        """Pick and label; returns the labelled frames that were picked."""
        n = QUICK_FRAMES if self._quick else FRAMES
        if way == OURS:
            words = ["--frames", n, "--seed", split, "--apart-s", APART_S, "-o", place, "--runtime", "native"]
            self._do.dlcctr("outliers", manifest, *words)
            with (place / "outliers.csv").open(encoding="utf-8", newline="") as stream:
                taken = [(line["video"], int(line["frame"])) for line in csv.DictReader(stream)]
        elif way == RANDOM:
            drawn = random.Random(f"{split} random").sample(frames_of(campaign_stretches(split)), n)
            taken = [self._place_of(frame) for frame in drawn]
        else:
            self._do.in_native("pick", manifest, n, place, split)
            taken = [(video, frame) for video, frame in json.loads((place / "picked.json").read_text())]
        return self._label(taken, place / "labeled-data")

    def _label(self, taken: list[tuple[str, int]], folder: Path) -> list[int]:
        """Give pictures of the campaign the labels that people gave the frames that they show."""
        shown: list[int] = []
        for video, numbers in by_video(taken).items():
            stretch, file = STRETCHES[int(Path(video).stem.rpartition("-")[2])], self._video(0).with_name(video)
            # of several frames that show the same labelled one, one is labelled
            chosen = {stretch[number // real.HELD_FRAMES]: number for number in numbers}
            place = folder / file.stem
            real.write_labels(place, {_name(number): frame for frame, number in chosen.items()})
            for number, picture in read_frames(file, set(chosen.values())).items():
                if not (place / _name(number)).exists():
                    cv2.imwrite(str(place / _name(number)), picture)
            shown += chosen
        return sorted(shown)

    def _place_of(self, frame: int) -> tuple[str, int]:
        n = next(n for n, frames in enumerate(STRETCHES) if frame in frames)
        return self._video(n).name, STRETCHES[n].index(frame) * real.HELD_FRAMES + real.HELD_FRAMES // 2

    def _copy_of_base(self, name: str) -> Path:
        place = self._folder / name
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(self._base, place / self._base.name)
        return place / self._base.name

    def _add_labels(self, project: Path, held: Sequence[int], *picked: Path) -> None:
        """Add frames that were picked, and those held out.

        Nothing is trained on the held-out ones: `evaluate` looks at frames of a training set only.
        """
        folder = project.parent / "held-out" / HELD_OUT_FOLDER
        real.copy_labels(folder, held)
        self._do.dlcctr("labels", "add", project, *picked, folder, "--new-iteration")

    def _make_set(self, project: Path, iterations: int, rate: float, *, seed: int) -> None:
        self._do.in_native("set", project, self._start, QUICK_ITERATIONS if self._quick else iterations, rate, seed)

    def _train(self, project: Path, weights: str, *, seed: int) -> None:
        self._do.dlcctr("train", "run", project, "--weights", weights, "--seed", seed, "--allow-cpu", *NATIVE)

    def _video(self, n: int) -> Path:
        return self._folder / "videos" / f"stretch-{n}.mp4"


def _name(number: int) -> str:
    """Picture of a frame of a video of 50, as DeepLabCut names it."""
    return f"img{number:02d}.png"
