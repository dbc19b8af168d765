"""One round on the videos of a new camera: frames to label, labels, training, evaluation, comparison."""

from __future__ import annotations

import time
from pathlib import Path

from demo.practice import Practice
from demo.programs import dlcctr, say, shown

FRAMES = 20


def train_a_round(folder: Path, trained: Path, python: Path, runtime: str) -> None:
    """Do a round as docs/loop.md does it, in a folder of its own.

    Parameters
    ----------
    folder : Path
        Of the demo.
    trained : Path
        Project with the first model; it stays as it is.
    python : Path
        Has DeepLabCut.
    """
    practice = Practice(folder / "round", python)
    manifest, project, place = practice.manifest, practice.project, practice.folder
    began = time.monotonic()
    on = ["--runtime", runtime]
    on_cpu = [*on, "--gpus", "none"]
    say("round: a new camera: a wooden floor and a pale mouse, which the model has never seen")
    practice.start(trained)
    dlcctr("manifest", practice.videos, "-o", manifest, "--model", project, "--out", place / "results")
    dlcctr("run", manifest, "--allow-cpu", *on_cpu)
    dlcctr("outliers", manifest, "--frames", str(FRAMES), "-o", practice.to_label, *on)
    say("round: a person corrects these frames in napari; here the truth is known")
    practice.label()
    dlcctr("labels", "add", project, practice.to_label / "labeled-data")
    say("round: the training set, with as small a network as the first one's")
    practice.make_set()
    dlcctr("train", "run", project, "--weights", project, "--allow-cpu", *on_cpu)
    dlcctr("evaluate", project, *on_cpu)
    dlcctr("compare", manifest, "--model", project, "--allow-cpu", *on_cpu)
    practice.tell_truth()
    dlcctr("loop", "status", project, "--manifest", manifest)
    say(f"round: done in {time.monotonic() - began:.0f} s; look at these in {shown(place)}:")
    say("  before-after.png, to-label/outliers.html, m-compare/compare.html, mouse/evaluation-results-pytorch")
