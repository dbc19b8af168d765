"""Files of a trained project and of a bundle: damaged in every way."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dlcctr.errors import ContractError, ModelError
from dlcctr.model.bundles.bundle import BLOCK, LISTING, header, parse_listing
from dlcctr.model.bundles.pack import pack_model
from dlcctr.model.bundles.verify import verify_bundle
from dlcctr.model.inspection import inspect_model
from dlcctr.model.project.snapshots import check_unpacked_size, code_in
from dlcctr.model.project.survey import survey_model
from tests.unit.support.fuzz import check_reader, damaged, with_wrong_values
from tests.unit.support.projects import odd_project, pytorch_project, tensorflow_project, top_down_project

ERRORS = (ModelError, ContractError)


def signed(table: dict[str, Any]) -> str:
    """A listing whose own hash is right, as an attacker writes it."""
    table = {key: value for key, value in table.items() if key != "listing_sha256"}
    table["listing_sha256"] = hashlib.sha256(json.dumps(table).encode()).hexdigest()
    return json.dumps(table, indent=1, ensure_ascii=False) + "\n"


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundle")
    pack_model(pytorch_project(folder / "p"), folder / "m.dlcmodel")
    return folder / "m.dlcmodel"


def listing_of(packed: Path) -> bytes:
    data = packed.read_bytes()
    return data[BLOCK : data.index(b"\0", BLOCK)]


def test_a_listing_with_wrong_values_and_a_right_hash(packed: Path, tmp_path: Path) -> None:
    """What is read of it is used: no value, of whatever type, is a bug in those who use it."""
    data, listing = packed.read_bytes(), listing_of(packed)
    rest = data[BLOCK + len(listing) + -len(listing) % BLOCK :]
    file, count = tmp_path / "m.dlcmodel", 0
    for table in with_wrong_values(json.loads(listing)):
        text = signed(table).encode("utf-8", "surrogatepass")
        file.write_bytes(header(LISTING, len(text)) + text + bytes(-len(text) % BLOCK) + rest)
        for use in (verify_bundle, inspect_model):
            try:
                use(file)
            except ERRORS as error:
                assert error.message.startswith(str(file))
                assert error.hint
                count += 1
    assert count > 500


def test_a_listing(packed: Path, tmp_path: Path) -> None:
    check_reader(
        lambda data: parse_listing(data.decode("utf-8", "replace"), tmp_path), listing_of(packed), ERRORS,
        says=str(tmp_path), refused=1000,
    )  # fmt: skip


PROJECTS = {
    "PyTorch": pytorch_project,
    "TensorFlow": tensorflow_project,
    "top-down": top_down_project,
    "odd": odd_project,
}


def yaml_files(project: Path) -> Iterator[Path]:
    yield from sorted(project.rglob("*.yaml"))


@pytest.mark.parametrize("kind", PROJECTS)
def test_the_configurations_of_a_project(kind: str, tmp_path: Path) -> None:
    """Whoever reads them refuses with the file, and what to do."""
    project = PROJECTS[kind](tmp_path / "p")
    for file in yaml_files(project):
        whole = file.read_bytes()
        for number, each in enumerate(damaged(whole, most=25)):
            file.write_bytes(each)
            try:
                inspect_model(project)
            except ERRORS as error:
                assert ".yaml" in error.message or str(tmp_path) in error.message
                assert error.hint
            if number % 8 == 0:
                with contextlib.suppress(*ERRORS):  # where config.yaml itself cannot be read
                    survey_model(project)
        file.write_bytes(whole)


@pytest.mark.parametrize("kind", ["PyTorch", "TensorFlow", "top-down"])
def test_configurations_with_values_of_every_type(kind: str, tmp_path: Path) -> None:
    project = PROJECTS[kind](tmp_path / "p")
    for file in yaml_files(project):
        whole = file.read_text()
        for table in with_wrong_values(json.loads(whole)):
            file.write_text(json.dumps(table), encoding="utf-8")
            try:
                inspect_model(project)
            except ERRORS as error:
                assert ".yaml" in error.message or str(tmp_path) in error.message
                assert error.hint
        file.write_text(whole)


@pytest.mark.parametrize("name", ["learning_stats.csv", "mouse-results.csv"])
def test_tables_of_an_evaluation(name: str, tmp_path: Path) -> None:
    """They only inform: one that is damaged says less."""
    project = pytorch_project(tmp_path / "p")
    folder = "mouseJan1-trainset95shuffle1"
    place = project / "dlc-models-pytorch/iteration-0" / folder / "train"
    if name.startswith("mouse"):
        place = project / "evaluation-results-pytorch/iteration-0" / folder
        place.mkdir(parents=True)
    text = "step,losses/train,metrics/test.rmse,Test Error(px)\n100,0.1,7.5,3.25\n200,0.05,6.5,2.25\n"
    (place / name).write_text(text)
    (shuffle,) = survey_model(project).shuffles
    assert shuffle.snapshots[0].errors
    for each in damaged(text.encode(), most=60):
        (place / name).write_bytes(each)
        survey_model(project)


def test_a_snapshot(tmp_path: Path) -> None:
    """Its list of what it would call is read, and nothing of it is carried out."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("snapshot/data.pkl", pickle.dumps(OrderedDict(a=[1, 2.5, "x"])))
        archive.writestr("snapshot/data/0", bytes(64))
    file = tmp_path / "snapshot-1.pt"
    for each in damaged(stream.getvalue(), most=300):
        file.write_bytes(each)
        for use in (code_in, check_unpacked_size):
            try:
                use(file)
            except ModelError as error:
                assert error.message.startswith(str(file))
