"""What the local executor decides before it starts anything: rows, slots, GPUs, logs, summary, exit code."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from dlcctr.campaign.config import write_campaign
from dlcctr.campaign.rows import Row
from dlcctr.commands.run import summary
from dlcctr.contract import ExitCode
from dlcctr.errors import ManifestError, ModelError, UsageError
from dlcctr.runtime.rows import run_campaign as campaign_run
from dlcctr.runtime.rows.executor import last_error
from dlcctr.runtime.rows.row_run import LOG_HEAD, Outcome
from dlcctr.runtime.rows.slots import divide
from dlcctr.system import processes as run
from dlcctr.system.cpus import cpu_list
from tests.unit.support.projects import pytorch_project
from tests.unit.support.results import make_bench

ROWS = [Row(index, f"v{index}.mp4") for index in (0, 1, 2, 5, 9)]
MANIFEST = Path("m.csv")


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [("", [0, 1, 2, 5, 9]), ("1", [1]), ("0-2, 9", [0, 1, 2, 9]), ("9,0,0", [0, 9]), ("2-5", [2, 5])],
)
def test_rows_are_chosen_by_index(wanted: str, expected: list[int]) -> None:
    assert [row.index for row in campaign_run.choose_rows(ROWS, wanted, MANIFEST)] == expected


def test_one_large_index_costs_no_memory() -> None:
    rows = [*ROWS, Row(50_000_000, "late.mp4")]
    tracemalloc.start()
    try:
        assert campaign_run.choose_rows(rows, "1-50000000", MANIFEST) == rows[1:]
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("wanted", ["a", "1-", "-1", "5-2", "1;2", "1,,2", "²", "9" * 5000, "1-2-3"])
def test_what_is_no_list_of_rows_is_a_usage_error(wanted: str) -> None:
    with pytest.raises(UsageError, match="--rows"):
        campaign_run.choose_rows(ROWS, wanted, MANIFEST)


def test_a_row_that_is_not_there_is_an_error() -> None:
    with pytest.raises(ManifestError, match="no row 10"):
        campaign_run.choose_rows(ROWS, "0-10", MANIFEST)


@pytest.mark.parametrize("jobs", [1, 2, 3, 4, 7])
def test_cpus_are_divided_evenly_and_every_row_has_one(jobs: int) -> None:
    cpus = [3, 4, 8, 9]
    slots = divide(jobs, [], cpus, len(cpus))
    assert all(slot.cpus and slot.cpus <= set(cpus) and len(slot.cpus) == slot.n_cpus >= 1 for slot in slots)
    if jobs <= len(cpus):
        held = [cpu for slot in slots for cpu in slot.cpus or ()]
        assert sorted(held) == cpus


@pytest.mark.parametrize("limit", ["slurm", "cgroup"])
def test_nothing_is_pinned_where_only_the_number_of_cpus_is_known(
    limit: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(8)))
    monkeypatch.delenv("SLURM_CPUS_PER_TASK", raising=False)
    assert cpu_list(tmp_path) == (list(range(8)), 8)
    if limit == "slurm":
        monkeypatch.setenv("SLURM_CPUS_PER_TASK", "4")
    else:
        (tmp_path / "proc/self").mkdir(parents=True)
        (tmp_path / "proc/self/cgroup").write_text("0::/\n")
        (tmp_path / "sys/fs/cgroup").mkdir(parents=True)
        (tmp_path / "sys/fs/cgroup/cpu.max").write_text("400000 100000")
    assert cpu_list(tmp_path) == (None, 4)
    assert [slot.n_cpus for slot in divide(2, [], *cpu_list(tmp_path))] == [2, 2]


def test_each_running_row_has_its_own_gpu() -> None:
    assert [slot.gpu for slot in divide(2, ["0", "1"], None, 8)] == ["0", "1"]
    assert [slot.gpu for slot in divide(2, ["0", "0"], None, 8)] == ["0", "0"]
    with pytest.raises(UsageError, match="2 GPU"):
        divide(3, ["0", "1"], None, 8)


def test_gpus_are_those_named_else_those_visible_else_those_listed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,3")
    assert campaign_run.find_gpus("1, 0") == ["1", "0"]
    assert campaign_run.find_gpus("none") == []
    assert campaign_run.find_gpus(None) == ["2", "3"]
    for hidden in ("", "-1", "NoDevFiles"):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", hidden)
        assert campaign_run.find_gpus(None) == []
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    monkeypatch.setattr("shutil.which", lambda _: None)
    assert campaign_run.find_gpus(None) == []
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    answer = run.subprocess.CompletedProcess([], 0, "0\n1\n", "")
    monkeypatch.setattr(run, "run", lambda *_, **__: answer)
    assert campaign_run.find_gpus(None) == ["0", "1"]
    answer = run.subprocess.CompletedProcess([], 18, "Failed to initialize NVML: 550\n1\n", "")
    assert campaign_run.find_gpus(None) == []
    assert "nvidia-smi fails, so no GPU is used: Failed to initialize NVML" in capsys.readouterr().err
    with pytest.raises(UsageError, match="--gpus"):
        campaign_run.find_gpus("--privileged")


def outcomes(*codes: int, cause: str = "") -> list[Outcome]:
    return [Outcome(index, f"v{index}.mp4", code, cause=cause if code else "") for index, code in enumerate(codes)]


def test_the_exit_code_is_that_of_the_first_failed_row() -> None:
    assert campaign_run.RunResult(outcomes(0, 0), "native").exit_code == 0
    assert campaign_run.RunResult(outcomes(0, 8, 4), "native").exit_code == ExitCode.OUTPUT
    assert campaign_run.RunResult([], "").exit_code == 0


def test_a_stopped_run_says_try_again_whatever_failed_before() -> None:
    stopped = [*outcomes(4), Outcome(1, "v1.mp4", ExitCode.TRY_AGAIN, cause="stopped")]
    assert campaign_run.RunResult(stopped, "native").exit_code == ExitCode.TRY_AGAIN
    assert "the same command again" in summary(Path("m.csv"), stopped)[-1]


def test_the_summary_counts_and_names_the_next_command() -> None:
    found = [Outcome(0, "v0.mp4", 0, was_finished=True), *outcomes(0, 0, 4, 4, 8)[1:]]
    lines = summary(Path("my campaign/m.csv"), found)
    assert lines[0] == "5 rows: 1 finished before, 1 done, 3 failed"
    assert lines[1:3] == ["  exit code 4: rows 2-3", "  exit code 8: row 4"]
    assert lines[-1] == "next: dlcctr check 'my campaign/m.csv'"


def test_the_cause_is_that_of_the_last_attempt(tmp_path: Path) -> None:
    log = tmp_path / "row.log"
    log.write_text(f"{LOG_HEAD}one\nerror: old\n{LOG_HEAD}two\nnoise\nerror: no such video\n  what to do: look\n")
    assert last_error(log) == "no such video"
    log.write_text(f"{LOG_HEAD}one\nerror: old\n{LOG_HEAD}two\nlast words\n\n")
    assert last_error(log) == "last words"
    log.write_text("docker: could not select a device driver\n\nRun 'docker run --help' for more information\n")
    assert last_error(log) == "docker: could not select a device driver"
    log.write_text(f"{LOG_HEAD}one\n")
    assert last_error(log) == ""


class Contained:
    """Stands for a runtime with containers, where rows are only prepared."""

    contained = True


def test_a_row_that_no_container_can_be_given_fails_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bench = make_bench(tmp_path / "c", ["a.mp4", "b.mp4"])
    odd = tmp_path / "odd\nname.mp4"
    odd.touch()
    video = bench.campaign.video_root / "a.mp4"
    video.unlink()
    video.symlink_to(odd)
    make = partial(campaign_run.make_tasks, bench.manifest, bench.campaign)
    tasks, refused = make(bench.rows, campaign_run.RunOptions(), Contained())  # type: ignore[arg-type]
    assert [task.index for task in tasks] == [1]
    assert [(each.index, each.code, "line break" in each.cause) for each in refused] == [(0, ExitCode.USAGE, True)]
    assert "row 0 FAILED with exit code 2: a.mp4: " in capsys.readouterr().err
    with pytest.raises(UsageError, match="line break"):
        make(bench.rows[:1], campaign_run.RunOptions(), Contained())  # type: ignore[arg-type]


def test_rows_of_a_campaign_whose_model_was_exchanged_are_not_called_finished(tmp_path: Path) -> None:
    bench = make_bench(tmp_path, ["a.mp4"])
    bench.commit(0)
    options = campaign_run.RunOptions(allow_cpu=True)
    assert campaign_run.run_campaign(bench.manifest, options).exit_code == 0, "the model may be away by then"
    write_campaign(replace(bench.campaign, model=pytorch_project(tmp_path / "other")))
    with pytest.raises(ModelError, match="not the model that"):
        campaign_run.run_campaign(bench.manifest, options)
