from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dlcctr.contract import ExitCode
from dlcctr.errors import ModelError
from dlcctr.model.bundles.pack import pack_model
from dlcctr.model.inspection import inspect_model
from dlcctr.model.project.trust import require_trust
from tests.unit.support.projects import edit_json, pytorch_project, tensorflow_project, train_folder


def place_of(project: Path) -> str:
    return inspect_model(project).unsafe_loading.removeprefix(f"{project}/").rpartition("/")[2]


@pytest.mark.parametrize("value", [False, 0, "no", "Off", "false", "N"])
def test_a_project_that_asks_for_code_to_run_is_found_however_it_says_so(tmp_path: Path, value: Any) -> None:
    project = pytorch_project(tmp_path / "p")
    edit_json(train_folder(project) / "pytorch_config.yaml", runner={"load_weights_only": value})
    assert place_of(project).startswith("pytorch_config.yaml, line ")


@pytest.mark.parametrize("value", [True, None, "true", "yes", 1])
def test_a_project_that_does_not_ask_is_none(tmp_path: Path, value: Any) -> None:
    project = pytorch_project(tmp_path / "p")
    edit_json(train_folder(project) / "pytorch_config.yaml", runner={"load_weights_only": value})
    assert place_of(project) == ""


def test_merged_or_anywhere_it_is_found_with_its_line(tmp_path: Path) -> None:
    project = pytorch_project(tmp_path / "p")
    file = train_folder(project) / "pytorch_config.yaml"
    head = "defaults: &d\n  lr: 1\n  load_weights_only: false\n"
    plain = "method: bu\nnet_type: resnet_50\nmetadata: {bodyparts: [snout, tail]}\nmodel: {}\n"
    file.write_text(head + plain + "detector:\n  runner: {<<: *d}\n")
    assert place_of(project) == "pytorch_config.yaml, line 3"
    file.write_text(plain)
    edit_json(project / "config.yaml", load_weights_only=False)
    assert place_of(project).startswith("config.yaml, line ")


def test_bundles_and_tensorflow_are_not_asked(tmp_path: Path) -> None:
    project = pytorch_project(tmp_path / "p")
    edit_json(train_folder(project) / "pytorch_config.yaml", runner={"load_weights_only": False})
    pack_model(project, tmp_path / "m", as_folder=True)
    other = tensorflow_project(tmp_path / "t")
    edit_json(train_folder(other) / "pose_cfg.yaml", load_weights_only=False)
    assert place_of(tmp_path / "m") == place_of(other) == ""


def test_such_a_model_needs_somebodys_word() -> None:
    require_trust("", given=False)
    require_trust("/p/pytorch_config.yaml, line 3", given=True)
    with pytest.raises(ModelError, match=r"^/p/pytorch_config\.yaml, line 3: load_weights_only is false") as caught:
        require_trust("/p/pytorch_config.yaml, line 3", given=False)
    assert "--trust-model" in caught.value.hint
    assert caught.value.exit_code is ExitCode.MODEL
