from __future__ import annotations

import contextlib
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dlcctr.errors import ModelError
from dlcctr.model.inspection import inspect_model
from dlcctr.model.project.survey import survey_model
from dlcctr.model.yaml.yaml12 import dump_yaml
from tests.unit.support.projects import (
    PARTS,
    conditional_project,
    config,
    edit_json,
    pytorch_project,
    tensorflow_project,
    top_down_project,
    train_folder,
    write_json,
)


def test_a_pytorch_project(tmp_path: Path) -> None:
    model = inspect_model(pytorch_project(tmp_path / "p") / "config.yaml")
    assert (model.engine, model.snapshot, model.bodyparts) == ("pytorch", "snapshot-200", tuple(PARTS))
    assert model.id == f"mouseJan1-shuffle1-snapshot-200-{model.hash[:8]}"
    assert model.columns(()) == [(part, coord) for part in PARTS for coord in ("x", "y", "likelihood")]


def test_a_tensorflow_project_of_two_x(tmp_path: Path) -> None:
    project = tensorflow_project(tmp_path / "p", steps=(50, 1000, 200))
    model = inspect_model(project)
    assert (model.engine, model.snapshot) == ("tensorflow", "snapshot-1000")
    assert [file.name for file in model.snapshot_files] == ["snapshot-1000.index", "snapshot-1000.data-00000-of-00001"]


def test_columns_of_a_multi_animal_project(tmp_path: Path) -> None:
    project = tensorflow_project(
        tmp_path / "p", multianimalproject=True, bodyparts="MULTI!", multianimalbodyparts=["snout"],
        uniquebodyparts=["tail"], individuals=["a", "b"],
    )  # fmt: skip
    model = inspect_model(project)
    columns = model.columns(model.individuals)
    assert columns[::3] == [("a", "snout", "x"), ("b", "snout", "x"), ("single", "tail", "x")]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("", "snapshot-best-120"),
        ("-1", "snapshot-best-120"),
        ("0", "snapshot-40"),
        ("-3", "snapshot-40"),
        ("200", "snapshot-200"),
        ("snapshot-40", "snapshot-40"),
        ("snapshot-40.pt", "snapshot-40"),
        ("best", "snapshot-best-120"),
        ("best-120", "snapshot-best-120"),
        ("all", "snapshot-best-120"),
    ],
)
def test_snapshots_are_chosen_as_deeplabcut_would(tmp_path: Path, wanted: str, found: str) -> None:
    names = ("snapshot-200", "snapshot-best-120", "snapshot-40", "snapshot-detector-300", "other-7")
    project = pytorch_project(tmp_path / "p", snapshots=names, snapshotindex="all" if wanted == "all" else -1)
    assert inspect_model(project, snapshot="" if wanted == "all" else wanted).snapshot == found


def test_config_says_which_snapshot(tmp_path: Path) -> None:
    project = pytorch_project(tmp_path / "p", snapshots=("snapshot-1", "snapshot-2"), snapshotindex=0)
    assert inspect_model(project).snapshot == "snapshot-1"


@pytest.mark.parametrize("wanted", ["7", "-4", "best", "snapshot-7", "nonsense"])
def test_a_missing_snapshot_lists_those_there_are(tmp_path: Path, wanted: str) -> None:
    project = pytorch_project(tmp_path / "p", snapshots=("snapshot-40", "snapshot-200"))
    with pytest.raises(ModelError, match="snapshot-40, snapshot-200") as caught:
        inspect_model(project, snapshot=wanted)
    assert "--snapshot" in caught.value.hint


def test_top_down_wants_a_detector(tmp_path: Path) -> None:
    project = pytorch_project(
        tmp_path / "p", snapshots=("snapshot-9", "snapshot-detector-5", "snapshot-detector-best-3")
    )
    edit_json(train_folder(project) / "pytorch_config.yaml", method="td")
    assert inspect_model(project).detector_snapshot == "snapshot-detector-best-3"
    for file in train_folder(project).glob("*detector*"):
        file.unlink()
    with pytest.raises(ModelError, match="no detector snapshot"):
        inspect_model(project)


def test_the_hash_does_not_depend_on_where_the_project_lies(tmp_path: Path) -> None:
    here = pytorch_project(tmp_path / "here")
    there = Path(shutil.copytree(here, tmp_path / "there"))
    edit_json(there / "config.yaml", project_path="/data/mouse", video_sets={}, batch_size=1, snapshotindex="all")
    edit_json(train_folder(there).parent / "test" / "pose_cfg.yaml", dataset="/data/mouse")
    assert inspect_model(here).id == inspect_model(there).id


@pytest.mark.parametrize("what", ["weights", "architecture", "tracker", "data"])
def test_the_hash_changes_with_what_changes_results(tmp_path: Path, what: str) -> None:
    project = pytorch_project(tmp_path / "p")
    before = inspect_model(project).hash
    if what == "weights":
        (train_folder(project) / "snapshot-200.pt").write_bytes(b"other")
    elif what == "architecture":
        edit_json(train_folder(project) / "pytorch_config.yaml", model={"backbone": {"type": "HRNet"}})
    elif what == "tracker":
        write_json(train_folder(project).parent / "test" / "inference_cfg.yaml", {"pcutoff": 0.5})
    else:
        edit_json(train_folder(project) / "pytorch_config.yaml", data={"colormode": "BGR"})
    assert inspect_model(project).hash != before


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ("{1: a, b: c}", "keys of several types"),
        ("{[a, b]: c}", "a list is used as a key"),
        ("&self [*self]", "contains itself"),
    ],
)
def test_a_table_that_has_no_hash_is_refused(tmp_path: Path, data: str, problem: str) -> None:
    project = pytorch_project(tmp_path / "p")
    file = train_folder(project) / "pytorch_config.yaml"
    file.write_text(file.read_text().replace('"method"', f'"data": {data}, "method"'))
    with pytest.raises(ModelError, match=problem):
        inspect_model(project)


def test_metadata_decides_between_two_engines(tmp_path: Path) -> None:
    project = tensorflow_project(pytorch_project(tmp_path / "p"))
    assert inspect_model(project).engine == "pytorch"
    folder = project / "training-datasets" / "iteration-0" / "UnaugmentedDataSet_mouseJan1"
    entry = {"train_fraction": 0.95, "index": 1, "split": 1, "engine": "tf"}
    write_json(folder / "metadata.yaml", {"shuffles": {"x": entry}})
    assert inspect_model(project).engine == "tensorflow"


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such folder"):
        inspect_model(tmp_path / "nothing")
    with pytest.raises(ModelError, match=r"has no config\.yaml"):
        inspect_model(tmp_path)
    project = pytorch_project(tmp_path / "p")
    with pytest.raises(ModelError, match=r"trainset95shuffle2 .* it has: .*trainset95shuffle1"):
        inspect_model(project, shuffle=2)
    with pytest.raises(ModelError, match="TrainingFraction is"):
        inspect_model(project, trainset_index=1)
    (train_folder(project).parent / "test" / "pose_cfg.yaml").unlink()
    with pytest.raises(ModelError, match=r"pose_cfg\.yaml: no such file"):
        inspect_model(project)


def test_a_tensorflow_snapshot_without_its_weights(tmp_path: Path) -> None:
    project = tensorflow_project(tmp_path / "p")
    (train_folder(project) / "snapshot-200.data-00000-of-00001").unlink()
    with pytest.raises(ModelError, match=r"snapshot-200\.data"):
        inspect_model(project)


@pytest.mark.parametrize("parts", [["tail", "snout"], ["snout"], ["snout", "tail", "ear"]])
def test_body_parts_that_differ_are_both_listed(tmp_path: Path, parts: list[str]) -> None:
    project = pytorch_project(tmp_path / "p", bodyparts=parts)
    with pytest.raises(ModelError, match=rf"has {', '.join(parts)}; .* has snout, tail"):
        inspect_model(project)


def test_the_projects_own_crop(tmp_path: Path) -> None:
    assert inspect_model(pytorch_project(tmp_path / "a", cropping=True, x1=1, x2=9, y1=2, y2=8)).crop == (1, 9, 2, 8)
    with pytest.raises(ModelError, match="cropping is on"):
        inspect_model(pytorch_project(tmp_path / "b", cropping=True, x1=1))


@pytest.mark.parametrize("make", [pytorch_project, tensorflow_project])
def test_what_a_mac_leaves_beside_each_file_is_neither_snapshot_nor_table(make: Any, tmp_path: Path) -> None:
    project = make(tmp_path / "p")
    before = inspect_model(project)
    for file in [each for each in project.rglob("*") if each.is_file()]:
        file.with_name(f"._{file.name}").write_bytes(b"\0\5\26\7\0\2\0\0Mac OS X        ")
    after = inspect_model(project)
    assert (after.snapshot, after.hash, after.id) == (before.snapshot, before.hash, before.id)


@pytest.mark.parametrize(
    ("key", "value"),
    [("Task", "../../x"), ("Task", ["a"]), ("Task", "a\0"), ("date", {"a": 1}), ("iteration", "0/../.."),
     ("iteration", -1), ("iteration", 1.5), ("iteration", True), ("TrainingFraction", ["x"]),
     ("TrainingFraction", 0.95), ("TrainingFraction", [float("inf")]), ("TrainingFraction", [True]),
     ("batch_size", "8"), ("batch_size", 0),
     ("batch_size", [8])],
)  # fmt: skip
def test_a_value_that_cannot_be_is_refused_with_its_key(tmp_path: Path, key: str, value: Any) -> None:
    project = pytorch_project(tmp_path / "p")
    (project / "config.yaml").write_text(dump_yaml(config(**{key: value})), encoding="utf-8")
    with pytest.raises(ModelError, match=rf"config\.yaml: {key} is .*; it must be "):
        inspect_model(project)


@pytest.mark.parametrize("value", [50_000_000, "x", -1, [1], True, 1.5])
def test_points_of_a_body_part_are_as_many_as_a_table_can_hold(tmp_path: Path, value: Any) -> None:
    project = tensorflow_project(tmp_path / "p")
    edit_json(train_folder(project).parent / "test" / "pose_cfg.yaml", num_outputs=value)
    with pytest.raises(
        ModelError, match=r"pose_cfg\.yaml: (its results would have 300,000,000 columns|num_outputs is no)"
    ):
        inspect_model(project)


def test_animals_times_body_parts_are_as_many_as_a_table_can_hold(tmp_path: Path) -> None:
    many = [f"n{number}" for number in range(1000)]
    project = pytorch_project(
        tmp_path / "p", multianimalproject=True, multianimalbodyparts=many, uniquebodyparts=[], individuals=["a"]
    )
    edit_json(train_folder(project).parent / "test" / "pose_cfg.yaml", all_joints_names=many)
    metadata = {"bodyparts": many, "unique_bodyparts": [], "individuals": ["a"]}
    edit_json(train_folder(project) / "pytorch_config.yaml", metadata=metadata)
    assert len(inspect_model(project).columns(("a",))) == 3000
    edit_json(project / "config.yaml", individuals=many)
    with pytest.raises(
        ModelError, match=r"config\.yaml: its results would have 3,000,000 columns; at most 100,000 are possible"
    ):
        inspect_model(project)


ODD = [
    None,
    True,
    "",
    "x",
    "9" * 50,
    -1,
    50_000_000,
    1.5,
    float("inf"),
    float("nan"),
    [],
    {},
    [[1]],
    ["a", None],
    {"a": 1},
]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_whatever_a_value_is_a_project_is_read_or_refused(tmp_path: Path, data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory(dir=tmp_path) as folder:
        make = data.draw(st.sampled_from([pytorch_project, tensorflow_project, top_down_project, conditional_project]))
        project = make(Path(folder) / "p")
        file = data.draw(st.sampled_from(sorted(project.rglob("*.yaml"))))
        table = json.loads(file.read_text())
        inner = [table, *(each for each in table.values() if isinstance(each, dict) and each)]
        changed = data.draw(st.sampled_from(inner))
        changed[data.draw(st.sampled_from(sorted(changed)))] = data.draw(st.sampled_from(ODD))
        file.write_text(dump_yaml(table), encoding="utf-8")
        for look in (inspect_model, survey_model):
            with contextlib.suppress(ModelError):
                look(project)


def test_a_project_whose_name_is_too_long_for_a_folder(tmp_path: Path) -> None:
    project = pytorch_project(tmp_path / "p")
    edit_json(project / "config.yaml", Task="a" * 300)
    with pytest.raises(ModelError, match=r"config\.yaml: .* cannot be the"):
        inspect_model(project)
