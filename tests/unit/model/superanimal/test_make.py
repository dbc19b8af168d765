"""A bundle of published weights is an ordinary model's, with its licence in it and in the receipt."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dlcctr.cli import catch
from dlcctr.errors import ModelError, UsageError
from dlcctr.model.bundles.pack import pack_model, unpack_model
from dlcctr.model.bundles.verify import verify_bundle
from dlcctr.model.files import open_tree
from dlcctr.model.inspection import inspect_model
from dlcctr.model.origin import ORIGIN_FILE, Origin, find_origin
from dlcctr.model.superanimal.animals import ANIMALS, LICENCE, choose
from dlcctr.model.superanimal.make import make_bundle
from dlcctr.results.sections import ModelUsed
from dlcctr.system.files import sha256_file
from dlcctr.system.values.records import from_table, to_table
from tests.unit.support.failing_commands import command
from tests.unit.support.torch_files import write_weights

NETWORK, DETECTOR = "hrnet_w32", "fasterrcnn_resnet50_fpn_v2"


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    return write_weights(tmp_path / "w", "quadruped", NETWORK, DETECTOR)


def bundle_of(weights: Path, output: Path, individuals: int = 10) -> Path:
    choice = choose("quadruped", individuals=individuals)
    network, detector = (weights / choice.animal.file_name(part) for part in choice.parts)
    make_bundle(choice, network, detector, output)
    return output


def test_a_bundle_is_a_top_down_model_with_all_that_is_needed(weights: Path, tmp_path: Path) -> None:
    bundle = bundle_of(weights, tmp_path / "q.dlcmodel")
    assert not verify_bundle(bundle).problems
    model = inspect_model(bundle)
    assert (model.engine, model.top_down, model.multianimal) == ("pytorch", True, True)
    assert model.bodyparts == ANIMALS["quadruped"].bodyparts
    assert model.individuals == tuple(f"animal{n}" for n in range(10))
    assert (model.tracker, model.net_type, model.crop) == ("ellipse", NETWORK, None)
    assert model.id == f"superanimal_quadruped-hrnet_w32-shuffle1-snapshot-000-{model.hash[:8]}"
    assert model.scorer == "DLC_HrnetW32_superanimal_quadruped-hrnet_w32shuffle1_detector_0_snapshot_0"
    tree, (network,), (detector,) = open_tree(bundle), model.snapshot_files, model.detector_files
    for file, part in ((network, NETWORK), (detector, DETECTOR)):
        entry = tree.listing and tree.listing.find(file.relative_to(bundle).as_posix())
        assert entry
        assert entry.sha256 == sha256_file(weights / f"superanimal_quadruped_{part}.pt")


def test_one_animal_is_a_single_animal_project(weights: Path, tmp_path: Path) -> None:
    model = inspect_model(bundle_of(weights, tmp_path / "q.dlcmodel", individuals=1))
    assert (model.top_down, model.multianimal, model.individuals, model.tracker) == (True, False, (), "")
    assert len(model.columns(())) == 3 * 39


def test_licence_and_hashes_are_in_the_bundle_and_its_listing(weights: Path, tmp_path: Path) -> None:
    bundle = bundle_of(weights, tmp_path / "q.dlcmodel")
    origin = inspect_model(bundle).origin
    assert origin
    assert origin.licence == LICENCE
    assert "non-commercial" in origin.licence
    assert origin.licence_url == "https://huggingface.co/mwmathis/DeepLabCutModelZoo-SuperAnimal-Quadruped"
    assert [file.name for file in origin.files] == [f"superanimal_quadruped_{part}.pt" for part in (NETWORK, DETECTOR)]
    assert [file.sha256 for file in origin.files] == [sha256_file(weights / file.name) for file in origin.files]
    listing = open_tree(bundle).listing
    assert listing
    assert listing.model["origin"]["licence"] == LICENCE
    # the receipt has it, too, and reads it back
    used = ModelUsed(origin=origin)
    assert from_table(ModelUsed, json.loads(json.dumps(to_table(used)))) == used
    assert "origin" not in to_table(ModelUsed())


def test_the_licence_stays_when_it_is_unpacked_and_packed_again(weights: Path, tmp_path: Path) -> None:
    bundle = bundle_of(weights, tmp_path / "q.dlcmodel")
    project = unpack_model(bundle, tmp_path / "superanimal_quadruped").parent
    assert find_origin(open_tree(project)) == inspect_model(bundle).origin
    again = tmp_path / "again.dlcmodel"
    pack_model(project, again)
    assert again.read_bytes() == bundle.read_bytes()


def test_a_damaged_origin_is_refused_and_ones_own_project_has_none(weights: Path, tmp_path: Path) -> None:
    project = unpack_model(bundle_of(weights, tmp_path / "q.dlcmodel"), tmp_path / "p").parent
    file = project / ORIGIN_FILE
    text = file.read_text(encoding="utf-8")
    for damaged in (text.replace("non-commercial", "any"), text[: len(text) // 2], "[]", "null", ""):
        file.write_text(damaged, encoding="utf-8")
        with pytest.raises(ModelError) as raised:
            inspect_model(project)
        assert str(file) in raised.value.message
    file.unlink()
    assert inspect_model(project).origin is None
    assert isinstance(find_origin(open_tree(tmp_path / "q.dlcmodel")), Origin)


def test_the_same_files_give_the_same_bytes(weights: Path, tmp_path: Path) -> None:
    first = bundle_of(weights, tmp_path / "a.dlcmodel")
    weights.rename(tmp_path / "moved")
    assert first.read_bytes() == bundle_of(tmp_path / "moved", tmp_path / "b.dlcmodel").read_bytes()
    assert str(tmp_path).encode() not in first.read_bytes()
    assert inspect_model(first).hash != inspect_model(bundle_of(tmp_path / "moved", tmp_path / "c", 2)).hash


def test_an_existing_bundle_is_kept_and_nothing_half_written_stays(weights: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    bundle = out / "q.dlcmodel"
    bundle.write_bytes(b"precious")
    with pytest.raises(UsageError, match="already exists"):
        bundle_of(weights, bundle)
    assert bundle.read_bytes() == b"precious"
    (weights / f"superanimal_quadruped_{DETECTOR}.pt").write_bytes(b"")
    with pytest.raises(ModelError):
        bundle_of(weights, out / "other.dlcmodel")
    assert [file.name for file in out.iterdir()] == ["q.dlcmodel"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("dog",), "no SuperAnimal model 'dog'"),
        (("topviewmouse", "rtmpose_s"), "has no network 'rtmpose_s'"),
        (("topviewmouse", "", "ssdlite"), "has no detector 'ssdlite'"),
        (("quadruped", "", "", 0), "0 individuals"),
    ],
)
def test_what_is_not_published_is_refused_with_what_is(words: tuple[str, ...], said: str) -> None:
    with pytest.raises(UsageError) as raised:
        choose(*words)  # type: ignore[arg-type]
    assert said in raised.value.message
    assert raised.value.hint


def run(*words: str | Path) -> int:
    return int(catch(command("model", "superanimal", *words)))


def test_the_command_makes_the_bundle_and_shows_the_licence(
    weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = tmp_path / "q.dlcmodel"
    assert run("quadruped", "--weights", weights, "-o", bundle, "--individuals", "3") == 0
    text = capsys.readouterr().out
    assert "non-commercial" in text
    assert sha256_file(weights / f"superanimal_quadruped_{NETWORK}.pt")[:16] in text
    assert f"dlcctr manifest VIDEOS -o m.csv --model {bundle}" in text
    assert len(inspect_model(bundle).individuals) == 3
    assert run("quadruped", "--weights", weights, "-o", bundle) == 2
    assert run("quadruped", "--weights", weights, "-o", bundle, "--overwrite", "--json") == 0
    assert json.loads(capsys.readouterr().out)["model"]["origin"]["name"] == "superanimal_quadruped"


def test_the_detectors_file_may_be_elsewhere_and_have_another_name(weights: Path, tmp_path: Path) -> None:
    other = tmp_path / "boxes.pt"
    (weights / f"superanimal_quadruped_{DETECTOR}.pt").rename(other)
    network = weights / f"superanimal_quadruped_{NETWORK}.pt"
    network = network.rename(tmp_path / "w" / "network.pt")
    assert run("quadruped", "--weights", network, "-o", tmp_path / "a") == 5
    assert run("quadruped", "--weights", network, "--detector-weights", other, "-o", tmp_path / "a") == 0


def test_without_an_output_it_says_that_no_bundle_was_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        command("model", "superanimal", "quadruped", "--weights", tmp_path / "missing.pt")()
    said = capsys.readouterr().out
    assert caught.value.code == 0
    assert "no bundle was made: the same command with -o superanimal_quadruped.dlcmodel" in said
    assert "missing.pt" not in said, "a file that is not there is no folder to make"
    with pytest.raises(SystemExit):
        command("model", "superanimal", "quadruped", "--weights", tmp_path / "mine")()
    assert f"cd {tmp_path / 'mine'}" in capsys.readouterr().out
