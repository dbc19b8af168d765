"""`submit` killed at any moment while its sbatch goes on: in the end every row is in one job, every job is known."""

from __future__ import annotations

import random
import time
from collections import Counter
from functools import partial
from pathlib import Path

import pytest

from dlcctr.campaign.paths import CampaignPaths
from dlcctr.campaign.videos import unchanged as video_check
from dlcctr.errors import TryAgainError
from dlcctr.planning.options import PlanOptions
from dlcctr.planning.plan import read_plan
from dlcctr.slurm.jobs import arrivals
from dlcctr.slurm.jobs.submissions import read_submissions
from dlcctr.slurm.site.profile import Site
from dlcctr.slurm.submit.job_arrays import JobOptions
from dlcctr.slurm.submit.prepare import SubmitOptions
from dlcctr.slurm.submit.submit import submit
from dlcctr.system.kernel_locks import is_held
from tests.unit.support.fake_slurm import FakeSlurm
from tests.unit.support.kills import run_and_kill
from tests.unit.support.results import make_bench
from tests.unit.support.waiting import wait_until

KILLS = 30
SEED = 20261126
DELAY_S = "1.0"
"""At most, of an sbatch until its job is there."""


def test_every_row_is_in_one_job_whatever_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a grace period, so that all rests on the lock that sbatch holds and on the job's own name."""
    bench, slurm, log = (
        make_bench(tmp_path, [f"{n}.mp4" for n in range(KILLS)]),
        FakeSlurm(tmp_path / "slurm"),
        tmp_path / "log",
    )
    (slurm.folder / "delay").write_text(DELAY_S)
    (tmp_path / "dlc.sif").touch()
    monkeypatch.setenv("PATH", f"{slurm.bin}:/usr/bin:/bin")
    monkeypatch.setattr(video_check, "check_models", lambda *_: [])
    monkeypatch.setattr(arrivals, "GRACE_S", 0.0)
    paths, generator = CampaignPaths.of(bench.manifest), random.Random(SEED)

    def hand_over(rows: str) -> int:
        options = SubmitOptions(Site(), JobOptions(image=str(tmp_path / "dlc.sif")), PlanOptions(fps=10), rows=rows)
        try:
            submit(bench.manifest, options)
        except TryAgainError:
            return int(TryAgainError.exit_code)
        return 0

    began = time.monotonic()
    assert run_and_kill(lambda: hand_over("0"), log) == 0, log.read_text()
    whole_s = time.monotonic() - began
    codes = Counter[int | None]()
    for last in range(1, KILLS):
        command = partial(hand_over, f"0-{last}")
        codes[run_and_kill(command, log, generator.uniform(0, 1.2 * whole_s))] += 1
    assert codes[None] > KILLS / 4, codes
    wait_until(lambda: not is_held(paths.sbatch_lock))
    assert run_and_kill(lambda: hand_over(""), log) == 0, log.read_text()
    submissions = read_submissions(paths)
    arrays = [(array, read_plan(paths.plan(each.plan)).tasks) for each in submissions for array in each.arrays]
    rows = Counter(
        row for array, tasks in arrays for task in tasks[array.offset : array.offset + array.count] for row in task.rows
    )
    assert rows == dict.fromkeys(range(KILLS), 1)
    assert {array.job_id: array.name for array, _ in arrays} == slurm.jobs()
