"""A project goes to another machine, is trained there, and comes back; ssh runs here, rsync is the real one."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from dlcctr.cli import make_app
from dlcctr.contract import PRIVATE_PREFIX, REPLACED_PREFIX, ExitCode
from dlcctr.errors import ModelError, UsageError
from dlcctr.model.yaml.yaml12 import read_yaml
from dlcctr.system.source_tree import own_sources
from dlcctr.training.record import TRAINING_FILENAME, TRAININGS, StartWeights, Status, Training
from dlcctr.transfer.remote.address import Remote
from dlcctr.transfer.training import fetch as fetch_module
from dlcctr.transfer.training.fetch import FetchedTraining, FetchTraining, fetch_training
from dlcctr.transfer.training.hashes import hashes_here
from dlcctr.transfer.training.push import PushedTraining, PushTraining, push_training
from tests.unit.support.far_shell import make_ssh
from tests.unit.support.projects import NAME, config, pytorch_project, write_json
from tests.unit.training.test_project import state

DONE = state(started="2026-03-01T12:00:00+00:00", start=StartWeights("cache", "resnet", "ab" * 32))


@pytest.fixture(scope="module", autouse=True)
def rsync_is_here() -> None:
    subprocess.run(["sh", str(own_sources().root / "scripts" / "staging-tools.sh")], check=True)


MODEL = f"dlc-models-pytorch/iteration-0/{NAME}"
DATASET = "training-datasets/iteration-0/UnaugmentedDataSet_mouseJan1"
EVALUATION = f"evaluation-results-pytorch/iteration-0/{NAME}"


def write_config(file: Path, **changes: Any) -> None:
    """config.yaml as DeepLabCut lays it out: one key a line."""
    file.parent.mkdir(parents=True, exist_ok=True)
    table = config(engine="pytorch", **changes)
    file.write_text("".join(f"{key}: {json.dumps(value)}\n" for key, value in table.items()))


class Sides:
    """`here` has labels, `there` trains."""

    def __init__(self, folder: Path) -> None:
        self.here, self.there = folder / "here" / "mouse lab", folder / "there" / "mouse"
        write_config(self.here / "config.yaml")
        labels = self.here / "labeled-data" / "a ü"
        labels.mkdir(parents=True)
        (labels / "img001.png").write_bytes(b"picture")
        (labels / "CollectedData_lab.csv").write_text("scorer,lab\n")
        (self.here / "videos").mkdir()
        (self.here / "videos/a.avi").write_bytes(b"video")
        self.ssh = make_ssh(folder / "bin")
        self.remote = Remote("cluster", str(self.there))

    def push(self, **options: Any) -> PushedTraining:
        return push_training(PushTraining(self.here, self.remote, self.ssh, **options))

    def fetch(self, *shuffles: int) -> FetchedTraining:
        return fetch_training(FetchTraining(self.here, self.remote, self.ssh, shuffles))

    def train(self, training: Training = DONE, weights: bytes = b"weights", at: Path | None = None) -> None:
        """What `dlc train` and `dlc evaluate` leave."""
        at = at or self.there
        name = NAME.replace("shuffle1", f"shuffle{training.shuffle}")
        model = at / f"dlc-models-pytorch/iteration-0/{name}"
        write_json(model / "train/pytorch_config.yaml", {"net_type": "resnet_50"})
        write_json(model / "test/pose_cfg.yaml", {"all_joints_names": ["snout", "tail"]})
        (model / "train/snapshot-009.pt").write_bytes(weights)
        (model / "train" / TRAINING_FILENAME).write_text(TRAININGS.text(training))
        dataset = at / DATASET
        dataset.mkdir(parents=True, exist_ok=True)
        (dataset / "CollectedData_lab.h5").write_bytes(b"labels")
        (dataset / f"Documentation_data-mouse_95shuffle{training.shuffle}.pickle").write_bytes(b"split")
        file = dataset / "metadata.yaml"
        table = json.loads(file.read_text()) if file.exists() else {"shuffles": {}}
        table["shuffles"][name] = {"train_fraction": 0.95, "index": training.shuffle, "split": 1, "engine": "pytorch"}
        write_json(file, table)

    def evaluate(self, text: str = "error") -> None:
        (self.there / EVALUATION).mkdir(parents=True)
        (self.there / EVALUATION / "results.csv").write_text(text)


@pytest.fixture
def sides(tmp_path: Path) -> Sides:
    return Sides(tmp_path)


def test_the_copy_has_labels_and_no_videos_and_knows_where_it_is(sides: Sides) -> None:
    done = sides.push()
    names = ["labeled-data/a ü/CollectedData_lab.csv", "labeled-data/a ü/img001.png"]
    assert done.sent == [*names, "config.yaml"]
    assert sorted(
        path.relative_to(sides.there).as_posix() for path in sides.there.rglob("*") if path.is_file()
    ) == sorted(["config.yaml", *names])
    assert read_yaml(sides.there / "config.yaml") == {**config(engine="pytorch"), "project_path": str(sides.there)}
    again = sides.push()
    assert (again.sent, again.there) == ([], 2)


def test_what_deeplabcut_fills_in_there_stays(sides: Sides) -> None:
    sides.push()
    with (sides.there / "config.yaml").open("a") as file:
        file.write("individuals: [individual_1]\nskeleton: []\n")
    assert sides.push().sent == []
    write_config(sides.here / "config.yaml", batch_size=3)
    assert sides.push().sent == ["config.yaml"]
    assert read_yaml(sides.there / "config.yaml")["batch_size"] == 3


def test_a_dry_run_sends_nothing(sides: Sides) -> None:
    assert len(sides.push(dry_run=True).sent) == 3
    assert not sides.there.exists()


def test_labels_that_changed_are_sent_again(sides: Sides) -> None:
    sides.push()
    (sides.here / "labeled-data/a ü/CollectedData_lab.csv").write_text("scorer,lab\nnew,1\n")
    assert sides.push().sent == ["labeled-data/a ü/CollectedData_lab.csv"]


def test_what_was_trained_there_is_never_touched(sides: Sides) -> None:
    sides.push()
    sides.train()
    sides.train(replace(DONE, started="2026-04-01"), b"others", at=sides.here)
    (sides.here / MODEL / "train/snapshot-008.pt").write_bytes(b"a file of ours only")
    (sides.here / DATASET / "CollectedData_lab.h5").write_bytes(b"other labels")
    before = hashes_here(sides.there)
    done = sides.push()
    assert (done.sent, done.kept) == ([], [MODEL, f"{DATASET}/CollectedData_lab.h5"])
    assert hashes_here(sides.there) == before


def test_a_shuffle_that_is_only_here_goes_along_and_both_are_listed_there(sides: Sides) -> None:
    sides.push()
    sides.train()
    sides.train(replace(DONE, shuffle=2), at=sides.here)
    sides.push()
    assert set(read_yaml(sides.there / DATASET / "metadata.yaml")["shuffles"]) == {
        NAME,
        NAME.replace("shuffle1", "shuffle2"),
    }
    assert (sides.there / MODEL.replace("shuffle1", "shuffle2") / "train/snapshot-009.pt").read_bytes() == b"weights"


def test_the_models_of_the_iteration_before_go_along_if_asked_for(sides: Sides) -> None:
    sides.train(at=sides.here)
    write_config(sides.here / "config.yaml", iteration=1)
    assert not any("iteration-0" in name for name in sides.push().sent)
    assert f"{MODEL}/train/snapshot-009.pt" in sides.push(previous=True).sent


def test_with_the_model_before_there_the_training_is_told_to_start_from_it(sides: Sides) -> None:
    sides.train(at=sides.here)
    write_config(sides.here / "config.yaml", iteration=1)
    said = typed(sides, "push", str(sides.here), str(sides.remote), "--previous").output
    assert f"then: dlcctr train submit cluster:{sides.there} --weights {sides.there}\n" in said


@pytest.mark.parametrize(
    ("there", "said"), [({"Task": "rat"}, "another project"), ({"iteration": 2}, "iteration 2, this one in 0")]
)
def test_another_project_or_a_later_one_is_not_overwritten(sides: Sides, there: dict[str, Any], said: str) -> None:
    write_config(sides.there / "config.yaml", **there)
    with pytest.raises(UsageError, match=said):
        sides.push()


def test_a_project_without_labels_is_not_sent(sides: Sides) -> None:
    shutil.rmtree(sides.here / "labeled-data")
    with pytest.raises(ModelError, match="no labels"):
        sides.push()


def test_what_was_trained_comes_back_whole(sides: Sides) -> None:
    sides.push()
    sides.train()
    sides.evaluate()
    sides.train(replace(DONE, shuffle=2, status=Status.INTERRUPTED, epochs_done=3))
    config_before = (sides.here / "config.yaml").read_bytes()
    done = sides.fetch()
    (taken,) = done.taken
    assert (taken.shuffle, taken.folder, taken.epochs, taken.evaluated) == (1, MODEL, 9, True)
    assert (done.waiting, done.refused, done.exit_code) == ({2: "interrupted, 3 of 9"}, {}, ExitCode.OK)
    for name in (MODEL, EVALUATION):
        assert hashes_here(sides.here / name) == hashes_here(sides.there / name) != {}
    assert (sides.here / DATASET / "Documentation_data-mouse_95shuffle1.pickle").is_file()
    assert not (sides.here / DATASET / "Documentation_data-mouse_95shuffle2.pickle").exists()
    assert NAME in read_yaml(sides.here / DATASET / "metadata.yaml")["shuffles"]
    assert (sides.here / "config.yaml").read_bytes() == config_before
    assert not list(sides.here.rglob(".dlcctr-*"))
    assert sides.fetch().here == [1]


def test_another_training_that_is_here_is_never_replaced(sides: Sides) -> None:
    sides.push()
    sides.train()
    sides.train(replace(DONE, started="2026-04-01"), b"ours", at=sides.here)
    before = hashes_here(sides.here)
    done = sides.fetch()
    assert "another training is here" in done.refused[1] and done.exit_code == ExitCode.OUTPUT
    after = hashes_here(sides.here)
    assert {name: after[name] for name in before} == before


def test_notes_of_dlcctr_do_not_hold_up_what_was_trained_there(sides: Sides) -> None:
    """A set that was made here, and not trained, has the copy of its network's configuration."""
    sides.push()
    sides.train()
    note = sides.here / MODEL / "train" / f"{PRIVATE_PREFIX}pytorch_config.yaml"
    note.parent.mkdir(parents=True)
    note.write_text("net_type: resnet_50\n")
    assert [each.shuffle for each in sides.fetch().taken] == [1]


def test_what_a_person_put_there_does(sides: Sides) -> None:
    sides.push()
    sides.train()
    note = sides.here / MODEL / "train" / "notes.txt"
    note.parent.mkdir(parents=True)
    note.write_text("mine")
    assert "notes.txt" in sides.fetch().refused[1] and note.read_text() == "mine"


def test_snapshots_without_a_state_are_a_training_too(sides: Sides) -> None:
    sides.push()
    sides.train()
    sides.train(weights=b"of stock", at=sides.here)
    (sides.here / MODEL / "train" / TRAINING_FILENAME).unlink()
    assert "another training" in sides.fetch().refused[1]
    assert (sides.here / MODEL / "train/snapshot-009.pt").read_bytes() == b"of stock"


def test_an_earlier_state_of_the_same_training_is_replaced(sides: Sides) -> None:
    sides.push()
    sides.train()
    sides.train(replace(DONE, status=Status.INTERRUPTED, epochs_done=4), b"early", at=sides.here)
    assert [each.shuffle for each in sides.fetch().taken] == [1]
    assert hashes_here(sides.here / MODEL) == hashes_here(sides.there / MODEL)
    assert not list((sides.here / MODEL).parent.glob(f"{REPLACED_PREFIX}*"))


def test_a_training_set_of_another_split_is_never_replaced(sides: Sides) -> None:
    sides.push()
    sides.train()
    (sides.here / DATASET).mkdir(parents=True)
    (sides.here / DATASET / "Documentation_data-mouse_95shuffle1.pickle").write_bytes(b"ours")
    assert "another training set" in sides.fetch().refused[1]
    assert not (sides.here / MODEL).exists()


def test_what_is_not_what_is_there_does_not_come(sides: Sides, monkeypatch: pytest.MonkeyPatch) -> None:
    sides.push()
    sides.train()
    real = fetch_module.hashes_there

    def changed(far: Any, names: Any) -> dict[str, str]:
        return {name: digest if not name.endswith(".pt") else "0" * 64 for name, digest in real(far, names).items()}

    monkeypatch.setattr(fetch_module, "hashes_there", changed)
    assert "snapshot-009.pt" in sides.fetch().refused[1]
    assert not (sides.here / MODEL).exists()
    monkeypatch.undo()
    assert [each.shuffle for each in sides.fetch().taken] == [1]


def test_shuffles_can_be_chosen(sides: Sides) -> None:
    sides.push()
    sides.train()
    sides.train(replace(DONE, shuffle=2))
    assert [each.shuffle for each in sides.fetch(2).taken] == [2]
    with pytest.raises(UsageError, match="no shuffle 7"):
        sides.fetch(7)


def test_a_state_without_weights_is_refused(sides: Sides) -> None:
    sides.push()
    sides.train()
    (sides.there / MODEL / "train/snapshot-009.pt").unlink()
    assert "no snapshot" in sides.fetch().refused[1]


def test_another_project_is_not_fetched_from(sides: Sides, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such folder"):
        sides.fetch()
    sides.there.mkdir(parents=True)
    with pytest.raises(UsageError, match="no DeepLabCut project"):
        sides.fetch()
    pytorch_project(sides.there, bodyparts=["tail", "snout"])
    with pytest.raises(UsageError, match=r"another project .*bodyparts"):
        sides.fetch()


def typed(sides: Sides, *words: str) -> Result:
    return CliRunner().invoke(make_app(), ["train", *words, "--ssh", sides.ssh[0]])


def test_what_the_commands_say(sides: Sides) -> None:
    far = str(sides.remote)
    pushed = typed(sides, "push", str(sides.here), far)
    assert pushed.exit_code == 0, pushed.output
    assert "sent 3 files" in pushed.output and "all files verified" in pushed.output
    assert f"measures time and memory: dlcctr train submit cluster:{sides.there} --trial\n" in pushed.output
    assert f"when it is trained: dlcctr train fetch {far} '{sides.here}'\n" in pushed.output
    sides.train()
    sides.train(replace(DONE, shuffle=2, status=Status.RUNNING, epochs_done=3))
    fetched = typed(sides, "fetch", far, str(sides.here))
    assert fetched.exit_code == 0, fetched.output
    assert "shuffle 1: 9 epochs, 4 files" in fetched.output
    assert "shuffle 2: not trained there yet (running, 3 of 9)" in fetched.output
    sides.train(replace(DONE, started="2027-01-01"), b"again")
    refused = typed(sides, "fetch", far, str(sides.here), "--json")
    assert refused.exit_code == ExitCode.OUTPUT
    answer = json.loads(refused.stdout[refused.stdout.index("{") :])
    assert "another training is here" in answer["refused"]["1"]
    assert (answer["kind"], answer["taken"]) == ("train fetch", [])


def test_labels_that_are_links_go_along_and_no_link_leads_out_of_them_again(sides: Sides, tmp_path: Path) -> None:
    elsewhere = tmp_path / "disk" / "b"
    elsewhere.mkdir(parents=True)
    (elsewhere / "img002.png").write_bytes(b"second")
    (sides.here / "labeled-data/b").symlink_to(elsewhere)
    (elsewhere / "back").symlink_to(sides.here)
    sides.push()
    assert (sides.there / "labeled-data/b/img002.png").read_bytes() == b"second"
    assert not (sides.there / "labeled-data/b/img002.png").is_symlink()
    assert not list(sides.there.rglob("*.avi"))
