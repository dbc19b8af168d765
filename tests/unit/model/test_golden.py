"""Model hashes, ids and bundles as the first release wrote them: results on disk are named by them."""

from __future__ import annotations

import base64
import gzip
import hashlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import pytest

from dlcctr.model.bundles.bundle import read_bundle
from dlcctr.model.bundles.pack import pack_model
from dlcctr.model.bundles.verify import verify_bundle
from dlcctr.model.files import BundleFile
from dlcctr.model.inference_project import make_inference_project
from dlcctr.model.inspection import inspect_model
from dlcctr.model.yaml.yaml12 import parse_yaml, read_yaml
from tests.unit.support.projects import (
    ODD_PARTS,
    conditional_project,
    odd_project,
    pytorch_project,
    tensorflow_project,
    top_down_project,
)

Maker = Callable[[Path], Path]


def multi_animal_project(root: Path) -> Path:
    return tensorflow_project(
        root, multianimalproject=True, bodyparts="MULTI!", multianimalbodyparts=["snout"],
        uniquebodyparts=["tail"], individuals=["a", "b"],
    )  # fmt: skip


MODELS = {
    pytorch_project: (
        "mouseJan1-shuffle1-snapshot-200-04effb7a",
        "04effb7a040747dec6ce403ff1315a748c3956bca76d8b045c000cac51db3f9a",
    ),
    tensorflow_project: (
        "mouseJan1-shuffle1-snapshot-200-04e790c7",
        "04e790c7dfa24ea09b4ce2bde5f7ac7076a01603265ffc32f8e0bf75ac6b07ef",
    ),
    top_down_project: (
        "mouseJan1-shuffle1-snapshot-best-7-00631a91",
        "00631a915715e67989d2b0e294f21f9649546f8fb1f555dcb48e65df0826e7f9",
    ),
    multi_animal_project: (
        "mouseJan1-shuffle1-snapshot-200-0a19f5be",
        "0a19f5be79ff580e8a1b1bca28d0e2790cc768bcadb283841a277c705c038fdc",
    ),
    conditional_project: (
        "mouseJan1-shuffle1-snapshot-30-4a517ccd",
        "4a517ccd7abfb5e2376dac7588d5d133a2b679301718618228491670d81b43ed",
    ),
    odd_project: (
        "mouseJan1-shuffle1-snapshot-200-45002910",
        "450029105d929fefb8ad9b76e95082c92eb6826cb64c2c0ca6a2eb0d196cfa23",
    ),
}
"""Ids and hashes by the project's maker."""
TEXTS = {
    pytorch_project: "83541b38054c03e3ec0ecdd11e0bcc8ade5269a4e08bf69954981e55e6e2b961",
    tensorflow_project: "09467c82eceaa31eeea3667d30cf14e9217f3f1e37abdd0976fb084b9e7c1eb8",
    top_down_project: "5194f42bf957da0489d62d2c7b800dbcfb79fd6ca38bdbf1910e3c40cb73b00d",
    conditional_project: "1767c1e757ad1030760af437ccbb84174ff64f46d9f66e8997d363b7dc9de5d0",
    multi_animal_project: "a25ba17a3c523620327f56097f05348ac274fcd851943a9d859cd6ad1b775c5c",
}
"""SHA-256 of a bundle's YAML files, one after another. `y` is quoted since, and so the odd project is not here."""


@pytest.mark.parametrize("make", MODELS)
def test_ids_and_hashes_never_change(tmp_path: Path, make: Maker) -> None:
    model = inspect_model(make(tmp_path / "mouse"))
    assert (model.id, model.hash) == MODELS[make]


@pytest.mark.parametrize("make", TEXTS)
def test_packed_files_never_change(tmp_path: Path, make: Maker) -> None:
    pack_model(make(tmp_path / "mouse"), tmp_path / "m", as_folder=True)
    texts = b"".join(file.read_bytes() for file in sorted((tmp_path / "m").rglob("*.yaml")))
    assert hashlib.sha256(texts).hexdigest() == TEXTS[make]


@pytest.fixture
def old_bundle(tmp_path: Path) -> Path:
    """The odd project as the first release packed it."""
    text = (Path(__file__).parents[1] / "golden" / "odd.dlcmodel.gz.b64").read_bytes()
    (tmp_path / "old.dlcmodel").write_bytes(gzip.decompress(base64.b64decode(text)))
    return tmp_path / "old.dlcmodel"


def test_bundles_of_the_first_release_read_and_verify(old_bundle: Path) -> None:
    assert verify_bundle(old_bundle).problems == ()
    model = inspect_model(old_bundle)
    assert (model.id, model.hash) == MODELS[odd_project]
    assert list(model.bodyparts) == ODD_PARTS


def test_a_new_bundle_says_what_the_old_one_says(old_bundle: Path, tmp_path: Path) -> None:
    pack_model(odd_project(tmp_path / "mouse"), tmp_path / "new.dlcmodel")
    new, old = BundleFile(tmp_path / "new.dlcmodel"), BundleFile(old_bundle)
    names = [PurePosixPath(entry.path) for entry in old.listing.files]
    assert names == [PurePosixPath(entry.path) for entry in new.listing.files]
    assert read_bundle(old_bundle).listing.model == new.listing.model
    for name in (name for name in names if name.suffix == ".yaml"):
        assert parse_yaml(new.text(name), Path(name)) == parse_yaml(old.text(name), Path(name)), name


@pytest.mark.parametrize("make", MODELS)
def test_a_project_for_inference_differs_in_its_places_only(tmp_path: Path, make: Maker) -> None:
    model = inspect_model(make(tmp_path / "mouse"))
    root, folder = tmp_path / "scratch", model.folder
    config = make_inference_project(model, root)
    places = {"project_path": str(root), "snapshotindex": -1, "detector_snapshotindex": -1}
    assert read_yaml(config) == {**read_yaml(model.project / "config.yaml"), **places}
    for name in (file.relative_to(model.project) for file in (model.project / folder).rglob("*.yaml")):
        before, after = read_yaml(model.project / name), read_yaml(root / name)
        changed = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
        places_in = {"project_path", "dataset", "init_weights", "metadata", "detector", "runner"}
        assert changed <= places_in | ({"inference"} if model.conditions else set()), name
        assert "C:" not in (root / name).read_text(encoding="utf-8")
