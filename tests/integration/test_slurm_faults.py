"""What goes wrong on clusters, on a real one: causes are named, what can be mended is, no row is lost or done twice."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests import media
from tests.cluster.cluster import Cluster
from tests.integration.support.slurm_campaign import OPTIONS, SlurmCampaign, make_campaign, own
from tests.integration.test_slurm_campaign import model, sif  # noqa: F401

pytestmark = pytest.mark.real

CORRUPT, MEMORY, LONG, NO_GPU, NODE, REQUEUED, CANCELLED, RESTART = range(8)
COUNT = 12
WAIT_S = 600.0
"""Twelve rows on busy cores; a test that passes never waits for so long."""
LIVE = ("running", "pending")


def options(*leave_out: str) -> list[str]:
    """What the bench wants, without some of it (and its value, where it has one)."""
    words, given = [], iter(OPTIONS)
    for word in given:
        flag = word == "--allow-cpu"
        if word in leave_out:
            if not flag:
                next(given)
            continue
        words += [word] if flag else [word, next(given)]
    return words


class Faults(SlurmCampaign):
    """A campaign whose rows meet different fates."""

    def send(self, row: int, *more: str, without: Sequence[str] = ()) -> str:
        """Submit one row; gives the job's id."""
        words = ["submit", self.manifest, "--image", self.sif, "--rows", str(row), *options(*without), *more, "--json"]
        (array,) = json.loads(self.dlcctr(*words))["arrays"]
        return str(array["job_id"])

    def until(self, row: int, phases: Sequence[str], what: Callable[[dict[str, Any]], bool] = lambda _: True) -> Any:
        """Wait until a row is in one of some phases; gives its status."""
        end = time.monotonic() + WAIT_S
        while time.monotonic() < end:
            found = self.rows()[row]
            if found["phase"] in phases and what(found):
                return found
            time.sleep(1)
        raise AssertionError(f"row {row} is still {found}\n{self.logs()[-3000:]}")

    def is_up(self, node: str) -> bool:
        said = self.cluster.run_as_user(["sinfo", "--noheader", "--Node", f"--nodes={node}", "--format=%T"]).stdout
        return set(said.split()) <= {"idle", "mixed", "allocated"}

    def ended(self, row: int) -> Any:
        return self.until(row, ("done", "failed", "lost", "quarantined", "broken", "degraded"))


@pytest.fixture(scope="module")
def faults(cluster: Cluster, model: Path, sif: Path) -> Faults:  # noqa: F811
    """Twelve videos; one is long, one needs much memory, one is changed later and keeps its size."""
    folder = cluster.scratch / "faults"
    (folder / "videos").mkdir(parents=True)
    for number in range(COUNT):
        frames = 6000 if number == LONG else 12
        size = {"width": 2560, "height": 1920} if number == MEMORY else {}
        media.write_video(folder / "videos" / f"v{number:02}.mp4", frames, first=number, **size)
    plain = make_campaign(cluster, "faults", model, sif)
    broken = folder / "videos" / f"v{CORRUPT:02}.mp4"
    broken.write_bytes(bytes(broken.stat().st_size))
    own(cluster, folder)
    return Faults(plain.cluster, plain.folder, plain.sif)


def test_a_corrupt_video_and_a_small_memory(faults: Faults) -> None:
    faults.send(CORRUPT)
    faults.send(MEMORY, "--mem-gb", "1", without=["--mem-gb"])
    found = faults.ended(CORRUPT)
    assert (found["phase"], found["cause_kind"]) == ("quarantined", "video"), found
    found = faults.ended(MEMORY)
    assert (found["phase"], found["cause_kind"]) == ("failed", "out-of-memory"), found


def test_a_task_that_takes_too_long(faults: Faults) -> None:
    faults.send(LONG, "--time", "1")
    found = faults.ended(LONG)
    assert (found["phase"], found["cause_kind"]) == ("failed", "timeout"), found
    assert not list(faults.results.rglob("v02.mp4.failed.json")), (
        "a task that was told to stop says nothing of its rows"
    )


def test_a_node_without_gpu_is_named(faults: Faults) -> None:
    """All GPUs of the bench are fake, so that a task which may not use the CPU finds none on whichever node."""
    faults.cluster.drain("node1")
    try:
        faults.send(NO_GPU, without=["--allow-cpu"])
        found = faults.ended(NO_GPU)
    finally:
        faults.cluster.resume("node1")
    assert (found["phase"], found["cause_kind"], found["node"]) == ("failed", "gpu", "node2"), found


def test_a_node_that_fails(faults: Faults) -> None:
    site = faults.folder / "site.toml"
    site.write_text("[slurm]\nrequeue = false\n")
    faults.send(NODE, "--site", str(site))
    node = faults.until(NODE, ("running",), lambda row: bool(row["node"]))["node"]
    faults.cluster.kill_node(node)
    try:
        found = faults.ended(NODE)
    finally:
        faults.cluster.start_node(node)
    assert (found["phase"], found["cause_kind"], found["node"]) == ("failed", "node-fail", node), found
    faults.cluster.wait_for(lambda: faults.is_up(node), 60, f"{node} to be back")


def test_a_requeued_task_is_done_once(faults: Faults) -> None:
    job = faults.send(REQUEUED)
    faults.until(REQUEUED, ("running",))
    faults.cluster.run_as_user(["scontrol", "requeue", job])
    found = faults.ended(REQUEUED)
    assert found["phase"] == "done", found
    assert faults.receipts()[REQUEUED]["scheduler"]["SLURM_RESTART_COUNT"] == "1"


def test_the_controller_restarts_while_accounting_is_down(faults: Faults) -> None:
    faults.cluster.stop_accounting()
    try:
        faults.send(RESTART)
        job = faults.send(CANCELLED)
        faults.until(CANCELLED, ("running",))
        faults.cluster.restart_controller()
        assert faults.rows()[CANCELLED]["phase"] in LIVE
        faults.cluster.run_as_user(["scancel", job])
        found = faults.ended(CANCELLED)
        assert found["cause_kind"] in ("cancelled", "stopped"), found
        assert faults.ended(RESTART)["phase"] == "done"
    finally:
        faults.cluster.start_accounting()


def test_a_canary_that_fails_stops_the_rest_and_goes_first_again(
    cluster: Cluster,
    model: Path,  # noqa: F811
    sif: Path,  # noqa: F811
) -> None:
    """No GPU of the bench is one, so that a canary which may not use the CPU fails."""
    campaign = make_campaign(cluster, "canary", model, sif, 4)
    words = ["submit", campaign.manifest, "--image", sif, *options("--allow-cpu"), "--tasks", "2", "--canary"]
    said = campaign.dlcctr(*words)
    assert "as the canary" in said and "expected start" in said, said
    cluster.wait_until_idle(300)
    rows = campaign.status(code=20)["rows"]
    (canary,) = [row for row in rows if row["cause_kind"] == "gpu"]
    others = [row for row in rows if row is not canary]
    assert {(row["phase"], row["cause_kind"], row["canary"]) for row in others} == {
        ("failed", "canary", canary["index"])
    }, campaign.logs()[-3000:]
    said = campaign.dlcctr("status", campaign.manifest, code=20)
    assert f"the canary, row {canary['index']}, failed; " in said and "gpu: " in said
    assert "were cancelled because of it" in said and "dlcctr resubmit" in said
    shown = campaign.dlcctr("resubmit", campaign.manifest, "--dry-run")
    assert "a canary first" in shown and f"not on {canary['node']}" in shown
    assert "the last time" in shown and "time limit of a task" in shown
    campaign.dlcctr("resubmit", campaign.manifest, "--yes", "--allow-cpu")
    newest = max(campaign.folder.glob("slurm/m/submissions/*.json"), key=lambda file: file.stat().st_mtime)
    assert json.loads(newest.read_text())["options"]["canary"] is not None
    campaign.wait(WAIT_S, code=0)
    assert campaign.check()["totals"]["whole"] == 4


def test_two_submit_at_the_same_moment(faults: Faults) -> None:
    words = ["submit", faults.manifest, "--image", faults.sif, *OPTIONS, "--json"]
    with ThreadPoolExecutor(4) as pool:
        answers = [json.loads(text) for text in pool.map(lambda _: faults.dlcctr(*words), range(4))]
    assert sorted(bool(answer["arrays"]) for answer in answers) == [False, False, False, True]
    for row in range(8, COUNT):
        assert faults.ended(row)["phase"] == "done"


def test_everything_is_mended_or_named(faults: Faults) -> None:
    shown = faults.dlcctr("resubmit", faults.manifest, "--dry-run")
    assert "timeout (row 2)" in shown
    assert "gpu (row 3)" in shown
    assert "not on node2" in shown
    assert f"not again: row {CORRUPT}: video" in shown
    assert "not on node2" not in faults.dlcctr("resubmit", faults.manifest, "--dry-run", "--allow-cpu"), "no GPU needed"
    faults.dlcctr("resubmit", faults.manifest, code=2)  # nobody was asked
    faults.dlcctr("resubmit", faults.manifest, "--yes", "--allow-cpu")
    faults.wait(WAIT_S)
    if faults.rows()[MEMORY]["phase"] != "done":  # twice as much may still be too little: then it stops and says so
        shown = faults.dlcctr("resubmit", faults.manifest, "--dry-run")
        assert "out-of-memory twice" in shown
        faults.dlcctr("resubmit", faults.manifest, "--yes", "--again", "--mem-gb", "6", "--rows", str(MEMORY))
        faults.wait(WAIT_S)
    totals = faults.check(code=20)["totals"]
    assert (totals["whole"], totals["quarantined"]) == (COUNT - 1, 1), totals
    receipts = faults.receipts()
    assert len(receipts) == COUNT - 1
    assert not list(faults.results.rglob(".dlcctr-attempt-*"))
    assert "nothing to submit again" in faults.dlcctr("resubmit", faults.manifest, "--dry-run")
