"""Commands that change a campaign wait for whoever is changing it: nothing of theirs happens while the lock is held."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from dlcctr.campaign.paths import CampaignPaths
from dlcctr.cli import catch
from dlcctr.contract import ExitCode
from dlcctr.system.locks import campaign_lock, transfer_lock
from tests.unit.failing_disks import test_campaign, test_cluster, test_transfer
from tests.unit.support.failing_commands import Work
from tests.unit.support.fault_world import World
from tests.unit.support.whole_state import state_of

LONG_S = 1.0
"""So long the lock is held; without it each command would have come to its end."""

Prepare = Callable[[World], Work]
HELD: dict[str, tuple[Prepare, Callable[[CampaignPaths], AbstractContextManager[object]]]] = {
    "manifest": (test_campaign.new_manifest, lambda paths: campaign_lock(paths.manifest_lock)),
    "manifest --append": (test_campaign.longer_manifest, lambda paths: campaign_lock(paths.manifest_lock)),
    "submit": (test_cluster.submit, lambda paths: campaign_lock(paths.lock)),
    "resubmit": (test_cluster.resubmit, lambda paths: campaign_lock(paths.lock)),
    "cancel": (test_cluster.cancel, lambda paths: campaign_lock(paths.lock)),
    "push": (test_transfer.push, lambda paths: transfer_lock(paths.push_lock)),
    "fetch": (test_transfer.fetch, lambda paths: transfer_lock(paths.fetch_lock)),
}


@pytest.mark.parametrize("name", HELD)
def test_a_command_waits_for_the_lock(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare, hold = HELD[name]
    world = World(tmp_path / "here")
    world.enter(monkeypatch)
    monkeypatch.setattr("sys.argv", ["dlcctr"])
    work = prepare(world)
    before, held, meanwhile = state_of(world), threading.Event(), list[object]()

    def be_at_it() -> None:
        with hold(CampaignPaths.of(world.here / "c/m.csv")):
            held.set()
            time.sleep(LONG_S)
            meanwhile.append(state_of(world))

    other = threading.Thread(target=be_at_it)
    other.start()
    held.wait()
    code = catch(work)
    other.join()
    assert code == 0
    assert meanwhile == [before]
    assert state_of(world) != before


def test_a_second_watch_ends_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    world = World(tmp_path / "here")
    world.enter(monkeypatch)
    monkeypatch.setattr("sys.argv", ["dlcctr"])
    work = test_transfer.watch(world)
    before = state_of(world)
    with transfer_lock(CampaignPaths.of(world.here / "c/m.csv").watch_lock):
        assert catch(work) == ExitCode.TRY_AGAIN
    assert state_of(world) == before
    assert "wait until it has ended" in capsys.readouterr().err
