"""Files of weights are recognised without PyTorch, and what is not them is named."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest

from dlcctr.errors import ModelError
from dlcctr.model.superanimal.animals import ANIMALS, choose
from dlcctr.model.superanimal.tensors import read_shapes
from dlcctr.model.superanimal.weights import MARKS, check_weights, recognise
from tests.unit.support.torch_files import pickled, shapes_of, write_snapshot, write_weights

QUADRUPED = choose("quadruped")


def refused(file: Path, part: str = "hrnet_w32", choice: object = QUADRUPED) -> str:
    with pytest.raises(ModelError) as raised:
        check_weights(file, choice, part)  # type: ignore[arg-type]
    assert raised.value.hint
    return f"{raised.value.message}\n{raised.value.hint}"


@pytest.mark.parametrize("part", MARKS)
def test_each_network_is_recognised_by_its_tensors(part: str, tmp_path: Path) -> None:
    file = write_snapshot(tmp_path / "any name.pt", {"model": shapes_of(part), "metadata": {"epoch": 3}})
    shapes = read_shapes(file)
    assert shapes == shapes_of(part)
    assert recognise(shapes) == part
    is_network = part in ANIMALS["quadruped"].networks
    check_weights(file, choose("quadruped", part if is_network else "", "" if is_network else part), part)


def test_a_detector_in_the_networks_place_is_named_and_the_other_way_round(tmp_path: Path) -> None:
    folder = write_weights(tmp_path, "quadruped", "hrnet_w32", "ssdlite")
    text = refused(folder / "superanimal_quadruped_ssdlite.pt")
    assert "holds the detector ssdlite, not the network hrnet_w32" in text
    assert "--detector-weights" in text
    text = refused(folder / "superanimal_quadruped_hrnet_w32.pt", "fasterrcnn_resnet50_fpn_v2")
    assert "holds the network hrnet_w32, not the detector" in text


def test_another_network_of_the_same_animal(tmp_path: Path) -> None:
    folder = write_weights(tmp_path, "quadruped", "resnet_50")
    assert "--network resnet_50" in refused(folder / "superanimal_quadruped_resnet_50.pt")


def test_weights_of_the_other_animal_are_told_by_their_body_parts(tmp_path: Path) -> None:
    folder = write_weights(tmp_path, "topviewmouse", "hrnet_w32", "resnet_50")
    text = refused(folder / "superanimal_topviewmouse_hrnet_w32.pt")
    assert "27 body parts, as superanimal_topviewmouse has; superanimal_quadruped has 39" in text
    choice = choose("quadruped", "resnet_50")
    assert "27 body parts" in refused(folder / "superanimal_topviewmouse_resnet_50.pt", "resnet_50", choice)


def test_a_network_of_ones_own_project_is_another_one(tmp_path: Path) -> None:
    shapes = shapes_of("hrnet_w32")
    del shapes["layer.3.weight"]
    assert "another network (1,831 tensors)" in refused(write_snapshot(tmp_path / "mine.pt", {"model": shapes}))
    shapes = shapes_of("hrnet_w32", 4)
    assert "4 body parts; " in refused(write_snapshot(tmp_path / "mine.pt", {"model": shapes}))


def test_a_download_that_broke_off(tmp_path: Path) -> None:
    file = write_weights(tmp_path, "quadruped", "hrnet_w32") / "superanimal_quadruped_hrnet_w32.pt"
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    assert "is cut short, or still being downloaded" in refused(file)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"<!DOCTYPE html><html>sign in</html>", "is a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n", "a pointer of Git LFS"),
        (b"\x1f\x8b\x08\x00abc", "is an archive, as the weights for TensorFlow are"),
        (b"", "is no file of PyTorch's (0 bytes)"),
        (pickle.dumps([1, 2, 3]), "is no file of PyTorch's"),
    ],
)
def test_what_is_no_snapshot_is_named(content: bytes, said: str, tmp_path: Path) -> None:
    file = tmp_path / "w.pt"
    file.write_bytes(content)
    assert said in refused(file)
    assert "cannot be read" in refused(tmp_path / "missing.pt")
    assert "cannot be read" in refused(tmp_path)


class Hostile:
    """Would make a file if its pickle was carried out."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("was-run",)


def test_code_in_a_file_is_not_run_but_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    file = write_snapshot(tmp_path / "w.pt", pickle.dumps({"model": Hostile()}, protocol=2))
    assert "holds more than weights; loading it would call" in refused(file)
    assert "mkdir" in refused(file)
    assert not Path("was-run").exists()


@pytest.mark.parametrize(
    "table",
    [
        {"model": {}}, {"model": [1]}, {"state_dict": {}}, [], 7, None, {"model": {"a": 1}}, {"model": {"a": ("x",)}},
    ],
)  # fmt: skip
def test_a_pickle_of_something_else(table: object, tmp_path: Path) -> None:
    file = write_snapshot(tmp_path / "w.pt", pickle.dumps(table, protocol=2))
    assert "no snapshot of DeepLabCut 3" in refused(file)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_a_pickle_that_ends_early_or_has_wrong_bytes(share: float, tmp_path: Path) -> None:
    whole = pickled({"model": {"a.weight": (2, 3), "b.weight": (4,)}})
    place = int(len(whole) * share)
    file = write_snapshot(tmp_path / "w.pt", whole[:place])
    refused(file)
    for byte in range(0, 256, 5):
        write_snapshot(file, whole[:place] + bytes([byte]) + whole[place + 1 :])
        try:
            read_shapes(file)
        except ModelError as error:
            assert error.hint


def test_a_huge_number_in_a_pickle_takes_no_memory(tmp_path: Path) -> None:
    """The place of a value in the reader's notes, which the usual reader makes a table up to."""
    file = write_snapshot(tmp_path / "w.pt", b"\x80\x02}r\xff\xff\xff\x7f.")
    assert "no weights in `model`" in refused(file)
