"""Conditional top-down models and the bottom-up model whose poses they begin with."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dlcctr.campaign.config import Campaign
from dlcctr.campaign.tracking import PROJECTS_OWN, Tracking, tracking_problem
from dlcctr.contract import ExitCode
from dlcctr.errors import ModelError
from dlcctr.model.bundles.pack import pack_model, unpack_model
from dlcctr.model.bundles.verify import verify_bundle
from dlcctr.model.inspection import inspect_model
from dlcctr.model.project.survey import survey_model
from dlcctr.model.yaml.yaml12 import read_yaml
from dlcctr.transfer.layout import model_items
from entrypoint.analyze.row.jobs import make_skeleton
from tests.unit.support.projects import (
    NAME,
    conditional_project,
    edit_json,
    pytorch_project,
    set_conditions,
    shuffle_folder,
    tensorflow_project,
    train_folder,
)

BOTTOM_UP = "dlc-models-pytorch/iteration-0/" + NAME.replace("shuffle1", "shuffle2")
NOTHING = {"config": None, "modelprefix": "", "snapshot_index": None}
"""What DeepLabCut writes beside the shuffle."""


def chosen(project: Path) -> tuple[int, str, bool]:
    found = inspect_model(project).conditions
    assert found is not None
    assert found.snapshot_file == project / found.folder / "train" / f"{found.snapshot}.pt"
    return found.shuffle, found.snapshot, found.by_place


@pytest.mark.parametrize(
    ("conditions", "snapshot", "by_place"),
    [
        ({"shuffle": 2, "snapshot": "snapshot-10.pt"}, "snapshot-10", False),
        ({"shuffle": 2, "snapshot": "snapshot-10.pt", "snapshot_index": 1}, "snapshot-10", False),
        ({"source": "shuffle", "shuffle": 2, "trainset_index": 0, "snapshot": "snapshot-30.pt", **NOTHING},
         "snapshot-30", False),
        ({"shuffle": 2}, "snapshot-best-20", False),
        ({"shuffle": 2, "snapshot_index": -1}, "snapshot-best-20", False),
        ({"shuffle": 2, "snapshot_index": 0}, "snapshot-10", True),
        ({"shuffle": 2, "snapshot_index": -2}, "snapshot-30", True),
        ({"shuffle": 2, "snapshot": "snapshot-10.pt", "config": "C:\\Users\\lab\\mouse\\config.yaml"},
         "snapshot-10", False),
        ({"config_path": f"D:\\mouse\\{BOTTOM_UP}\\train\\pytorch_config.yaml", "scorer": "DLC_x",
          "snapshot_path": f"D:\\mouse/{BOTTOM_UP}/train/snapshot-10.pt"}, "snapshot-10", False),
    ],
)  # fmt: skip
def test_the_bottom_up_model_is_found_in_each_way_to_name_it(
    tmp_path: Path, conditions: Any, snapshot: str, by_place: bool
) -> None:
    project = conditional_project(tmp_path / "p")
    set_conditions(project, conditions)
    assert chosen(project) == (2, snapshot, by_place)


def test_paths_into_this_very_project_name_it_too(tmp_path: Path) -> None:
    project = conditional_project(tmp_path / "p")
    train = shuffle_folder(project, 2) / "train"
    before = inspect_model(project)
    paths = {"config_path": str(train / "pytorch_config.yaml"), "snapshot_path": str(train / "snapshot-10.pt")}
    for value in (paths, {"shuffle": 2, "snapshot_index": 0, "config": str(project / "config.yaml")}):
        set_conditions(project, value)
        assert inspect_model(project).hash == before.hash
    shutil.move(project, tmp_path / "moved")
    set_conditions(tmp_path / "moved", paths)
    assert inspect_model(tmp_path / "moved").id == before.id


def test_it_is_a_pytorch_shuffle_whatever_else_has_its_number(tmp_path: Path) -> None:
    """DeepLabCut looks for no other."""
    project = conditional_project(tmp_path / "p")
    edit_json(project / "config.yaml", engine="tensorflow")
    other = train_folder(tensorflow_project(tmp_path / "t")).parent
    shutil.copytree(other, project / BOTTOM_UP.replace("-pytorch", ""))
    assert chosen(project)[:2] == (2, "snapshot-10")


@pytest.mark.parametrize(
    ("change", "differs"),
    [("weights", True), ("another snapshot", True), ("network", True), ("data", True), ("animals", True),
     ("how it is named", False), ("its other snapshots", False), ("where it lay", False)],
)  # fmt: skip
def test_the_hash_is_that_of_both_models(tmp_path: Path, change: str, differs: bool) -> None:
    project = conditional_project(tmp_path / "p")
    train = shuffle_folder(project, 2) / "train"
    before = inspect_model(project).hash
    pose = train / "pytorch_config.yaml"
    metadata = json.loads(pose.read_text())["metadata"]
    if change == "weights":
        (train / "snapshot-10.pt").write_bytes(b"other")
    elif change == "another snapshot":
        set_conditions(project, {"shuffle": 2})
    elif change == "network":
        edit_json(pose, model={"backbone": {"type": "HRNet"}})
    elif change == "data":
        edit_json(pose, data={"colormode": "BGR"})
    elif change == "animals":
        edit_json(pose, metadata={**metadata, "individuals": ["i", "j"]})
    elif change == "how it is named":
        set_conditions(project, {"source": "shuffle", "shuffle": 2, "snapshot_index": 0})
    elif change == "its other snapshots":
        (train / "snapshot-99.pt").write_bytes(b"later")
    else:
        edit_json(pose, metadata={**metadata, "project_path": "/elsewhere"})
    assert (inspect_model(project).hash != before) is differs


def test_an_analysis_gets_both_models_and_nothing_else(tmp_path: Path) -> None:
    project = conditional_project(tmp_path / "p")
    edit_json(shuffle_folder(project, 2) / "train" / "pytorch_config.yaml", init_weights="/home/lab/x.pt")
    for trusted in (False, True):
        (tmp_path / str(trusted)).mkdir()
        root = make_skeleton(inspect_model(project), tmp_path / str(trusted), trusted=trusted).parent
        assert sorted(file.name for file in root.rglob("*.pt")) == ["snapshot-10.pt", "snapshot-30.pt"]
        pose, begun = (read_yaml(shuffle_folder(root, n) / "train" / "pytorch_config.yaml") for n in (1, 2))
        assert pose["inference"] == {
            "autocast": {"enabled": False},
            "conditions": {"shuffle": 2, "trainset_index": 0, "snapshot": "snapshot-10.pt"},
        }
        assert begun["metadata"]["project_path"] == str(root)
        assert begun["init_weights"] == str(shuffle_folder(root, 2) / "train" / "snapshot-10.pt")
        assert begun["runner"]["load_weights_only"] is not trusted


@pytest.mark.parametrize("as_folder", [False, True])
def test_a_bundle_holds_both_models(tmp_path: Path, as_folder: bool) -> None:
    project = conditional_project(tmp_path / "p")
    set_conditions(project, {"shuffle": 2, "snapshot_index": 0, "config": str(project / "config.yaml")})
    listing = pack_model(project, tmp_path / "m", as_folder=as_folder)
    base = BOTTOM_UP.replace("shuffle2", "shuffle1")
    assert [entry.path for entry in listing.files] == [
        "config.yaml",
        f"{base}/test/pose_cfg.yaml",
        f"{base}/train/pytorch_config.yaml",
        f"{base}/train/snapshot-30.pt",
        f"{BOTTOM_UP}/test/pose_cfg.yaml",
        f"{BOTTOM_UP}/train/pytorch_config.yaml",
        f"{BOTTOM_UP}/train/snapshot-10.pt",
        "training-datasets/iteration-0/UnaugmentedDataSet_mouseJan1/metadata.yaml",
    ]
    assert listing.model["conditions"] == {"shuffle": 2, "trainset_index": 0, "snapshot": "snapshot-10.pt"}
    assert verify_bundle(tmp_path / "m").problems == ()
    here, there = inspect_model(project), inspect_model(tmp_path / "m")
    assert (here.id, here.hash) == (there.id, there.hash)
    assert there.unsafe_loading == ""
    unpack_model(tmp_path / "m", tmp_path / "u")
    assert inspect_model(tmp_path / "u").hash == here.hash
    for file in (tmp_path / "u").rglob("*.yaml"):
        assert "/home/lab" not in file.read_text() and str(project) not in file.read_text()
    metadata = read_yaml(next((tmp_path / "u").rglob("metadata.yaml")))["shuffles"]
    assert [(each["index"], each["engine"]) for each in metadata.values()] == [(1, "pytorch"), (2, "pytorch")]


@pytest.mark.parametrize("name", ["snapshot-10.pt", "pytorch_config.yaml"])
def test_a_changed_byte_of_the_bottom_up_model_is_found(tmp_path: Path, name: str) -> None:
    pack_model(conditional_project(tmp_path / "p"), tmp_path / "m", as_folder=True)
    file = tmp_path / "m" / BOTTOM_UP / "train" / name
    file.write_bytes(file.read_bytes()[:-1] + b"!")
    (problem,) = verify_bundle(tmp_path / "m").problems
    assert name in problem
    with pytest.raises(ModelError, match="is not what was packed"):
        inspect_model(tmp_path / "m")


def test_its_snapshot_is_numbers_only_or_not_packed(tmp_path: Path) -> None:
    import pickle
    import zipfile

    project = conditional_project(tmp_path / "p")
    with zipfile.ZipFile(shuffle_folder(project, 2) / "train" / "snapshot-10.pt", "w") as archive:
        archive.writestr("x/data.pkl", pickle.dumps(print))
    with pytest.raises(ModelError, match=r"snapshot-10\.pt: holds more than weights"):
        pack_model(project, tmp_path / "m")
    assert any("snapshot-10.pt" in each.file for each in survey_model(project).findings)


def test_its_word_on_code_in_snapshots_counts(tmp_path: Path) -> None:
    project = conditional_project(tmp_path / "p")
    assert BOTTOM_UP in inspect_model(project).unsafe_loading
    edit_json(shuffle_folder(project, 2) / "train" / "pytorch_config.yaml", runner={"load_weights_only": True})
    assert inspect_model(project).unsafe_loading == ""


OTHERS = [
    (None, "names no bottom-up model", "shuffle and snapshot"),
    ("/data/predictions.h5", r"is a file of predictions \('/data/predictions\.h5'\).* evaluations only", "shuffle"),
    ({"source": "file", "filepath": "D:\\x.json"}, "is a file of predictions .*x.json.*evaluations only", "shuffle"),
    ({}, "is {}, which names no", "shuffle"),
    ([2], r"is \[2\], which names no", "shuffle"),
    ({"shuffle": "2"}, "must be whole numbers", "shuffle"),
    ({"shuffle": True}, "must be whole numbers", "shuffle"),
    ({"shuffle": 2, "snapshot": 1.5}, "must be whole numbers", "shuffle"),
    ({"shuffle": 2, "modelprefix": "old"}, "has modelprefix 'old'", "remove `modelprefix`"),
    ({"shuffle": 2, "config": "/other/rat/config.yaml"}, "'/other/rat/config.yaml', which is another project", "copy"),
    ({"shuffle": 2, "config": "config.yaml"}, "which is another project", "copy"),
    ({"shuffle": 5}, "cannot be used: .*no model folder mouseJan1-trainset95shuffle5", "copy that shuffle's folder"),
    ({"shuffle": 2, "trainset_index": 3}, "cannot be used: .*no training set index 3", "copy that shuffle's folder"),
    ({"shuffle": 1}, "names shuffle 1, whose method is 'ctd'", "shuffle"),
    ({"shuffle": 2, "snapshot": "snapshot-7.pt"}, "snapshot-10, snapshot-30, snapshot-best-20", "copy that snapshot"),
    ({"shuffle": 2, "snapshot": "../train/snapshot-10.pt"}, "does not hold; there are", "copy that snapshot"),
    ({"shuffle": 2, "snapshot_index": 3}, "names snapshot 3", "copy that snapshot"),
    ({"config_path": "/x/pytorch_config.yaml", "snapshot_path": "/x/snapshot-1.pt"}, "is not a model of", "copy"),
    ({"config_path": f"/q/{BOTTOM_UP}/train/pytorch_config.yaml"}, "is not a model of", "copy"),
    ({"config_path": f"/q/{BOTTOM_UP}/train/pytorch_config.yaml".replace("iteration-0", "iteration-1"),
      "snapshot_path": f"/q/{BOTTOM_UP}/train/snapshot-10.pt".replace("iteration-0", "iteration-1")},
     "is not a model of .* its iteration-0", "copy"),
    *(({"config_path": f"/q/{BOTTOM_UP}/train/pytorch_config.yaml".replace("shuffle2", f"shuffle{number}"),
        "snapshot_path": f"/q/{BOTTOM_UP}/train/snapshot-10.pt".replace("shuffle2", f"shuffle{number}")},
       "is not a model of", "copy") for number in ("02", "2" * 5000, "²")),
    ({"shuffle": 2, "config": "/config.yaml"}, "which is another project", "copy"),
    ({"config_path": f"/q/{BOTTOM_UP}/train/pytorch_config.yaml".replace("trainset95", "trainset50"),
      "snapshot_path": f"/q/{BOTTOM_UP}/train/snapshot-10.pt".replace("trainset95", "trainset50")},
     "names training set 50", "shuffle"),
]  # fmt: skip


@pytest.mark.parametrize(("conditions", "problem", "remedy"), OTHERS)
def test_others_are_refused_with_file_line_and_remedy(
    tmp_path: Path, conditions: Any, problem: str, remedy: str
) -> None:
    project = conditional_project(tmp_path / "p")
    set_conditions(project, conditions)
    file = shuffle_folder(project, 1) / "train" / "pytorch_config.yaml"
    line = 1 + next(n for n, text in enumerate(file.read_text().splitlines()) if '"conditions"' in text)
    with pytest.raises(ModelError, match=problem) as caught:
        inspect_model(project)
    assert caught.value.message.startswith(f"{file}, line {line}: inference.conditions ")
    assert remedy in caught.value.hint
    assert caught.value.exit_code is ExitCode.MODEL
    found = survey_model(project)
    assert found.model is None and any(each.error and "inference.conditions" in each.text for each in found.findings)


def test_without_the_key_the_file_is_named(tmp_path: Path) -> None:
    project = conditional_project(tmp_path / "p")
    edit_json(shuffle_folder(project, 1) / "train" / "pytorch_config.yaml", inference={})
    with pytest.raises(ModelError, match=r"pytorch_config\.yaml: inference\.conditions names no bottom-up model"):
        inspect_model(project)


def test_a_copy_is_not_taken_for_the_project_that_is_named(tmp_path: Path) -> None:
    """Both may have been trained further since."""
    project = conditional_project(tmp_path / "p")
    copy = Path(shutil.copytree(project, tmp_path / "copy" / "p"))
    train = shuffle_folder(project, 2) / "train"
    paths = {"config_path": str(train / "pytorch_config.yaml"), "snapshot_path": str(train / "snapshot-10.pt")}
    for value in (paths, {"shuffle": 2, "config": str(project / "config.yaml")}):
        set_conditions(copy, value)
        with pytest.raises(ModelError, match=r"is not a model of|is another project than"):
            inspect_model(copy)


def test_both_need_the_project_s_body_parts_in_its_order(tmp_path: Path) -> None:
    project = conditional_project(tmp_path / "p")
    file = shuffle_folder(project, 2) / "train" / "pytorch_config.yaml"
    edit_json(file, metadata={**json.loads(file.read_text())["metadata"], "bodyparts": ["tail", "snout"]})
    with pytest.raises(ModelError, match="body parts differ") as caught:
        inspect_model(project)
    assert BOTTOM_UP in caught.value.message
    (finding,) = [each for each in survey_model(project).findings if each.error]
    assert finding.file.startswith(BOTTOM_UP) and finding.found == ("tail", "snout")


def test_what_would_be_used_is_said(tmp_path: Path) -> None:
    found = survey_model(conditional_project(tmp_path / "p"))
    (choice,) = [each for each in found.choices if each.what == "conditions"]
    assert choice.value == f"{BOTTOM_UP}, snapshot-10, dlcrnet_50"
    assert "`inference.conditions`" in choice.why
    used = {each.name for shuffle in found.shuffles if "shuffle2" in shuffle.folder
            for each in shuffle.snapshots if each.used}  # fmt: skip
    assert used == {"snapshot-10"}
    assert any(each.file.startswith(BOTTOM_UP) and "load_weights_only is false" in each.text for each in found.findings)
    assert found.as_fields()["model"]["conditions"]["snapshot"] == "snapshot-10.pt"
    assert survey_model(pytorch_project(tmp_path / "q")).as_fields()["model"]["conditions"] is None


@pytest.mark.parametrize("by_place", [False, True])
def test_both_models_go_to_the_cluster(tmp_path: Path, by_place: bool) -> None:
    project = conditional_project(tmp_path / "p")
    set_conditions(project, {"shuffle": 2, "snapshot_index": 0} if by_place else {"shuffle": 2})
    info = inspect_model(project)
    campaign = Campaign(file=tmp_path / "campaign.toml", model=project, model_hash=info.hash, snapshot=info.snapshot)
    there = tmp_path / "there"
    for item in model_items(campaign, []):
        (there / item.name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(item.path, there / item.name)
    shutil.move(project, tmp_path / "gone")
    assert inspect_model(there / "models" / "p").hash == info.hash
    sent = {file.name for file in (there / "models" / "p" / BOTTOM_UP).rglob("*.pt")}
    every = {"snapshot-10.pt", "snapshot-30.pt", "snapshot-best-20.pt"}
    assert sent == (every if by_place else {"snapshot-best-20.pt"})


def test_tracking_with_the_model_itself_is_not_offered(tmp_path: Path) -> None:
    several = {"multianimalproject": True, "multianimalbodyparts": ["snout", "tail"], "individuals": ["a", "b"]}
    model = inspect_model(conditional_project(tmp_path / "p", **several, default_track_method="ctd"))
    assert "`manifest --tracker`" in tracking_problem(PROJECTS_OWN, model)
    assert "conditional tracking" in tracking_problem(Tracking(n_tracks=2), model)
    assert tracking_problem(Tracking(tracker="ellipse"), model) == ""
    assert tracking_problem(PROJECTS_OWN, replace(model, tracker="box")) == ""
