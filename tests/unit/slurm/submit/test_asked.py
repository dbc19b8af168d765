from __future__ import annotations

import json
import re
from datetime import datetime, timezone
from pathlib import Path

import pytest

from dlcctr.model.inspection import inspect_model
from dlcctr.planning.plan import Plan, PlanFacts, PlanTask
from dlcctr.slurm.jobs.submissions import Array, Submission, SubmittedOptions
from dlcctr.slurm.site.profile import Site
from dlcctr.slurm.submit.asked import Asked, as_fields, asked_before, asked_of, resources_of, table_of
from dlcctr.slurm.submit.preflight import _start_of
from tests.unit.support.fake_slurm import FakeSlurm
from tests.unit.support.projects import pytorch_project
from tests.unit.support.results import Bench, make_bench

SITE = Site(partition="gpu", gres="gpu:v100:2", gpus_per_task=2, cpus_per_task=4, mem_gb=16, unit="SU", per_gpu_hour=3)
PLAN = Plan(
    "p",
    "m.csv",
    (*(PlanTask((n, n + 10), 3600.0, "") for n in range(4)), PlanTask((9,), 600.0, "")),
    120,
    facts=PlanFacts(max_parallel=4, gpus_per_task=2),
)
ARRAYS = (Array("c", 4, 1), Array("a", 0, 4))
RECORDED = Path(__file__).parents[2] / "recorded"


def asked(**changes: object) -> Asked:
    each = resources_of(SITE, 120, None)
    return asked_of(PLAN, ARRAYS, each, SITE, **{"throttle": 3, "canary": 9, "start": 1000.0, **changes})  # type: ignore[arg-type]


def test_tasks_hours_cost_and_end() -> None:
    found = asked()
    assert (found.n_arrays, found.n_tasks, found.n_rows, found.at_a_time) == (2, 5, 9, 3)
    assert found.gpu_hours == pytest.approx(2 * (4 + 1 / 6), abs=0.001), "two GPUs for each task"
    assert found.most_gpu_hours == 2 * 5 * 2
    assert (found.cost.units, found.most_cost.units) == (pytest.approx(25.0), 60.0)
    # first the canary, then four hours of work on the four GPUs that the plan counts on, two tasks at a time
    assert found.takes_s == 600 + 2 * 3600
    assert found.end == 1000 + found.takes_s
    assert as_fields(found)["start"] == "1970-01-01T00:16:40+00:00"


def test_what_slurm_does_not_say_is_not_made_up() -> None:
    found = asked(start=None)
    assert (found.end, as_fields(found)["start"], as_fields(found)["end"]) == (None, None, None)
    cells = dict(table_of(found)[1])
    assert "expected start" not in cells
    assert cells["expected end"] == "130 min after the first task starts" or "h" in cells["expected end"]


def test_the_table_says_all_that_is_asked_for() -> None:
    columns, rows = table_of(asked())
    assert columns == ("asked for", "this much")
    cells = dict(rows)
    assert cells["array tasks"] == "5 in 2 arrays, at most 3 at a time; row 9 first, as the canary"
    assert cells["GPUs of a task"] == "2 GPUs (gpu:v100:2)"
    assert (cells["CPU cores of a task"], cells["memory of a task"]) == ("4", "16 GB")
    assert cells["time limit of a task"] == "2 h 00 min"
    assert cells["GPU-hours"] == "about 8.3, at most 20.0"
    assert cells["cost"] == "about 25.0 SU; at most 60.0 SU"


def test_defaults_and_no_gpu_are_said() -> None:
    plain = asked_of(PLAN, ARRAYS, resources_of(Site(), None, 4), Site())
    cells = dict(table_of(plain)[1])
    assert cells["GPUs of a task"] == "none requested"
    assert {cells["CPU cores of a task"], cells["memory of a task"], cells["time limit of a task"]} == {
        "the site's default"
    }
    assert cells["batch size"] == "4"
    assert "GPU-hours" not in cells and "cost" not in cells
    assert dict(table_of(asked_of(PLAN, ARRAYS, resources_of(Site(mem_gb=0), 5, None), Site()))[1])[
        "memory of a task"
    ] == ("all of the node's")


def test_what_changes_against_the_last_time_stands_beside_it() -> None:
    options = SubmittedOptions(site_values=SITE, time_min=60, mem_gb=16, canary=9, max_parallel=3)
    before = asked_before(Submission("p", ARRAYS, "2026-01-01T00:00:00+00:00", options=options), PLAN)
    columns, rows = table_of(asked(), before)
    assert columns == ("asked for", "this time", "the last time")
    told = {what: (now, then) for what, now, then in rows}
    assert told["time limit of a task"] == ("2 h 00 min", "60 min")
    assert told["memory of a task"] == ("16 GB", "the same")
    assert told["GPU-hours"] == ("about 8.3, at most 20.0", "about 8.3, at most 10.0")
    assert (told["expected start"][1], told["expected end"][1]) == ("", "")


@pytest.mark.parametrize("version", ["slurm-22.05", "slurm-26.05"])
def test_the_start_is_read_from_what_slurm_says(version: str) -> None:
    said = (RECORDED / version / "sbatch-test-only-fine.err").read_text()
    (date,) = re.findall(r"\d{4}-\d\d-\d\dT[\d:]+", said)
    assert _start_of(said) == datetime.fromisoformat(date).timestamp()
    assert _start_of("sbatch: Job 1 to start at Unknown using 1 processors") is None
    assert _start_of("") is None


@pytest.fixture
def slurm(tmp_path: Path) -> FakeSlurm:
    fake = FakeSlurm(tmp_path / "slurm")
    (fake.folder / "start").write_text("sbatch: Job 7 to start at 2026-11-22T20:49:34 using 1 processors on nodes n1")
    return fake


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    model = inspect_model(pytorch_project(tmp_path / "model"))
    names = [f"v{n}.mp4" for n in range(4)]
    made = make_bench(tmp_path, names, model=model.project, model_hash=model.hash, model_id=model.id)
    (tmp_path / "dlc.sif").write_bytes(b"")
    (tmp_path / "lab.toml").write_text(
        '[slurm]\ngres = "gpu:1"\nmem_gb = 8\n[accounting]\nunit = "SU"\nper_gpu_hour = 2\n'
    )
    return made


def words(bench: Bench, *more: str) -> list[str | Path]:
    folder = bench.manifest.parent
    return ["submit", bench.manifest, "--image", folder / "dlc.sif", "--site", folder / "lab.toml", "--fps", "10",
            "--tasks", "2", *more]  # fmt: skip


def test_submit_says_what_it_asked_for_and_when_it_would_start(slurm: FakeSlurm, bench: Bench) -> None:
    for more in (["--dry-run"], []):
        lines = [" ".join(line.split()) for line in slurm.run(*words(bench, *more)).splitlines()]
        assert "GPUs of a task 1 GPU (gpu:1)" in lines
        assert "memory of a task 8 GB" in lines
        assert "expected start Sun 2026-11-22 20:49, by Slurm's estimate" in lines
        assert any(line.startswith("cost about ") and line.endswith(" SU") for line in lines)
    assert len(slurm.calls("sbatch")) == 1


def test_submit_json_has_the_same(slurm: FakeSlurm, bench: Bench) -> None:
    said = slurm.run(*words(bench, "--json"))
    told = json.loads(said[said.index("{") :])["asked"]  # behind warnings
    start = datetime.fromisoformat("2026-11-22T20:49:34").astimezone(timezone.utc)
    assert told["start"] == start.isoformat(timespec="seconds")
    assert (told["n_tasks"], told["each"]["mem_gb"], told["cost"]["unit"]) == (2, 8, "SU")
    assert told["cost"]["units"] == pytest.approx(2 * told["gpu_hours"], abs=0.002)


def test_resubmit_shows_it_before_it_asks(slurm: FakeSlurm, bench: Bench) -> None:
    slurm.run(*words(bench))
    slurm.run("cancel", bench.manifest, "--yes")
    said = slurm.run("resubmit", bench.manifest, "--mem-gb", "12", "--fps", "10", code=2)
    assert "no terminal to confirm on" in said
    lines = [" ".join(line.split()) for line in said.splitlines()]
    assert "memory of a task 12 GB 8 GB" in lines
    assert "GPUs of a task 1 GPU (gpu:1) the same" in lines
    assert len(slurm.calls("sbatch")) == 1, "nothing was submitted"
    shown = slurm.run("resubmit", bench.manifest, "--yes", "--mem-gb", "12", "--fps", "10")
    assert len(slurm.calls("sbatch")) == 2 and "--mem=12G" in slurm.calls("sbatch")[-1]
    assert shown.count("memory of a task") == 1


def test_a_plan_has_its_cost(slurm: FakeSlurm, bench: Bench) -> None:
    said = slurm.run("plan", bench.manifest, "--fps", "10", "--site", bench.manifest.parent / "lab.toml")
    assert re.search(r"cost +about [\d.]+ SU", said)
    assert "SU" not in slurm.run("plan", bench.manifest, "--fps", "10", "--site", "generic")
