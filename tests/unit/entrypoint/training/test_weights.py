from __future__ import annotations

from pathlib import Path

import pytest

from dlcctr.errors import ModelError, UsageError
from dlcctr.model.bundles.pack import pack_model
from dlcctr.system.files import sha256_file
from entrypoint.training.child.find_weights import find_file, not_found
from entrypoint.training.child.weights_of import describe, find_asked
from entrypoint.training.events import Order
from entrypoint.training.request import parse_precision, parse_shuffles, weight_places
from tests.unit.support.projects import pytorch_project, tensorflow_project

REPOSITORY = "timm/resnet50_gn.a1h_in1k"
SNAPSHOT = {"pytorch": "snapshot-200.pt", "tensorflow": "snapshot-200.data-00000-of-00001"}
CONFIG = "Task: t\ndate: Jan1\nTrainingFraction: [0.95]\niteration: 2\n"


def made(file: Path) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(file.name.encode())
    return file


def order(weights: str, engine: str = "pytorch") -> Order:
    return Order("/p/config.yaml", engine, 1, weights=weights, places=["/nowhere"])


@pytest.mark.parametrize(
    "name",
    [
        "resnet50_gn.safetensors",
        "resnet50_gn.pth",
        "resnet50_gn/model.safetensors",
        "resnet50_gn.a1h_in1k/pytorch_model.bin",
        "hub/models--timm--resnet50_gn.a1h_in1k/snapshots/abc/model.safetensors",
        "models--timm--resnet50_gn.a1h_in1k/snapshots/abc/pytorch_model.bin",
        "hub/checkpoints/resnet50_gn_a1h2-8fe6c4d0.pth",
    ],
)
def test_where_caches_and_people_put_weights_they_are_found(tmp_path: Path, name: str) -> None:
    made(tmp_path / "caches" / "resnet101.pth")
    file = made(tmp_path / "caches" / name)
    names = ["resnet50_gn", "resnet50_gn_a1h2-8fe6c4d0.pth"]
    assert find_file([tmp_path / "none", tmp_path / "caches"], names, REPOSITORY) == file


def test_the_first_place_wins_and_another_networks_weights_do_not_count(tmp_path: Path) -> None:
    made(tmp_path / "b" / "resnet50_gn.pth")
    assert find_file([tmp_path / "a", tmp_path / "b"], ["resnet50"], "") is None
    first = made(tmp_path / "a" / "resnet50_gn.pth")
    assert find_file([tmp_path / "a", tmp_path / "b"], ["resnet50_gn"], "") == first


def test_what_is_not_found_is_an_error_that_says_where_it_goes_and_how_to_get_it() -> None:
    error = not_found("resnet50_gn", [Path("/weights")], "hf download timm/x")
    assert "/weights" in error.message and "nothing is downloaded" in error.message
    assert "hf download timm/x" in error.hint and "DLCCTR_WEIGHTS" in error.hint and "--weights none" in error.hint


def test_the_named_folder_comes_before_the_caches() -> None:
    environment = {"HOME": "/home/u", "DLCCTR_WEIGHTS": "/w", "TORCH_HOME": "/t", "HF_HUB_CACHE": "/h"}
    places = weight_places(environment)
    assert weight_places({"HOME": "/h", "DLCCTR_WEIGHTS": "w"})[0] == str(Path("w").absolute())
    assert places[:3] == ["/w", "/weights", "/h"] and "/t" in places and "/home/u/.cache/huggingface" in places


def project(folder: Path) -> Path:
    made(folder / "config.yaml").write_text(CONFIG)
    for iteration, shuffle, names in (
        (0, 1, ("snapshot-010.pt",)),
        (1, 1, ("snapshot-010.pt", "snapshot-best-007.pt", "snapshot-020.pt", "snapshot-detector-005.pt")),
        (1, 2, ("snapshot-030.pt",)),
        (2, 1, ("snapshot-040.pt",)),
    ):
        for name in names:
            made(folder / f"dlc-models-pytorch/iteration-{iteration}/tJan1-trainset95shuffle{shuffle}/train" / name)
    return folder


def test_a_project_gives_its_newest_model_but_never_the_one_that_is_trained(tmp_path: Path) -> None:
    top = project(tmp_path) / "dlc-models-pytorch"
    own = top / "iteration-2/tJan1-trainset95shuffle1/train"
    asked = find_asked(order(str(tmp_path)), own)
    old = top / "iteration-1/tJan1-trainset95shuffle1/train"
    assert (asked.kind, asked.file, asked.detector) == (
        "project", old / "snapshot-best-007.pt", old / "snapshot-detector-005.pt",
    )  # fmt: skip
    assert find_asked(order(str(tmp_path)), tmp_path / "elsewhere").file == own / "snapshot-040.pt"


def test_a_folder_of_snapshots_a_file_and_a_folder_of_weights(tmp_path: Path) -> None:
    train = project(tmp_path / "p") / "dlc-models-pytorch/iteration-0/tJan1-trainset95shuffle1/train"
    assert find_asked(order(str(train)), tmp_path).file == train / "snapshot-010.pt"
    file = made(tmp_path / "w/backbone.pth")
    assert find_asked(order(str(file)), tmp_path).file == file
    places = find_asked(order(str(tmp_path / "w")), tmp_path).places
    assert places == (tmp_path / "w", Path("/nowhere"))
    assert find_asked(order("none"), tmp_path).kind == "none"
    assert find_asked(order(""), tmp_path).kind == "cache"


def test_tensorflows_snapshot_is_named_without_its_ending(tmp_path: Path) -> None:
    for ending in ("index", "data-00000-of-00001", "meta"):
        made(tmp_path / f"snapshot-400.{ending}")
    for name in ("snapshot-400", "snapshot-400.index", "snapshot-400.data-00000-of-00001"):
        asked = find_asked(order(str(tmp_path / name), "tensorflow"), tmp_path)
        assert asked.file == tmp_path / "snapshot-400"
        start = describe(asked.kind, tmp_path / "snapshot-400")
        assert start.sha256 == sha256_file(tmp_path / "snapshot-400.data-00000-of-00001")


@pytest.mark.parametrize("as_folder", [False, True])
@pytest.mark.parametrize("engine", ["pytorch", "tensorflow"])
def test_a_bundle_gives_its_snapshot_and_stays_the_place_that_is_told(
    tmp_path: Path, engine: str, *, as_folder: bool
) -> None:
    made_by = {"pytorch": pytorch_project, "tensorflow": tensorflow_project}[engine]
    bundle = tmp_path / "mouse.dlcmodel"
    pack_model(made_by(tmp_path / "mouse"), bundle, as_folder=as_folder)
    asked = find_asked(order(str(bundle), engine), tmp_path)
    assert (asked.kind, asked.bundle) == ("bundle", bundle) and asked.file is not None
    assert asked.file.name == {"pytorch": "snapshot-200.pt", "tensorflow": "snapshot-200"}[engine]
    (packed,) = (tmp_path / "mouse").glob(f"dlc-models*/iteration-0/*/train/{SNAPSHOT[engine]}")
    assert (asked.file.parent / SNAPSHOT[engine]).read_bytes() == packed.read_bytes()
    start = describe(asked.kind, asked.file, asked.bundle)
    assert (start.kind, start.path, start.sha256) == ("bundle", str(bundle), sha256_file(packed))


def test_a_bundle_of_another_engine_or_a_damaged_one_is_no_start(tmp_path: Path) -> None:
    bundle = tmp_path / "mouse.dlcmodel"
    pack_model(tensorflow_project(tmp_path / "mouse"), bundle)
    with pytest.raises(ModelError, match=r"a bundle of a TensorFlow model, and this project is trained with PyTorch"):
        find_asked(order(str(bundle)), tmp_path)
    data = bytearray(bundle.read_bytes())
    data[data.rindex(b"200.data-00000-of-00001")] ^= 1
    bundle.write_bytes(data)
    with pytest.raises(ModelError, match="is not what was packed"):
        find_asked(order(str(bundle), "tensorflow"), tmp_path)


@pytest.mark.parametrize("name", ["no.pt", "empty"])
def test_nothing_to_start_from_is_named(tmp_path: Path, name: str) -> None:
    made(tmp_path / "empty/config.yaml").write_text(CONFIG)
    with pytest.raises(ModelError, match=name):
        find_asked(order(str(tmp_path / name)), tmp_path)


def test_precision_and_shuffles() -> None:
    assert parse_shuffles([]) == (1,) and parse_shuffles([3, 1, 3]) == (3, 1)
    with pytest.raises(UsageError, match="fp8"):
        parse_precision("fp8")
