from __future__ import annotations

import json
import pickle
import shutil
import sys
import zipfile
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from dlcctr.campaign.config import read_campaign
from dlcctr.campaign.manifest import read_manifest
from dlcctr.campaign.validate import validate
from dlcctr.campaign.videos.unchanged import check_models
from dlcctr.cli import catch, make_app
from dlcctr.errors import ModelError, OutputError, UsageError
from dlcctr.model.bundles.bundle import LISTING, Entry, listing_text, read_listing
from dlcctr.model.bundles.pack import CURVE_ROWS, pack_model, unpack_model
from dlcctr.model.bundles.verify import verify_bundle
from dlcctr.model.curve.losses import LOSSES_FILENAME
from dlcctr.model.curve.of_model import curve_of
from dlcctr.model.files import open_tree
from dlcctr.model.inspection import inspect_model
from dlcctr.model.yaml.yaml12 import read_yaml
from dlcctr.results.expected import expected_of
from dlcctr.slurm.submit.job_arrays import campaign_binds
from dlcctr.system.files import sha256_file
from entrypoint.analyze.request import RowRequest
from entrypoint.analyze.row.jobs import make_skeleton
from entrypoint.analyze.row.task import resolve
from tests.media import write_video
from tests.unit.support.disk_steps import DiskDiary
from tests.unit.support.projects import (
    NAME,
    PARTS,
    edit_json,
    pytorch_project,
    tensorflow_project,
    top_down_project,
    train_folder,
)

MAKERS = [pytorch_project, tensorflow_project]


def list_again(folder: Path) -> None:
    """Make a bundle's listing fit its files, as somebody who changes one can."""
    old = read_listing(folder / LISTING)
    files = [
        Entry(each.path, (folder / each.path).stat().st_size, sha256_file(folder / each.path)) for each in old.files
    ]
    (folder / LISTING).write_text(listing_text(replace(old, files=tuple(files))), encoding="utf-8")


def without_paths(folder: Path) -> str:
    return "".join(file.read_text(encoding="utf-8") for file in folder.rglob("*") if file.suffix in (".yaml", ".json"))


@pytest.mark.parametrize("make", [*MAKERS, top_down_project])
@pytest.mark.parametrize("as_folder", [False, True])
def test_a_bundle_is_the_same_model_as_its_project(tmp_path: Path, make: Any, as_folder: bool) -> None:
    project = make(tmp_path / "p")
    listing = pack_model(project, tmp_path / "m", as_folder=as_folder)
    (here, there) = inspect_model(project), inspect_model(tmp_path / "m")
    assert (here.id, here.hash, here.crop) == (there.id, there.hash, there.crop)
    assert here.columns(here.individuals) == there.columns(there.individuals)
    assert (listing.model["id"], listing.source) == (here.id, "p")
    assert not verify_bundle(tmp_path / "m").problems
    unpack_model(tmp_path / "m", tmp_path / "u")
    assert inspect_model(tmp_path / "u").hash == here.hash


@pytest.mark.parametrize("make", [*MAKERS, top_down_project])
def test_the_same_bytes_wherever_the_project_lies(tmp_path: Path, make: Any) -> None:
    here = make(tmp_path / "a" / "mouse")
    there = Path(shutil.copytree(here, tmp_path / "b" / "mouse"))
    edit_json(
        there / "config.yaml", project_path="/Users/me/mouse", video_sets={"/Users/me/b.mp4": {}}, snapshotindex=0
    )
    edit_json(train_folder(there).parent / "test" / "pose_cfg.yaml", dataset="/Users/me/mouse")
    edit_json(train_folder(here).parent / "test" / "pose_cfg.yaml", dataset="D:\\mouse")
    (train_folder(there) / "learning_stats.csv").write_text("step\n")
    (train_folder(there) / "snapshot-old.txt").write_text("x")
    for project in (here, there):
        project.joinpath("labeled-data").mkdir()
        pack_model(project, project.parent / "m.dlcmodel", snapshot="-1")
    assert (tmp_path / "a/m.dlcmodel").read_bytes() == (tmp_path / "b/m.dlcmodel").read_bytes()


def test_only_what_inference_needs(tmp_path: Path) -> None:
    project = top_down_project(tmp_path / "p")
    (project / "training-datasets" / "iteration-0").mkdir(parents=True)
    (project / "training-datasets" / "iteration-0" / "Documentation_data-mouse.pickle").write_bytes(b"cos\nsystem\n.")
    base = f"dlc-models-pytorch/iteration-0/{NAME}"
    listing = pack_model(project, tmp_path / "m.dlcmodel", snapshot="snapshot-9")
    assert [entry.path for entry in listing.files] == [
        "config.yaml",
        f"{base}/test/inference_cfg.yaml",
        f"{base}/test/pose_cfg.yaml",
        f"{base}/train/pytorch_config.yaml",
        f"{base}/train/snapshot-9.pt",
        f"{base}/train/snapshot-detector-5.pt",
        "training-datasets/iteration-0/UnaugmentedDataSet_mouseJan1/metadata.yaml",
    ]


@pytest.mark.parametrize("as_folder", [False, True])
def test_the_loss_curve_comes_along(tmp_path: Path, *, as_folder: bool) -> None:
    project = pytorch_project(tmp_path / "mouse")
    bare = pack_model(project, tmp_path / "bare.dlcmodel")
    lines = "".join(f"{n},{1 / n},\n" for n in range(1, 2001))
    (train_folder(project) / "learning_stats.csv").write_text("step,losses/train.total_loss,x/home/lab\n" + lines)
    bundle = tmp_path / "mouse.dlcmodel"
    listing = pack_model(project, bundle, as_folder=as_folder)
    assert listing.model == bare.model, "it is the same model"
    tree = open_tree(bundle)
    rows = curve_of(tree, PurePosixPath(inspect_model(bundle).folder) / "train")
    assert 100 < len(rows) <= CURVE_ROWS and rows[-1].epoch == 2000
    (entry,) = [each for each in listing.files if each.path.endswith(LOSSES_FILENAME)]
    assert "home" not in tree.text(PurePosixPath(entry.path)) and entry.bytes < 50_000
    unpack_model(bundle, tmp_path / "again")


@pytest.mark.parametrize("make", [*MAKERS, top_down_project])
def test_nothing_of_the_old_computer_is_left(tmp_path: Path, make: Any) -> None:
    project = make(tmp_path / "p", **({} if make is top_down_project else {"video_sets": {"patient 7.mov": {}}}))
    pack_model(project, tmp_path / "m", as_folder=True)
    text = without_paths(tmp_path / "m")
    assert not [word for word in ("patient", "C:", "lab\\", "/home", "avi", "nowhere\\", str(tmp_path)) if word in text]
    assert read_yaml(tmp_path / "m" / "config.yaml")["project_path"] == "."


def test_unpacked_files_tell_where_they_lie_and_weights_stay_weights(tmp_path: Path) -> None:
    pack_model(top_down_project(tmp_path / "p"), tmp_path / "m.dlcmodel")
    config = unpack_model(tmp_path / "m.dlcmodel", tmp_path / "new" / "u")
    root = tmp_path / "new" / "u"
    assert config == root / "config.yaml" and read_yaml(config)["project_path"] == str(root)
    pose = read_yaml(train_folder(root) / "pytorch_config.yaml")
    assert pose["metadata"]["project_path"] == str(root)
    assert pose["runner"]["load_weights_only"] is pose["detector"]["runner"]["load_weights_only"] is True
    assert not [path for path in root.rglob("*") if path.is_symlink()] and not (root / LISTING).exists()


def test_a_bundle_from_outside_cannot_ask_for_its_code_to_run(tmp_path: Path) -> None:
    """Somebody may pack by other means than ours."""
    pack_model(top_down_project(tmp_path / "p"), tmp_path / "m", as_folder=True)
    assert "false" not in (train_folder(tmp_path / "m") / "pytorch_config.yaml").read_text()
    edit = train_folder(tmp_path / "m") / "pytorch_config.yaml"
    edit.write_text(edit.read_text().replace("load_weights_only: true", "load_weights_only: false"))
    list_again(tmp_path / "m")
    info = inspect_model(tmp_path / "m")
    (tmp_path / "s").mkdir()
    root = make_skeleton(info, tmp_path / "s").parent
    pose = read_yaml(train_folder(root) / "pytorch_config.yaml")
    assert pose["runner"]["load_weights_only"] is pose["detector"]["runner"]["load_weights_only"] is True
    assert info.unsafe_loading == ""


@pytest.mark.parametrize("make", MAKERS)
def test_an_analysis_gets_a_project_from_a_read_only_file(tmp_path: Path, make: Any) -> None:
    project, place, scratch = make(tmp_path / "p"), tmp_path / "place", tmp_path / "scratch"
    pack_model(project, place / "m.dlcmodel")
    scratch.mkdir()
    place.joinpath("m.dlcmodel").chmod(0o444)
    place.chmod(0o555)
    root = make_skeleton(inspect_model(place / "m.dlcmodel"), scratch).parent
    assert read_yaml(root / "config.yaml")["project_path"] == str(root)
    for file in inspect_model(project).snapshot_files:
        assert (root / file.relative_to(project)).read_bytes() == file.read_bytes()
    assert [path.name for path in place.iterdir()] == ["m.dlcmodel"]


def test_a_bundle_of_another_shuffle_needs_no_options(tmp_path: Path) -> None:
    project = pytorch_project(tmp_path / "p", TrainingFraction=[0.5, 0.95])
    train_folder(project).parent.rename(train_folder(project).parent.with_name("mouseJan1-trainset95shuffle3"))
    pack_model(project, tmp_path / "m.dlcmodel", shuffle=3, trainset_index=1)
    for found in (
        inspect_model(tmp_path / "m.dlcmodel"),
        inspect_model(tmp_path / "m.dlcmodel", shuffle=3, trainset_index=1),
    ):
        assert (found.shuffle, found.trainset_index) == (3, 1)
    with pytest.raises(ModelError, match="shuffle4"):
        inspect_model(tmp_path / "m.dlcmodel", shuffle=4, trainset_index=1)


@pytest.mark.parametrize("make", MAKERS)
def test_body_parts_that_moved_are_refused_side_by_side(tmp_path: Path, make: Any) -> None:
    project = make(tmp_path / "p", bodyparts=["tail", "snout"])
    with pytest.raises(ModelError) as caught:
        pack_model(project, tmp_path / "m.dlcmodel")
    assert [line.split() for line in caught.value.message.splitlines()[2:]] == [
        ["1", "tail", "snout", "<-"],
        ["2", "snout", "tail", "<-"],
    ]
    assert not (tmp_path / "m.dlcmodel").exists()


def test_tensorflow_training_counts_too(tmp_path: Path) -> None:
    project = tensorflow_project(tmp_path / "p")
    edit_json(train_folder(project) / "pose_cfg.yaml", all_joints_names=[*PARTS, "ear"])
    with pytest.raises(ModelError, match=r"train/pose_cfg\.yaml has snout, tail, ear"):
        inspect_model(project)


class Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return (print, ("never",))


def write_snapshot(file: Path, *values: Any, protocol: int = 2) -> None:
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(values, protocol=protocol))


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_a_snapshot_that_would_run_code_is_not_packed(tmp_path: Path, protocol: int, capsys: Any) -> None:
    project = pytorch_project(tmp_path / "p")
    write_snapshot(train_folder(project) / "snapshot-200.pt", Evil(), protocol=protocol)
    with pytest.raises(ModelError, match="more than weights") as caught:
        pack_model(project, tmp_path / "m.dlcmodel")
    assert ("builtin" in caught.value.message) == (protocol < 4)
    assert "never" not in capsys.readouterr().out


def test_a_snapshot_of_plain_values_is_packed(tmp_path: Path) -> None:
    from collections import OrderedDict

    project = pytorch_project(tmp_path / "p")
    write_snapshot(train_folder(project) / "snapshot-200.pt", OrderedDict(epoch=200, metrics={"rmse": 2.5}))
    pack_model(project, tmp_path / "m.dlcmodel")


def test_what_is_there_is_not_replaced_unasked(tmp_path: Path) -> None:
    project = pytorch_project(tmp_path / "p")
    pack_model(project, tmp_path / "m.dlcmodel")
    with pytest.raises(UsageError, match="already exists"):
        pack_model(project, tmp_path / "m.dlcmodel")
    with pytest.raises(UsageError, match="already exists"):
        pack_model(project, project, as_folder=True, overwrite=True)
    with pytest.raises(UsageError, match="already exists"):
        unpack_model(tmp_path / "m.dlcmodel", project)
    with pytest.raises(UsageError, match="a packed bundle already"):
        pack_model(tmp_path / "m.dlcmodel", tmp_path / "n.dlcmodel")
    pack_model(project, tmp_path / "m.dlcmodel", overwrite=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m.dlcmodel", "p"]


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        pack_model(pytorch_project(tmp_path / "p"), tmp_path / "file" / "m.dlcmodel")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    pack_model(pytorch_project(tmp_path / "p"), tmp_path / "m", as_folder=True)
    return tmp_path / "m"


def test_everything_wrong_with_a_folder_is_listed(folder: Path) -> None:
    train = train_folder(folder)
    (train / "snapshot-200.pt").write_bytes(b"snapshot-201")
    (folder / "config.yaml").write_text("short")
    (folder / "more").mkdir()
    (folder / "more" / "x.pickle").write_bytes(b"")
    (folder / "linked").symlink_to(folder / "more")
    pose = train.parent / "test" / "pose_cfg.yaml"
    pose.rename(folder / "elsewhere")
    pose.symlink_to(folder / "elsewhere")
    next(folder.rglob("metadata.yaml")).unlink()
    problems = [problem.rpartition("/")[2] for problem in verify_bundle(folder).problems]
    assert problems[0].startswith("config.yaml has 5 bytes, not ")
    assert problems[1:] == [
        "pose_cfg.yaml is a link, or not a file",
        "snapshot-200.pt is not what was packed (its hash differs)",
        "metadata.yaml is missing",
        "elsewhere is not in the listing",
        "linked is not in the listing",
        "x.pickle is not in the listing",
    ]
    with pytest.raises(ModelError, match="and 4 more"):
        unpack_model(folder, folder.with_name("u"))
    assert not folder.with_name("u").exists()


def test_an_ordinary_project_is_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"it has no bundle\.json"):
        verify_bundle(pytorch_project(tmp_path / "p"))


def test_a_listing_of_a_folder_is_checked_too(folder: Path) -> None:
    table = json.loads((folder / LISTING).read_text())
    table["model"]["shuffle"] = 2
    (folder / LISTING).write_text(json.dumps(table, indent=1) + "\n")
    with pytest.raises(ModelError, match=r"bundle\.json: not a bundle's listing"):
        inspect_model(folder)


def test_a_campaign_with_a_bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The manifest pins what the bundle holds, containers see the file, and check goes by the same model."""
    project = pytorch_project(tmp_path / "p", TrainingFraction=[0.5, 0.95])
    train_folder(project).parent.rename(train_folder(project).parent.with_name("mouseJan1-trainset95shuffle3"))
    bundle = tmp_path / "models" / "m.dlcmodel"
    pack_model(project, bundle, shuffle=3, trainset_index=1)
    (tmp_path / "videos").mkdir()
    video, manifest = write_video(tmp_path / "videos" / "a.mp4", 5), tmp_path / "c" / "m.csv"
    monkeypatch.setattr(sys, "argv", ["dlcctr", "manifest", str(video), "-o", str(manifest), "--model", str(bundle)])
    assert catch(make_app()) == 0
    campaign, rows = read_campaign(manifest), read_manifest(manifest)
    assert (campaign.model, campaign.shuffle, campaign.trainset_index) == (bundle, 3, 1)
    binds = campaign_binds(manifest, campaign, rows)
    assert [(bind.source, bind.writable) for bind in binds if bind.target == bundle] == [(bundle, False)]
    known = expected_of(campaign)
    assert known == expected_of(campaign, inspect_model(bundle))
    assert known == expected_of(replace(campaign, model=project), inspect_model(project, shuffle=3, trainset_index=1))
    assert expected_of(replace(campaign, shuffle=1, trainset_index=0), inspect_model(bundle)) == known
    assert validate(manifest).problems == []
    bundle.write_bytes(bundle.read_bytes()[:-1])
    (problem,) = validate(manifest).problems
    assert "is cut short" in problem.message


def test_a_changed_byte_of_a_folder_is_found_by_manifest_submit_push_and_analyze(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle, manifest = tmp_path / "m", tmp_path / "c" / "m.csv"
    pack_model(pytorch_project(tmp_path / "p"), bundle, as_folder=True)
    (tmp_path / "videos").mkdir()
    video = write_video(tmp_path / "videos" / "a.mp4", 5)
    words = ["dlcctr", "manifest", str(video), "-o", str(manifest), "--model", str(bundle)]
    monkeypatch.setattr(sys, "argv", words)
    assert catch(make_app()) == 0
    campaign, rows = read_campaign(manifest), read_manifest(manifest)
    assert check_models(campaign, rows)[0].hash == campaign.model_hash
    (weights,) = bundle.rglob("*.pt")
    weights.write_bytes(weights.read_bytes()[:-1] + b"!")
    for use in (lambda: check_models(campaign, rows), lambda: resolve(RowRequest(manifest, 0))):
        with pytest.raises(ModelError, match=r"snapshot-200\.pt: is not what was packed"):
            use()
    monkeypatch.setattr(sys, "argv", [*words, "--overwrite"])
    assert catch(make_app()) == 5
    assert "snapshot-200.pt: is not what was packed" in capsys.readouterr().err


@pytest.mark.parametrize("as_folder", [False, True])
def test_a_bundle_is_on_disk_before_it_has_its_name(
    as_folder: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project, diary = pytorch_project(tmp_path / "p"), DiskDiary(monkeypatch)
    pack_model(project, tmp_path / "m.dlcmodel", as_folder=as_folder)
    *flushed, named, last = diary.events
    assert (named, last) == (("rename", "m.dlcmodel", "m.dlcmodel"), ("fsync", tmp_path.name))
    files = {path.name for path in (tmp_path / "m.dlcmodel").rglob("*")} if as_folder else set()
    assert {name for _, name in flushed} == {"m.dlcmodel", *files}
