"""A trained project packed, moved and used: the bundle's results are the project's, and stock DeepLabCut's."""

from __future__ import annotations

import pickle
import re
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest

from dlcctr.contract import ExitCode
from dlcctr.errors import ModelError
from dlcctr.model.bundles import pack as make_bundle
from dlcctr.model.bundles.pack import pack_model
from dlcctr.model.bundles.verify import verify_bundle
from dlcctr.model.inspection import inspect_model
from tests.integration.conftest import REAL_DATA
from tests.integration.support.campaigns import dlcctr, make_campaign, states
from tests.integration.support.tiny_models import BLIND_CONDITIONS, KINDS, make_model
from tests.integration.test_analyze_native import Native, calm_video, get_native
from tests.unit.support.projects import pytorch_project

pytestmark = pytest.mark.real
OPEN_FIELD = REAL_DATA / "models" / "openfield-pytorch-resnet18"


def size_of(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def run_rows(folder: Path, videos: Path, model: Path) -> dict[str, bytes]:
    """Analyse with `dlcctr run`; gives each .csv's bytes by its path below the results."""
    out = make_campaign(folder / "m.csv", videos, model)
    dlcctr("run", folder / "m.csv", "--runtime", "native", "--gpus", "none", "--allow-cpu")
    assert states(folder / "m.csv") == {"calm.mp4": "whole"}
    return {str(file.relative_to(out)): file.read_bytes() for file in out.rglob("*.csv")}


@pytest.fixture(
    params=[
        pytest.param(kind, marks=[] if kind == KINDS[0] else [pytest.mark.full], id=kind)
        for kind in (*KINDS, BLIND_CONDITIONS)
    ]
)
def native(request: pytest.FixtureRequest, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Native:
    return get_native(request, request.param, tmp_path_factory.getbasetemp() / "models", tmp_path)


def test_a_bundle_the_project_and_stock_agree(native: Native) -> None:
    folder, videos = native.folder, native.folder / "videos"
    videos.mkdir()
    calm_video(videos / "calm.mp4", 20)
    bundle = folder / "place" / "tiny.dlcmodel"
    dlcctr("model", "pack", native.model, "-o", bundle)
    dlcctr("model", "verify", bundle)
    assert bundle.stat().st_size < 0.6 * size_of(native.model)  # the project has two snapshots
    bundle.chmod(0o444)
    bundle.parent.chmod(0o555)
    before = bundle.read_bytes()
    of_bundle, of_project = run_rows(folder / "a", videos, bundle), run_rows(folder / "b", videos, native.model)
    assert of_bundle and of_bundle == of_project
    assert bundle.read_bytes() == before and list(bundle.parent.iterdir()) == [bundle]
    dlcctr("model", "unpack", bundle, "-o", folder / "unpacked")
    stock = Native(native.python, native.engine, folder / "unpacked", folder)
    (theirs,) = [file for file in stock.stock(videos / "calm.mp4").glob("*.h5") if "full" not in file.name]
    (ours,) = (folder / "a" / "results").rglob("*.h5")
    found = native.compare(ours, theirs)
    # a random top-down network places its points alike in all frames of a picture that hardly moves
    alike = {"shift"} if "topdown" in native.model.name else set()
    assert found["equal"] and set(found["unnoticed"]) <= alike, found


def test_a_project_from_windows_packs(tmp_path: Path) -> None:
    """The open-field project where it is, else one of the same form."""
    original = OPEN_FIELD if OPEN_FIELD.is_dir() else pytorch_project(tmp_path / "original")
    project = Path(shutil.copytree(original, tmp_path / "project"))
    for file in project.rglob("*.yaml"):
        file.chmod(0o644)
        text = file.read_text(encoding="utf-8").replace("/data/projects/openfield", "D:\\Käfig 1\\openfield")
        file.write_text("\ufeff" + text, encoding="utf-8")
    listing = pack_model(project, tmp_path / "of.dlcmodel")
    assert not verify_bundle(tmp_path / "of.dlcmodel").problems
    assert inspect_model(tmp_path / "of.dlcmodel").id == inspect_model(original).id == listing.model["id"]
    assert "Käfig".encode() not in (tmp_path / "of.dlcmodel").read_bytes()


class Evil:
    """Unpickling it makes a file."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.mark,)


@pytest.mark.full
def test_a_bundle_packed_by_an_attacker_runs_nothing(
    native_pytorch: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = make_model(native_pytorch, KINDS[0], tmp_path_factory.getbasetemp() / "models")
    project = Path(shutil.copytree(model, tmp_path / "project"))
    (snapshot,) = project.rglob("snapshot-010.pt")
    data = pickle.dumps({"model": Evil(tmp_path / "pwned"), "metadata": {"epoch": 10}}, protocol=2)
    with zipfile.ZipFile(model / snapshot.relative_to(project)) as old, zipfile.ZipFile(snapshot, "w") as new:
        for name in old.namelist():
            new.writestr(name, data if name.endswith("data.pkl") else old.read(name))
    monkeypatch.setattr(make_bundle, "check_without_code", lambda file: None)
    packed, video = tmp_path / "packed", calm_video(tmp_path / "calm.mp4", 5)
    pack_model(project, packed, as_folder=True)
    of_bundle, of_project = (Native(native_pytorch, "pytorch", model, tmp_path) for model in (packed, project))
    of_bundle.analyse(video, code=ExitCode.ANALYSIS)
    for folder in (packed, project):
        (pose,) = folder.rglob("pytorch_config.yaml")
        text, count = re.subn(r"(?m)load_weights_only:.*$", "load_weights_only: false", pose.read_text())
        pose.write_text(text)
        assert count
    for options in ([], ["--trust-model"]):  # it is not what was packed, and nobody can agree to that
        with pytest.raises(ModelError, match="is not what was packed"):  # by the image, and by the test itself
            of_bundle.analyse(video, *options, code=ExitCode.MODEL)
    of_project.analyse(video, code=ExitCode.MODEL)
    assert not (tmp_path / "pwned").exists()
    of_project.analyse(video, "--trust-model", code=ExitCode.ANALYSIS)
    assert (tmp_path / "pwned").exists(), "the attack is a real one"
