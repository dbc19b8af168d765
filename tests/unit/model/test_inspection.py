from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcctr.errors import ModelError
from dlcctr.model.inspection import inspect_model
from dlcctr.model.yaml12 import dump_yaml, parse_yaml, replace_values
from tests.unit.support.projects import PARTS, edit_json, pytorch_project, tensorflow_project, train_folder, write_json


def test_yaml_is_read_as_deeplabcut_reads_it() -> None:
    text = "parts: [off, no, y, 'on']\nlr: 1e-4\nn: 010\nnothing:\ntilde: ~\nflag: true\nhalf: .5\n"
    text += "tuple: !!python/tuple [1, 2]\n"
    assert parse_yaml(text, Path("x")) == {
        "parts": ["off", "no", "y", "on"],
        "lr": 1e-4,
        "n": 10,
        "nothing": None,
        "tilde": None,
        "flag": True,
        "half": 0.5,
        "tuple": [1, 2],
    }


@pytest.mark.parametrize("text", ["", "- a\n", "a: [1\n", "a: b: c\n", "\tx: 1\n"])
def test_what_is_no_mapping_is_refused_by_name(text: str) -> None:
    with pytest.raises(ModelError, match=r"config\.yaml"):
        parse_yaml(text, Path("config.yaml"))


def test_replacing_values_leaves_the_rest_alone() -> None:
    text = (
        "# note\nproject_path: C:\\Users\\x y   # old\nempty:\nlong: 'one\n  two'\n"
        "metadata:\n  project_path: /old\nn: 1e-4"
    )
    changed = replace_values(
        text,
        {
            ("project_path",): "/nü 🐭/p",
            ("empty",): "full",
            ("long",): None,
            ("metadata", "project_path"): "/new",
            ("metadata", "absent"): 1,
            ("snapshotindex",): -1,
        },
        add=True,
    )
    assert changed == (
        '# note\nproject_path: "/nü 🐭/p"   # old\nempty: "full"\nlong: null\n'
        'metadata:\n  project_path: "/new"\nn: 1e-4\n'
        '"snapshotindex": -1\n'
    )


def test_a_key_is_added_to_json_too() -> None:
    changed = replace_values('{"a": 1}\n', {("a",): 2, ("b",): [3]}, add=True)
    assert parse_yaml(changed, Path("x")) == {"a": 2, "b": [3]}


SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.sampled_from(
    ["1e-4", "010", "off", "y", "~", "null", ".inf", "1_000", "2020-01-01", "=", "<<", "0o7", "- a", "a: b", "# x"]
)  # fmt: skip
TABLES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=10)


@given(table=st.dictionaries(st.text(), TABLES))
def test_what_is_written_reads_the_same(table: dict[str, Any]) -> None:
    assert parse_yaml(dump_yaml(table), Path("x")) == table


def test_a_pytorch_project(tmp_path: Path) -> None:
    model = inspect_model(pytorch_project(tmp_path / "p") / "config.yaml")
    assert (model.engine, model.snapshot, model.bodyparts) == ("pytorch", "snapshot-200", tuple(PARTS))
    assert model.id == f"mouseJan1-shuffle1-snapshot-200-{model.hash[:8]}"
    assert model.columns == [(part, coord) for part in PARTS for coord in ("x", "y", "likelihood")]


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
    columns = inspect_model(project).columns
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


def test_conditional_top_down_is_refused(tmp_path: Path) -> None:
    project = pytorch_project(tmp_path / "p")
    edit_json(train_folder(project) / "pytorch_config.yaml", method="ctd")
    with pytest.raises(ModelError, match="conditional"):
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
    with pytest.raises(ModelError, match=r"trainset95shuffle2 .* there are: .*trainset95shuffle1"):
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
