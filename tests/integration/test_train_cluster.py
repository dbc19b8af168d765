"""Training on a real Slurm cluster through the SIF, and in Docker: tried, at its time limit, killed, fetched, the same.

The network is a small one, so that an epoch takes a second: what is told here is not how fast it is.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from dlcctr.contract import ExitCode
from dlcctr.errors import ModelError
from dlcctr.model.curve.losses import read_losses
from dlcctr.training.record import Status, Training, find_training
from dlcctr.transfer.training.hashes import hashes_here, is_hidden
from tests.cluster.cluster import Cluster
from tests.integration.support.campaigns import dlcctr, make_campaign
from tests.integration.support.labelled_project import make_labelled
from tests.integration.support.slurm_campaign import insist, own
from tests.integration.support.slurm_campaign import make_campaign as make_campaign_there
from tests.integration.support.staging import Sides
from tests.integration.support.training import assert_same_losses, copy_of, draw_project, make_set, near
from tests.integration.test_slurm_campaign import sif  # noqa: F401 - a fixture
from tests.media import write_video

pytestmark = [pytest.mark.real, pytest.mark.full]

OPTIONS = ("--gres", "gpu:1", "--account", "lab", "--cpus", "1", "--mem-gb", "6", "--allow-cpu", "--time", "30")
TRAIN = ("--weights", "none", "--seed", "3")
FOLDER = "dlc-models-pytorch/iteration-0/drawnJan1-trainset80shuffle{}"
EPOCHS = 60
"""Enough that a node can be killed between the first and the last."""
ENDLESS = 100_000
END_S = 1800.0
TOLERANCE = 1e-5
"""Of a loss, relative: the last bits of a sum depend on where its numbers lie in memory."""
COMPARE = Path(__file__).parent / "support" / "compare_h5.py"


@dataclass(frozen=True)
class ClusterTraining:
    """A project of the cluster's user."""

    cluster: Cluster
    project: Path
    sif: Path

    def dlcctr(self, *words: str | Path, code: int | Sequence[int] = 0) -> str:
        done = self.cluster.dlcctr(["train", *words], cwd=self.project.parent, timeout_s=300)
        return insist(done, code)

    def submit(self, *words: str, code: int = 0) -> str:
        return self.dlcctr("submit", self.project, "--image", self.sif, *OPTIONS, *TRAIN, *words, code=code)

    def status(self) -> dict[int, dict[str, Any]]:
        answer = json.loads(self.dlcctr("status", self.project, "--json", code=(0, 20, 75)))
        return {each["shuffle"]: each for each in answer["shuffles"]}

    def wait(self, *states: str, shuffle: int = 1) -> dict[str, Any]:
        """Until a shuffle is in one of these states."""
        found: dict[str, Any] = {}

        def is_there() -> bool:
            found.update(self.status().get(shuffle, {}))
            return found.get("state") in states

        self.wait_for(is_there, every_s=5)
        return found

    def wait_for(self, predicate: Callable[[], bool], every_s: float = 0.2) -> None:
        wait_for(predicate, self.logs, every_s)

    def train(self, shuffle: int = 1) -> Path:
        return self.project / FOLDER.format(shuffle) / "train"

    def state(self, shuffle: int = 1) -> Training:
        found = find_training(self.train(shuffle))
        assert found is not None
        return found

    def has_done(self, epochs: int) -> bool:
        return has_done(self.train(), epochs)

    def cancel(self) -> None:
        self.cluster.run_as_user(["scancel", "--me"])

    def logs(self) -> str:
        return "\n".join(path.read_text(errors="replace") for path in sorted(self.project.rglob("*.log")))


def wait_for(predicate: Callable[[], bool], tell: Callable[[], str], every_s: float = 0.2) -> None:
    end = time.monotonic() + END_S
    while not predicate():
        assert time.monotonic() < end, tell()
        time.sleep(every_s)


def has_done(train: Path, epochs: int) -> bool:
    """Whether the state file of a running training says that it has finished this many epochs."""
    try:
        found = find_training(train)
    except ModelError:
        return False  # it is being written by another machine
    return found is not None and found.status is Status.RUNNING and found.epochs_done >= epochs


@pytest.fixture(scope="module")
def drawn(native_pytorch: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Project with training sets of two shuffles, and a small network."""
    project = draw_project(tmp_path_factory.mktemp("train") / "p", "pytorch")
    for shuffle in (1, 2):
        make_set(native_pytorch, project, "pytorch", EPOCHS, shuffle)
    return project


@pytest.fixture(scope="module")
def make(cluster: Cluster, sif: Path, drawn: Path) -> Callable[[str], ClusterTraining]:  # noqa: F811
    """Gives a copy of the project on the cluster."""

    def make_training(name: str) -> ClusterTraining:
        project = copy_of(drawn, cluster.scratch / name / "p")
        own(cluster, project.parent)
        return ClusterTraining(cluster, project, sif)

    return make_training


@pytest.fixture(scope="module")
def trained(make: Callable[[str], ClusterTraining]) -> ClusterTraining:
    """Two shuffles that were trained without a stop."""
    made = make("trained")
    made.submit("--epochs", str(EPOCHS), "--shuffle", "1", "--shuffle", "2")
    for shuffle in (1, 2):
        made.wait("done", "failed", "stopped", shuffle=shuffle)
    return made


def test_a_trial_makes_the_training_set_and_measures(cluster: Cluster, sif: Path) -> None:  # noqa: F811
    project = make_labelled(cluster.scratch / "tried" / "square")
    own(cluster, project.parent)
    made = ClusterTraining(cluster, project, sif)
    made.submit("--trial", "--batch-size", "1")
    cluster.wait_until_idle(END_S)
    found = made.status()[1]
    assert found["trial"]["seconds_per_epoch"] > 0 and found["trial"]["frames_train"] == 9, made.logs()
    told = made.cluster.dlcctr(["train", "submit", project, "--image", sif, "--allow-cpu", "--dry-run"])
    assert "as measured" in told.stdout + told.stderr and "#SBATCH --mem=" in told.stdout, told


def test_both_shuffles_are_trained(trained: ClusterTraining) -> None:
    for shuffle in (1, 2):
        state = trained.state(shuffle)
        assert (state.status, state.epochs_done, state.seed) == (Status.DONE, EPOCHS, 3), trained.logs()
        assert state.starts == 1, "it was interrupted, so the others cannot be compared with it"
    assert trained.state(1).snapshot
    assert "nothing to submit" in trained.submit("--epochs", str(EPOCHS))


def test_a_shuffle_that_waits_is_not_submitted_twice(make: Callable[[str], ClusterTraining]) -> None:
    made = make("twice")
    for node in ("node1", "node2"):
        made.cluster.drain(node)
    try:
        made.submit()
        made.submit(code=int(ExitCode.TRY_AGAIN))
        assert made.status()[1]["state"] == "waiting"
    finally:
        made.cancel()
        for node in ("node1", "node2"):
            made.cluster.resume(node)


def test_a_killed_node_is_no_end(make: Callable[[str], ClusterTraining], trained: ClusterTraining) -> None:
    """It goes on, and has the curve of one that was never killed."""
    made = make("node")
    made.submit("--epochs", str(EPOCHS))
    made.wait_for(lambda: made.has_done(1))
    node = made.status()[1]["node"]
    made.cluster.kill_node(node)
    assert made.state().epochs_done < EPOCHS, "killed too late"
    made.cluster.start_node(node)
    made.wait("done", "failed", "stopped")
    if made.state().status is not Status.DONE:  # where Slurm does not start it again
        made.submit("--epochs", str(EPOCHS))
        made.wait("done", "failed")
    state = made.state()
    assert state.status is Status.DONE and state.starts > 1, made.logs()
    assert_same_losses(trained.train(), made.train(), TOLERANCE)


def test_a_time_limit_is_no_end(make: Callable[[str], ClusterTraining], trained: ClusterTraining) -> None:
    """The limit comes while it trains; it puts itself into the queue and goes on, and every epoch has its loss."""
    made = make("limit")
    made.submit("--epochs", str(ENDLESS), "--time", "4")
    made.wait_for(lambda: "waits in the queue again" in made.logs(), every_s=2)
    stopped = made.state().epochs_done
    made.wait_for(lambda: made.has_done(stopped + 1) and made.state().starts > 1, every_s=2)
    made.cancel()
    made.cluster.wait_until_idle(300)
    rows = read_losses(made.train())
    assert [row.epoch for row in rows] == list(range(1, len(rows) + 1)) and len(rows) > stopped
    for a, b in zip(read_losses(trained.train()), rows, strict=False):
        assert near(a.train_loss, b.train_loss, TOLERANCE), (a, b)


def test_a_cancelled_training_stays_cancelled(make: Callable[[str], ClusterTraining]) -> None:
    made = make("cancelled")
    made.submit("--epochs", str(ENDLESS))
    job = made.wait("running")["job"]
    made.cluster.run_as_user(["scancel", job.partition("_")[0]])
    made.cluster.wait_until_idle(300)
    assert made.wait("stopped", "untrained")["job"] == ""
    assert "waits in the queue again" not in made.logs()


def files_of(project: Path, shuffle: int) -> dict[str, str]:
    """Hash of each file of a trained shuffle; dlcctr's own notes stay where they are."""
    found = hashes_here(project / FOLDER.format(shuffle))
    return {name: digest for name, digest in found.items() if not is_hidden(PurePosixPath(name))}


def test_it_goes_there_and_comes_back(
    cluster: Cluster, trained: ClusterTraining, drawn: Path, native_pytorch: Path, cpu_image: str, tmp_path: Path
) -> None:
    """What comes back is byte for byte what was trained, and analyses a video as it does there."""
    sides = Sides(cluster, tmp_path, {"a.mp4": 1000})
    here = copy_of(drawn, tmp_path / "project")
    ssh = ("--ssh", f"ssh -F {sides.config}")
    far = f"bench:{trained.project}"
    before = hashes_here(trained.project / FOLDER.format(1))
    dlcctr("train", "push", here, far, *ssh)
    assert hashes_here(trained.project / FOLDER.format(1)) == before
    done = json.loads(dlcctr("train", "fetch", far, here, *ssh, "--json"))
    assert [each["shuffle"] for each in done["taken"]] == [1, 2]
    for shuffle in (1, 2):
        assert files_of(here, shuffle) == files_of(trained.project, shuffle)
    assert json.loads(dlcctr("train", "fetch", far, here, *ssh, "--json"))["here"] == [1, 2]

    videos = cluster.scratch / "analysed" / "videos"
    videos.mkdir(parents=True)
    write_video(videos / "v.mp4", 24)
    there = make_campaign_there(cluster, "analysed", trained.project, trained.sif)
    there.image("analyze", "--manifest", there.manifest, "--index", "0", "--allow-cpu")
    make_campaign(tmp_path / "m.csv", videos, here)
    dlcctr("run", tmp_path / "m.csv", "--runtime", "docker", "--image", cpu_image, "--allow-cpu")
    tables = [next(each.rglob("*.h5")) for each in (there.results, tmp_path / "results")]
    told = subprocess.run([native_pytorch, COMPARE, *tables], capture_output=True, text=True, check=True).stdout
    found = json.loads(told)
    assert found["equal"] and found["rows"] == 24 and not found["unnoticed"], found


def test_in_docker_a_killed_container_is_no_end(drawn: Path, cpu_image: str, tmp_path: Path) -> None:
    one, two = (copy_of(drawn, tmp_path / name) for name in ("one", "two"))
    words = ("--runtime", "docker", "--image", cpu_image, "--allow-cpu", *TRAIN, "--epochs", str(EPOCHS))
    dlcctr("train", "run", one, *words)
    train = two / FOLDER.format(1) / "train"
    argv = [sys.executable, "-m", "dlcctr", "train", "run", str(two), *words]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        wait_for(lambda: process.poll() is not None or has_done(train, 1), lambda: "it does not train")
        assert process.poll() is None, process.communicate()[0]
        listing = ["docker", "ps", "--quiet", "--no-trunc", "--filter", f"volume={two}"]
        container = subprocess.run(listing, check=True, capture_output=True, text=True).stdout.split()
        assert len(container) == 1, container
        subprocess.run(["docker", "kill", *container], check=True, capture_output=True)
        said, _ = process.communicate(timeout=120)
    assert process.returncode not in (0, None), said
    killed = find_training(train)
    assert killed and killed.status is Status.RUNNING and 0 < killed.epochs_done < EPOCHS
    dlcctr("train", "run", two, *words)
    state = find_training(train)
    assert state and (state.status, state.starts) == (Status.DONE, 2)
    assert_same_losses(one / FOLDER.format(1) / "train", train, TOLERANCE)
