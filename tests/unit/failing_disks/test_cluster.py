"""Commands that hand rows to Slurm and take them back, on a disk that fails: each row stays in one job."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dlcctr.campaign.paths import CampaignPaths
from dlcctr.cli import catch
from dlcctr.model.inspection import inspect_model
from tests.unit.failing_disks.test_campaign import bench_in
from tests.unit.support.failing_commands import Case, Work, check_each_write, command
from tests.unit.support.fault_world import SIF, World
from tests.unit.support.projects import pytorch_project
from tests.unit.support.results import Bench
from tests.unit.support.state_files import unsigned


def campaign_in(world: World) -> Bench:
    model = inspect_model(pytorch_project(world.here / "p"))
    (world.here / "dlc.sif").write_bytes(SIF)
    return bench_in(world, model=model.project, model_hash=model.hash, model_id=model.id)


def submit_command(world: World, bench: Bench, *more: str) -> Work:
    return command("submit", bench.manifest, "--fps", "100", "--image", world.here / "dlc.sif", *more)


def submit(world: World) -> Work:
    return submit_command(world, campaign_in(world))


def submit_with_canary(world: World) -> Work:
    return submit_command(world, campaign_in(world), "--canary")


def submitted(world: World) -> Bench:
    bench = campaign_in(world)
    assert catch(submit_command(world, bench)) == 0
    return bench


def lose_the_answer(bench: Bench) -> None:
    """As `submit` leaves it when it is killed while sbatch answers."""
    (file,) = CampaignPaths.of(bench.manifest).submissions.glob("*.json")
    table = json.loads(unsigned(file.read_text()))
    for array in table["arrays"]:
        array["job_id"] = ""
    file.write_text(json.dumps(table))


def submit_after_a_kill(world: World) -> Work:
    bench = submitted(world)
    lose_the_answer(bench)
    return submit_command(world, bench)


def resubmit(world: World) -> Work:
    bench = submitted(world)
    world.jobs.clear()
    return command("resubmit", bench.manifest, "--yes", "--fps", "100")


def cancel(world: World) -> Work:
    return command("cancel", submitted(world).manifest, "--yes")


def cancel_after_a_kill(world: World) -> Work:
    bench = submitted(world)
    lose_the_answer(bench)
    return command("cancel", bench.manifest, "--yes")


def site_init(_: World) -> Work:
    return command("site", "init", "lab", "--overwrite")


CASES = (
    Case("submit", submit),
    Case("submit, with a canary", submit_with_canary, every=2),
    Case("submit, after a kill", submit_after_a_kill, every=2),
    Case("resubmit", resubmit),
    Case("cancel", cancel),
    Case("cancel, after a kill", cancel_after_a_kill, every=2),
    Case("site init", site_init),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_disk_that_fails_is_said_at_every_write(
    case: Case, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    check_each_write(case, tmp_path, capsys)
