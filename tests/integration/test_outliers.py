"""Frames that `outliers` took are DeepLabCut's own, file for file, and DeepLabCut makes a training set of them."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from dlcctr.campaign.config import write_campaign
from entrypoint.outliers.run_outliers import OutliersRequest, run_outliers
from entrypoint.quality.judge_rows import QualityRequest, judge_rows
from tests.unit.entrypoint.outliers.test_outliers import VIDEOS, judged_bench
from tests.unit.quality.test_judge import NAMES

ROOT = Path(__file__).resolve().parents[2]
BOOT = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from entrypoint.steps.importable import make_importable
make_importable()
"""
PROJECT = """
import sys, deeplabcut
from pathlib import Path
folder, video, *parts = sys.argv[1:]
config = deeplabcut.create_new_project("mouse", "lab", [video], working_directory=folder, copy_videos=True)
from deeplabcut.utils import auxiliaryfunctions
auxiliaryfunctions.edit_config(config, {"bodyparts": parts, "iteration": 2, "skeleton": []})
print("CONFIG", config)
"""
ROUND = """
import json, shutil, sys
from pathlib import Path
import numpy as np, pandas as pd, deeplabcut
from deeplabcut.refine_training_dataset import outlier_frames
from deeplabcut.utils import auxiliaryfunctions

config, wanted = Path(sys.argv[1]), json.loads(sys.argv[2])
ours = config.parent / "labeled-data"
stock = config.parent.with_name("stock")
shutil.copytree(config.parent, stock)
shutil.rmtree(stock / "labeled-data")
for folder, (video, table, frames) in wanted.items():
    copy = stock / "videos" / (folder + Path(video).suffix)
    shutil.copy(video, copy)
    cfg = {**auxiliaryfunctions.read_config(config), "project_path": str(stock), "numframes2pick": len(frames)}
    (stock / "labeled-data").mkdir(exist_ok=True)
    outlier_frames.ExtractFramesbasedonPreselection(
        np.array(frames), "uniform", pd.read_hdf(table), str(copy), cfg, str(stock / "config.yaml"), savelabeled=False
    )
    there, here = stock / "labeled-data" / folder, ours / folder
    assert {each.name for each in there.iterdir()} == {each.name for each in here.iterdir()}, list(there.iterdir())
    name = f"machinelabels-iter{cfg['iteration']}.h5"
    theirs, mine = (pd.read_hdf(place / name, "df_with_missing").sort_index() for place in (there, here))
    pd.testing.assert_frame_equal(theirs[mine.columns], mine)
    import cv2
    for picture in here.glob("*.png"):
        assert np.array_equal(cv2.imread(str(picture)), cv2.imread(str(there / picture.name))), picture

# what a person does in napari: the points are right; then the lines of outliers.txt
cfg = auxiliaryfunctions.read_config(config)
for folder in wanted:
    table = pd.read_hdf(next((ours / folder).glob("machinelabels-iter*.h5"))).drop("likelihood", axis=1, level="coords")
    table.columns = table.columns.set_levels(["lab"], level="scorer")
    table.to_hdf(ours / folder / "CollectedData_lab.h5", key="df_with_missing", mode="w")
    table.to_csv(ours / folder / "CollectedData_lab.csv")
lines = (config.parent / "outliers.txt").read_text().partition("video_sets:\\n")[2]
text = config.read_text()
assert text.count("video_sets:\\n") == 1
config.write_text(text.replace("video_sets:\\n", "video_sets:\\n" + lines))
for empty in [each for each in ours.iterdir() if not list(each.iterdir())]:
    empty.rmdir()
deeplabcut.merge_datasets(str(config))
assert auxiliaryfunctions.read_config(config)["iteration"] == 3
deeplabcut.create_training_dataset(str(config), net_type="resnet_50", num_shuffles=1)
merged = pd.read_hdf(next((config.parent / "training-datasets/iteration-3").rglob("CollectedData_lab.h5")))
assert len(merged) == sum(len(frames) for _, _, frames in wanted.values())
assert set(merged.index.get_level_values(1)) == set(wanted)
print("MERGED", len(merged))
"""


@pytest.mark.full
def test_a_round_by_deeplabcut(native_pytorch: Path, tmp_path: Path) -> None:
    bench = judged_bench(tmp_path, cropped=False)

    def call(code: str, *words: object) -> str:
        done = subprocess.run(
            [native_pytorch, "-c", BOOT + code, *map(str, words)],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
        )
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
        return done.stdout

    parts = [NAMES[n] for n in (2, 0, 3, 1)]
    made = call(PROJECT, tmp_path, bench.campaign.video_root / VIDEOS[0], *parts)
    config = Path(next(line for line in made.splitlines() if line.startswith("CONFIG ")).removeprefix("CONFIG "))
    bench.campaign = replace(bench.campaign, model=config.parent)
    write_campaign(bench.campaign)
    judge_rows(QualityRequest(bench.manifest, pictures=False))
    run_outliers(OutliersRequest(bench.manifest, 8, config.parent, apart_s=0.2))
    wanted: dict[str, tuple[str, str, list[int]]] = {}
    for line in (config.parent / "outliers.csv").read_text().splitlines()[1:]:
        folder, _, row, video, frame, *_ = line.split(",")
        (table,) = bench.folder(int(row)).glob("*.h5")
        entry = wanted.setdefault(folder, (str(bench.campaign.video_root / video), str(table), []))
        entry[2].append(int(frame))
    assert len(wanted) == 3
    assert "MERGED" in call(ROUND, config, json.dumps(wanted))
