"""One round on the demo's campaign: frames to label, labels, training, evaluation, comparison with the model before."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

from demo.videos import SPOILT
from dlcctr.campaign.config import read_campaign
from dlcctr.contract import row_folder

FRAMES = 10


def train_a_round(
    folder: Path,
    manifest: Path,
    project: Path,
    runtime: str,
    *,
    dlcctr: Callable[..., None],
    in_native: Callable[..., None],
    say: Callable[[str], None],
) -> None:
    """Do it in a copy of the project, so that the campaign keeps its model.

    Parameters
    ----------
    dlcctr : callable
        Runs a command of dlcctr with these words.
    in_native : callable
        Runs a script of this folder in the native environment, with these words.
    """
    place = folder / "round"
    shutil.rmtree(place, ignore_errors=True)
    copy, to_label = place / project.name, place / "to-label"
    shutil.copytree(project, copy)
    on = ["--runtime", runtime]
    say(f"round: in a copy of the project, {copy}")
    dlcctr("outliers", str(manifest), "--frames", str(FRAMES), "--apart-s", "0.2", "-o", str(to_label), *on)
    say("round: a person would correct these frames in napari; here the truth is known")
    in_native("label_by_truth.py", str(folder), str(to_label))
    dlcctr("labels", "add", str(copy), str(to_label / "labeled-data"))
    say("round: the training set, by a short trial; its network is made as small as the first one's")
    dlcctr("train", "run", str(copy), "--trial", "--weights", "none", "--gpus", "none", "--allow-cpu", *on)
    in_native("train_pytorch.py", str(copy), "--shrink")
    dlcctr("train", "run", str(copy), "--weights", str(copy), "--gpus", "none", "--allow-cpu", *on)
    dlcctr("evaluate", str(copy), "--gpus", "none", *on)
    comparison = place / "compare"
    words = [str(manifest), "--model", str(copy), "--sample", "4", "-o", str(comparison)]
    dlcctr("compare", *words, "--gpus", "none", "--allow-cpu", *on)
    compare_with_truth(folder, comparison, in_native, say)
    dlcctr("loop", "status", str(copy), "--manifest", str(manifest))


def compare_with_truth(
    folder: Path, comparison: Path, in_native: Callable[..., None], say: Callable[[str], None]
) -> None:
    """Print the error of both models in the spoilt video.

    It is not judged: three frames that are nearly black teach a network little, and that is what an evaluation is for.
    """
    found = []
    for side in "AB":
        campaign = read_campaign(comparison / side / "m.csv")
        answer = comparison / f"error-{side}.json"
        result = row_folder(campaign.out, campaign.model_id, SPOILT.name)
        in_native("label_by_truth.py", "--error", str(folder), str(result), str(answer))
        found.append(float(json.loads(answer.read_text(encoding="utf-8"))))
    before, after = found
    say(f"round: error in {SPOILT.name}, whose lamp fails: {before:.1f} px before, {after:.1f} px after")
