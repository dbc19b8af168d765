from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcctr.errors import CommandFailedError, ToolMissingError, TryAgainError, UsageError
from dlcctr.slurm.queue import client as slurm
from dlcctr.slurm.queue.client import SubmittedJob
from dlcctr.slurm.queue.output import LARGEST_ARRAY, SQUEUE_WORDS, expand, parse_sacct, parse_squeue, shown_words
from dlcctr.system import processes as run
from dlcctr.system.terminal.console import ranges
from tests.unit.support.slurm_case import (
    SACCT_HEADER,
    SUBMITTED,
    local,
    sacct_line,
    sacct_text,
    squeue_line,
    squeue_text,
)


def tasks(text: str) -> list[tuple[str, int | None, str]]:
    states = parse_squeue(text)
    assert states is not None
    return [(state.job_id, state.task, state.state) for state in states]


def test_a_line_of_squeue() -> None:
    line = squeue_line(4, "RUNNING", node="node2", time="1-02:03:04", start=local(SUBMITTED), name="my job")
    states = parse_squeue(squeue_text(line))
    assert states
    (state,) = states
    assert (state.key, state.node, state.name, state.reason) == (("123", 4), "node2", "my job", "")
    assert state.elapsed_s == 26 * 3600 + 184
    assert state.time_limit_s == 3600
    assert state.start == SUBMITTED
    assert state.is_running and state.is_live and not state.is_pending


def test_waiting_tasks_of_an_array_are_told_one_by_one() -> None:
    text = squeue_text(squeue_line("4-6,9%2", "PENDING", reason="Resources"), squeue_line(3, "RUNNING"))
    assert tasks(text) == [
        *(("123", n, "PENDING") for n in (4, 5, 6, 9)),
        ("123", 3, "RUNNING"),
    ]


@pytest.mark.parametrize("shortened", ["1-3,7,...", "1-3,7...", "1-3,7,9-..."])
def test_a_shortened_range_says_that_there_are_more(shortened: str) -> None:
    found = tasks(squeue_text(squeue_line(shortened, "PENDING")))
    assert ("123", None, "PENDING") in found
    assert {("123", n, "PENDING") for n in (1, 2, 3)} <= set(found)
    assert len(found) <= 5


@given(st.sets(st.integers(0, 3000), min_size=1), st.integers(0, 20))
def test_ranges_come_back(indices: set[int], throttle: int) -> None:
    text = ranges(indices) + (f"%{throttle}" if throttle else "")
    assert expand(text) == sorted(indices)


def test_a_range_with_steps_and_one_without_end() -> None:
    assert expand("1-9:4") == [1, 5, 9]
    assert len(expand(f"0-{10**15}")) == LARGEST_ARRAY + 1


def test_jobs_that_are_no_arrays_and_the_other_spelling_of_ids() -> None:
    assert tasks(squeue_text(squeue_line("N/A", "PENDING"))) == [("123", None, "PENDING")]
    assert tasks("JOBID|STATE\n77|RUNNING\n123_4|PENDING\n123_[5-6%1]|PENDING\n") == [
        ("77", None, "RUNNING"),
        ("123", 4, "PENDING"),
        ("123", 5, "PENDING"),
        ("123", 6, "PENDING"),
    ]


def test_no_header_is_no_answer_and_a_header_alone_is_one() -> None:
    assert parse_squeue("") is parse_sacct("\n") is parse_squeue("slurm_load_jobs error: …\n") is None
    assert parse_squeue(squeue_text()) == parse_sacct(sacct_text()) == []


def test_a_text_without_header_is_refused_with_the_command_to_type() -> None:
    with pytest.raises(UsageError) as caught:
        parse_squeue(squeue_line(4, "RUNNING"))
    assert caught.value.hint == shown_words(SQUEUE_WORDS)


@pytest.mark.parametrize("line", ["123|4|RUNNING", "12x|4|RUNNING|None|n|0:00|1:00|N/A|j", "|4|RUNNING||||||"])
def test_a_line_that_cannot_be_read_is_never_passed_over(line: str) -> None:
    with pytest.raises(UsageError, match="squeue's output, line 3"):
        parse_squeue(squeue_text(squeue_line(1, "RUNNING"), line))


def test_several_clusters() -> None:
    text = "CLUSTER: a\n" + squeue_text(squeue_line(1, "RUNNING")) + "\nCLUSTER: b\n" + squeue_text(
        squeue_line(2, "PENDING")
    )  # fmt: skip
    assert [task for _, task, _ in tasks(text)] == [1, 2]


@pytest.mark.parametrize("name", ["a|b", "|", "x|RUNNING|y", "$(rm -rf ~)", "\x1b[2J", "名前", " "])
def test_hostile_job_names(name: str) -> None:
    found = parse_squeue(squeue_text(squeue_line(4, "PENDING", reason="Priority", name=name)))
    assert found
    assert (found[0].state, found[0].reason, found[0].name) == ("PENDING", "Priority", name.strip())
    accounted = parse_sacct("JobID|JobName|State\n" + f"123_4|{name}|FAILED\n")
    assert accounted
    assert (accounted[0].state, accounted[0].name) == ("FAILED", name.strip())


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    for parse in (parse_squeue, parse_sacct):
        try:
            states = parse(text)
        except UsageError:
            continue
        assert states is None or states == []


def test_a_line_of_sacct() -> None:
    states = parse_sacct(sacct_text(sacct_line(4, "CANCELLED by 1000", code="3:15", elapsed=90)))
    assert states
    (state,) = states
    assert (state.key, state.state, state.exit_code, state.signal) == (("123", 4), "CANCELLED", 3, 15)
    assert (state.elapsed_s, state.time_limit_s, state.node) == (90, 3600, "node1")
    assert (state.start, state.end) == (SUBMITTED + 60, SUBMITTED + 660)


def test_times_in_seconds_are_read_in_the_hour_that_comes_twice() -> None:
    """25 October 2026, 02:30 in Berlin: summer time, and an hour later winter time."""
    first, second = 1792888200.0, 1792891800.0
    states = parse_sacct(sacct_text(sacct_line(4, "FAILED", start=f"{first:.0f}", end=f"{second:.0f}")))
    assert states
    assert (states[0].start, states[0].end) == (first, second)
    waiting = parse_squeue(squeue_text(squeue_line(4, "PENDING", start=f"{second:.0f}")))
    assert waiting
    assert waiting[0].start == second


def test_the_last_run_of_a_requeued_task_counts() -> None:
    tres = "billing=1,cpu=1,gres/gpu:a100=2,gres/gpu=2,mem=1G"
    text = sacct_text(
        sacct_line(4, "NODE_FAIL", elapsed=10, tres=tres),
        sacct_line(5, "COMPLETED", elapsed=7),
        sacct_line(4, "PREEMPTED", elapsed=20, tres=tres),
        sacct_line(4, "COMPLETED", elapsed=30, tres="gres/gpu:a100=1,gres/gpu:v100=1", node="node2"),
    )
    states = parse_sacct(text)
    assert states is not None
    found = {state.key: state for state in states}
    again, once = found["123", 4], found["123", 5]
    assert (again.state, again.node, again.restarts, again.gpu_s) == ("COMPLETED", "node2", 2, 2 * 60)
    assert (once.state, once.restarts, once.gpu_s) == ("COMPLETED", 0, None)


def test_waiting_tasks_and_steps_of_sacct() -> None:
    text = sacct_text(
        sacct_line("[4-6%2]", "PENDING", node="None assigned", start="Unknown", end="Unknown"),
        sacct_line("5", "RUNNING", end="Unknown"),
        sacct_line("5.batch", "FAILED"),
    )
    states = parse_sacct(text)
    assert states is not None
    assert {state.task: state.state for state in states} == {4: "PENDING", 5: "RUNNING", 6: "PENDING"}
    assert next(state.node for state in states if state.task == 4) == ""


def test_parsable_text_with_a_closing_bar() -> None:
    states = parse_sacct("JobID|State|\n123_1|COMPLETED|\n")
    assert states and states[0].state == "COMPLETED"


class Slurm:
    """Stands for the process boundary: answers by program, and keeps what was run."""

    def __init__(self, **answers: Any) -> None:
        self.answers = answers
        self.argv: list[str] = []
        self.env: Mapping[str, str | None] = {}

    def __call__(
        self, argv: Sequence[str], *, env: Mapping[str, str | None] | None = None, **_: Any
    ) -> subprocess.CompletedProcess[str]:
        self.argv, self.env = list(argv), env or {}
        answer = self.answers[argv[0]]
        if isinstance(answer, Exception):
            raise answer
        code, out, error = answer
        return subprocess.CompletedProcess(argv, code, out, error)


def fake(monkeypatch: pytest.MonkeyPatch, **answers: Any) -> Slurm:
    made = Slurm(**answers)
    monkeypatch.setattr(run, "run", made)
    return made


def test_squeue_is_asked_once_in_its_own_words(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SQUEUE_FORMAT", "SQUEUE_STATES", "SACCT_FORMAT", "SLURM_TIME_FORMAT"):
        monkeypatch.setenv(name, "relative")
    monkeypatch.setenv("SLURM_CONF", "/etc/slurm.conf")
    cluster = fake(monkeypatch, squeue=(0, squeue_text(squeue_line(1, "RUNNING")), ""))
    states = slurm.query_squeue(["124", "123", "123"])
    assert states and states[0].key == ("123", 1)
    assert cluster.argv == [*SQUEUE_WORDS, "--jobs=123,124"]
    assert cluster.env["SQUEUE_FORMAT"] is cluster.env["SQUEUE_STATES"] is cluster.env["SACCT_FORMAT"] is None
    assert cluster.env["SLURM_TIME_FORMAT"] == "%s"
    assert cluster.env["SLURM_BITSTR_LEN"] == "0"
    assert "SLURM_CONF" not in cluster.env


def test_jobs_without_id_are_asked_for_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = fake(monkeypatch, squeue=(0, squeue_text(), ""), sacct=(0, sacct_text(), ""))
    assert slurm.query_squeue(["123"], names=["b", "a"]) == []
    assert cluster.argv[-1] == "--name=a,b"
    assert slurm.query_sacct([], SUBMITTED, names=["a"]) == []
    assert cluster.argv[-1] == "--name=a"
    assert f"--starttime={local(SUBMITTED)}" in cluster.argv


def test_nothing_is_asked_for_no_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    fake(monkeypatch)
    assert slurm.query_squeue([]) == slurm.query_sacct([], SUBMITTED) == []
    slurm.cancel([])


@pytest.mark.parametrize(
    ("answer", "states"),
    [
        ((1, "", "slurm_load_jobs error: Invalid job id specified\n"), []),
        ((1, "", "slurm_load_jobs error: Unable to contact slurm controller (connect failure)\n"), None),
        ((0, "", ""), None),
        (ToolMissingError("squeue was not found"), None),
        (TryAgainError("squeue did not answer"), None),
    ],
)
def test_gone_is_not_the_same_as_no_answer(answer: Any, states: object, monkeypatch: pytest.MonkeyPatch) -> None:
    fake(monkeypatch, squeue=answer)
    assert slurm.query_squeue(["123"]) == states


@pytest.mark.parametrize(
    "answer",
    [
        (1, "", "Slurm accounting storage is disabled\n"),
        (1, SACCT_HEADER + "\n", "sacct: error: Problem talking to the database: Connection refused\n"),
        ToolMissingError("sacct was not found"),
    ],
)
def test_no_accounting(answer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    fake(monkeypatch, sacct=answer)
    assert slurm.query_sacct(["123"], SUBMITTED) is None


@pytest.mark.parametrize("job", ["--user=root", "1 2", "", "12;reboot", "1,2", "١٢"])
def test_an_id_from_a_damaged_file_never_becomes_an_option(job: str, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = fake(monkeypatch)
    for call in (slurm.query_squeue, slurm.cancel):
        with pytest.raises(UsageError, match="not a Slurm job id"):
            call([job])
    assert cluster.argv == []


@pytest.mark.parametrize(
    ("out", "where"), [("123\n", ""), ("123;cluster\n", "cluster"), ("welcome to our cluster\n123\n", "")]
)
def test_submit_reads_the_id(out: str, where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = fake(monkeypatch, sbatch=(0, out, "sbatch: lua: hello\n"))
    assert slurm.submit(["sbatch", "--parsable", "a b.sbatch"]) == SubmittedJob("123", where)
    assert cluster.argv == ["sbatch", "--parsable", "a b.sbatch"]
    assert not cluster.env, "the job would inherit it"


def test_submit_without_an_id(monkeypatch: pytest.MonkeyPatch) -> None:
    fake(monkeypatch, sbatch=(0, "Submitted batch job\n", ""))
    with pytest.raises(CommandFailedError, match="no job id"):
        slurm.submit(["sbatch"])


def test_cancel_passes_over_what_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = fake(
        monkeypatch, scancel=(1, "", "scancel: error: Kill job error on job id 9: Invalid job id specified\n")
    )
    monkeypatch.setenv("SCANCEL_INTERACTIVE", "1")
    slurm.cancel(["9", "10_4", "11_[1-3,7]"])
    assert cluster.argv == ["scancel", "10_4", "11_[1-3,7]", "9"]
    fake(monkeypatch, scancel=(1, "", "scancel: error: Access/permission denied\n"))
    with pytest.raises(CommandFailedError, match="permission denied"):
        slurm.cancel(["9"])


def test_variables_can_be_kept_from_a_command(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, Any] = {}

    def keep(argv: Sequence[str], **options: Any) -> subprocess.CompletedProcess[str]:
        seen.update(options)
        raise subprocess.TimeoutExpired(list(argv), 3.0)

    monkeypatch.setattr(subprocess, "run", keep)
    monkeypatch.setenv("SQUEUE_FORMAT", "%i")
    with pytest.raises(TryAgainError, match="squeue did not answer within 3 s"):
        run.run(["squeue"], env={"SQUEUE_FORMAT": None, "LC_ALL": "C"}, timeout_s=3.0)
    assert "SQUEUE_FORMAT" not in seen["env"]
    assert (seen["env"]["LC_ALL"], seen["timeout"]) == ("C", 3.0)
