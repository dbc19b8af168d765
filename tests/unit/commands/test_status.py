from __future__ import annotations

import io
import json
import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dlcctr import cli
from dlcctr.contract import CONTRACT_VERSION, ExitCode
from dlcctr.results.additions import add_files
from dlcctr.slurm.jobs.submissions import Array
from dlcctr.slurm.queue import client
from dlcctr.slurm.queue.output import TaskState
from dlcctr.slurm.status.row_status import Phase
from dlcctr.system import pause
from tests.unit.support.slurm_case import (
    JOB,
    NOW,
    SlurmCase,
    make_case,
    sacct_line,
    sacct_text,
    squeue_line,
    squeue_text,
)


def run(*argv: object) -> int:
    sys.argv = ["dlcctr", *map(str, argv)]
    return int(cli.catch(lambda: cli.make_app()(prog_name="dlcctr")))


@pytest.fixture(autouse=True)
def no_slurm(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(sys, "argv", sys.argv)
    monkeypatch.setattr(client, "query_squeue", lambda *_: None)
    monkeypatch.setattr(client, "query_sacct", lambda *_: None)
    yield


@pytest.fixture
def case(tmp_path: Path) -> SlurmCase:
    made = make_case(tmp_path, 8)
    made.submit([[n] for n in range(8)])
    return made


def give(case: SlurmCase, squeue: str, sacct: str = "") -> list[str]:
    """Write the scheduler's text into files; returns the options that name them."""
    folder = case.bench.manifest.parent
    (folder / "q.txt").write_text(squeue, encoding="utf-8")
    (folder / "a.txt").write_text(sacct, encoding="utf-8")
    return ["--squeue", str(folder / "q.txt"), *(["--sacct", str(folder / "a.txt")] if sacct else [])]


def mixed(case: SlurmCase) -> list[str]:
    case.commit(0)
    case.fail(7, code=int(ExitCode.VIDEO), cause="half a video", task=7)
    return give(
        case,
        squeue_text(squeue_line(1, "RUNNING", node="node2"), squeue_line("2-3", "PENDING", reason="Resources")),
        sacct_text(
            sacct_line(4, "TIMEOUT"), sacct_line(5, "TIMEOUT", node="node4"), sacct_line(6, "NODE_FAIL", node="node3")
        ),
    )


@pytest.mark.parametrize("folder", ["submissions", "results"])
def test_folders_that_may_not_be_read_are_an_error_and_not_empty(
    folder: str, case: SlurmCase, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Those of a colleague with `umask 077`: rows were unsubmitted, or lost."""
    closed = case.paths.submissions if folder == "submissions" else case.bench.campaign.out
    case.commit(0)

    def refuse(real: Any) -> Any:
        def call(path: Any, *more: Any, **options: Any) -> Any:
            if str(path) == str(closed) or str(path).startswith(f"{closed}/"):
                raise PermissionError(13, "Permission denied", str(path))
            return real(path, *more, **options)

        return call

    options = give(case, squeue_text())
    monkeypatch.setattr(os, "scandir", refuse(os.scandir))
    monkeypatch.setattr(os, "lstat", refuse(os.lstat))
    assert run("status", case.bench.manifest, *options) == ExitCode.OUTPUT
    assert f"{closed}" in (said := capsys.readouterr().err) and "Permission denied" in said


def test_failures_at_different_times_are_one_cause(case: SlurmCase, capsys: pytest.CaptureFixture[str]) -> None:
    for index in range(4):
        case.fail(index, cause="the same" if index < 3 else "another", task=index, at=NOW - 60 * index)
    run("status", case.bench.manifest, *give(case, squeue_text()))
    said = " ".join(capsys.readouterr().out.split())
    assert "the same (exit code 7, " in said and "(and 1 other cause; --all shows them)" in said


def test_what_is_stuck_is_released_or_cancelled_alone(case: SlurmCase, capsys: pytest.CaptureFixture[str]) -> None:
    """The other tasks go on."""
    lines = [
        squeue_line("1-2", "PENDING", reason="JobHeldUser"),
        squeue_line("4,6", "PENDING", reason="BadConstraints"),
    ]
    run("status", case.bench.manifest, *give(case, squeue_text(squeue_line("0,3,5,7", "RUNNING"), *lines)))
    said = " ".join(capsys.readouterr().out.split())
    assert f"next, pending (1-2): scontrol release '{JOB}_[1-2]'" in said
    name = case.bench.manifest
    assert (
        f"next, pending (4,6): `dlcctr cancel {name} --rows 4,6`, then with what has to be changed: dlcctr resubmit"
        in said
    )


def test_the_table_groups_by_phase_cause_and_node(case: SlurmCase, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("status", case.bench.manifest, *mixed(case)) == ExitCode.UNFINISHED
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == "phase rows which node why"
    assert "pending 2 2-3 Resources" in lines
    assert "failed 2 4-5 timeout: the time limit was reached (Slurm: TIMEOUT)" in lines
    assert "failed 1 6 node3 node-fail: the node failed (Slurm: NODE_FAIL)" in lines
    assert "8 rows: 1 done, 1 running, 2 pending, 3 failed, 1 quarantined" in lines
    name = case.bench.manifest
    again = f"dlcctr resubmit {name} (it first shows what it would do); the log of row 4: dlcctr logs {name} 4"
    assert f"next, failed (4-6): {again}" in lines
    assert (
        "next, quarantined (7): look at these videos; analysing them again will not help until they are repaired"
        in lines
    )
    pace = next(line for line in lines if line.startswith("array tasks"))
    assert pace.startswith(
        "array tasks: 1 running, 2 waiting; frames/s: unknown; time left: about 5 min (as planned); GPU-hours"
    )


def test_all_lists_every_row(case: SlurmCase, capsys: pytest.CaptureFixture[str]) -> None:
    run("status", case.bench.manifest, "--all", *mixed(case))
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == "row phase task node video why"
    assert lines[1:4] == [
        "0 done 123_0 node7 v0.mp4",
        "1 running 123_1 node2 v1.mp4",
        "2 pending 123_2 v2.mp4 Resources",
    ]


def test_flags_of_finished_rows(case: SlurmCase, capsys: pytest.CaptureFixture[str]) -> None:
    for index in range(8):
        case.commit(index, task=index)
    words = ["status", case.bench.manifest, *give(case, squeue_text())]
    assert run(*words, "--flagged") == ExitCode.OK
    assert " flagged: " not in capsys.readouterr().out
    for index, flags in ((1, ("dark",)), (4, ("dark", "jumps"))):
        add_files(case.bench.folder(index), {}, change=lambda held, flags=flags: replace(held, flags=flags))
    assert run(*words) == ExitCode.OK
    assert "2 rows flagged: dark 2, jumps 1" in capsys.readouterr().out
    assert run(*words, "--flagged") == ExitCode.UNFINISHED
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert lines[lines.index("row flags video") + 1 :][:2] == ["1 dark v1.mp4", "4 dark, jumps v4.mp4"]
    assert run(*words, "--all") == ExitCode.OK
    assert "4 done 123_4 node7 v4.mp4 dark, jumps" in [
        " ".join(line.split()) for line in capsys.readouterr().out.splitlines()
    ]


def test_json(case: SlurmCase, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("status", case.bench.manifest, "--json", *mixed(case)) == ExitCode.UNFINISHED
    told = json.loads(capsys.readouterr().out)
    assert (told["kind"], told["exit_code"], told["contract"]) == ("status", 20, CONTRACT_VERSION)
    assert set(told) == {
        "dlcctr", "contract", "kind", "manifest", "exit_code", "totals", "asked", "pace", "cost", "rows", "notes",
    }  # fmt: skip
    assert told["totals"] == {**{phase.value: 0 for phase in Phase},
                              "done": 1, "running": 1, "pending": 2, "failed": 3, "quarantined": 1}  # fmt: skip
    assert told["asked"] == {"squeue": True, "sacct": True}
    assert told["rows"][6] == {
        "index": 6, "video": "v6.mp4", "phase": "failed", "cause": "the node failed (Slurm: NODE_FAIL)",
        "cause_kind": "node-fail", "node": "node3", "job": "123_6", "task": 6, "plan": "plan-0", "attempts": 1,
        "reason": "", "code": 0, "cluster": "", "canary": None, "flags": [], "analysed": False,
    }  # fmt: skip
    assert told["pace"]["frames_per_s"] is None


def test_exit_codes_for_cron(case: SlurmCase) -> None:
    for index in range(7):
        case.commit(index, task=index)
    waiting = give(case, squeue_text(squeue_line(7, "PENDING", reason="Priority")))
    assert run("status", case.bench.manifest, *waiting) == ExitCode.TRY_AGAIN
    case.commit(7, task=7)
    assert run("status", case.bench.manifest, *waiting) == ExitCode.OK


def test_text_on_a_pipe_as_in_the_image(
    case: SlurmCase, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = squeue_text(squeue_line("0-7", "PENDING", reason="Priority", name="名|x")).encode()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text)))
    assert run("status", case.bench.manifest, "--squeue", "-") == ExitCode.TRY_AGAIN
    assert "8 rows: 8 pending" in capsys.readouterr().out


def test_nothing_on_the_pipe_loses_no_row(
    case: SlurmCase, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """squeue failed; its message went elsewhere."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"")))
    assert run("status", case.bench.manifest, "--squeue", "-") == ExitCode.TRY_AGAIN
    assert "note: squeue did not answer" in capsys.readouterr().out


def test_without_squeue_it_says_how_to_pipe(
    case: SlurmCase, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(shutil, "which", lambda *_: None)
    assert run("status", case.bench.manifest) == ExitCode.TRY_AGAIN
    assert "squeue --me --array --states=all '--format=" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--squeue", "-", "--sacct", "-"], "both"),
        (["--wait", "--squeue", "-"], "cannot be combined"),
        (["--watch", "--sacct", "x"], "cannot be combined"),
        (["--squeue", "/nowhere/q.txt"], "/nowhere/q.txt"),
    ],
)
def test_contradictions(case: SlurmCase, words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("status", case.bench.manifest, *words) == ExitCode.USAGE
    assert message in capsys.readouterr().err


def test_waiting_needs_somebody_to_ask(case: SlurmCase, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda *_: None)
    assert run("status", case.bench.manifest, "--wait") == ExitCode.TOOL_MISSING


class Cluster:
    """Finishes a row each time it is asked; sleeping takes no time."""

    def __init__(self, case: SlurmCase, monkeypatch: pytest.MonkeyPatch, last: int) -> None:
        self.case, self.last, self.done, self.slept = case, last, 0, [0.0]
        monkeypatch.setattr(client, "query_squeue", self.squeue)
        monkeypatch.setattr(shutil, "which", lambda *_: "/usr/bin/squeue")
        monkeypatch.setattr(pause, "pause", self.slept.append)

    def squeue(self, *_: Any) -> list[TaskState]:
        if self.done < self.last:
            self.case.commit(self.done, task=self.done)
            self.done += 1
        return [TaskState(JOB, n, "RUNNING", node="node1") for n in range(self.done, self.last)]


def test_wait_ends_when_nothing_is_queued_or_running(
    case: SlurmCase, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cluster = Cluster(case, monkeypatch, last=8)
    assert run("status", case.bench.manifest, "--wait", "--interval", "7") == ExitCode.OK
    assert cluster.slept == [0.0, *[7.0] * 7]
    told = capsys.readouterr()
    assert told.out.count("phase") == 1
    assert "7 done, 1 running" in told.err


def test_wait_ends_with_20_where_rows_were_lost(case: SlurmCase, monkeypatch: pytest.MonkeyPatch) -> None:
    Cluster(case, monkeypatch, last=3)
    assert run("status", case.bench.manifest, "--wait") == ExitCode.UNFINISHED


def test_watch_redraws_until_it_is_interrupted(
    case: SlurmCase, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Cluster(case, monkeypatch, last=8)

    def interrupt_later(seconds: float, rounds: list[float] = []) -> None:  # noqa: B006 - kept between calls
        rounds.append(seconds)
        if len(rounds) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(pause, "pause", interrupt_later)
    assert run("status", case.bench.manifest, "--watch") == ExitCode.TRY_AGAIN
    assert capsys.readouterr().out.count("refreshed every 30 s") == 3


def test_hostile_names_cannot_move_the_cursor(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    case = make_case(tmp_path, 1)
    case.submit([[0]])
    case.fail(0, cause="\x1b[2Jgone; $(reboot)\nrow 9 is fine", host="node\x1b[1m")
    run("status", case.bench.manifest, "--all", *give(case, squeue_text()))
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "\\x1b[2Jgone; $(reboot)\\nrow 9 is fine" in out


def test_a_held_row_says_that_it_will_not_go_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    case = make_case(tmp_path, 2)
    case.submit([[0], [1]])
    given = give(case, squeue_text(squeue_line("0-1", "PENDING", reason="DependencyNeverSatisfied")))
    assert run("status", case.bench.manifest, *given) == ExitCode.UNFINISHED
    out = capsys.readouterr().out
    assert "DependencyNeverSatisfied: waiting does not help" in out
    assert "next, pending (0-1): `dlcctr cancel" in out


def test_rows_that_wait_for_the_canary_say_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    case = make_case(tmp_path, 3)
    case.submit([[0, 1], [2]], arrays=[Array("c", 1, 1, "200"), Array("a", 0, 1, "201")], canary=2)
    waiting = squeue_line(0, "PENDING", job="201", reason="Dependency")
    given = give(case, squeue_text(squeue_line(0, "RUNNING", job="200", node="n1"), waiting))
    assert run("status", case.bench.manifest, *given) == ExitCode.TRY_AGAIN
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "pending 2 0-1 waits for the canary, row 2" in lines
    assert "note: 2 rows (0-1) wait for the canary, row 2, which is running" in lines


def test_many_rows_fit_on_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    case = make_case(tmp_path, 100)
    case.submit([[n] for n in range(100)])
    for index in range(0, 100, 2):
        case.commit(index, task=index)
    run("status", case.bench.manifest, *give(case, squeue_text()))
    out = capsys.readouterr().out
    assert "  0,2,4,6," in out and ",…" in out
    assert ",60" not in out


def logs(case: SlurmCase, capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    code = run("logs", case.bench.manifest, *words)
    told = capsys.readouterr()
    return code, told.out, told.err


def test_logs_of_a_row_of_a_task(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    case = make_case(tmp_path, 3)
    case.submit([[2], [0, 1]])
    file = case.log("head", "== row 0 (v0.mp4)", "zero", "== row 1 (v1.mp4)", "one \x1b[2J", "end", task=1)
    code, out, err = logs(case, capsys, 1)
    assert (code, out) == (ExitCode.OK, "== row 1 (v1.mp4)\none \\x1b[2J\nend\n")
    assert err == f"{file}\n"
    assert logs(case, capsys, 0)[1] == "== row 0 (v0.mp4)\nzero\n"
    assert logs(case, capsys, 0, "--all")[1].count("\n") == 6
    code, out, err = logs(case, capsys, 1, "--lines", 2)
    assert out == "one \\x1b[2J\nend\n"
    assert err == f"{file}, the last 2 of 3 lines\n"


def test_logs_of_a_task_that_never_came_to_the_row(case: SlurmCase, capsys: pytest.CaptureFixture[str]) -> None:
    case.log("error: neither apptainer nor singularity is on this node")
    code, out, err = logs(case, capsys, 0)
    assert (code, out) == (ExitCode.OK, "error: neither apptainer nor singularity is on this node\n")
    assert "contains nothing about row 0" in err


def test_logs_of_the_newest_task(case: SlurmCase, capsys: pytest.CaptureFixture[str]) -> None:
    case.log("== row 0 (v0.mp4)", "first")
    case.submit([[3], [0]], job="200")
    code, _, err = logs(case, capsys, 0)
    assert (code, "200_1" in err) == (ExitCode.MANIFEST, True)
    case.log("== row 0 (v0.mp4)", "second", job="200", task=1)
    assert "second" in logs(case, capsys, 0)[1]


def test_logs_of_a_run_on_this_machine(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    case = make_case(tmp_path, 2)
    file = tmp_path / "logs" / "m-row00001.log"
    file.parent.mkdir()
    file.write_text("### 2026-01-01 00:00:00 analyze\nold\n### 2026-01-02 00:00:00 analyze\nnew\n")
    code, out, err = logs(case, capsys, 1)
    assert (code, out, err) == (ExitCode.OK, "### 2026-01-02 00:00:00 analyze\nnew\n", f"{file}\n")
    assert "old" in logs(case, capsys, 1, "--all")[1]
    case.submit([[0, 1]])
    there = case.log("== row 1 (v1.mp4)", "far away", written=1.0)
    code, out, err = logs(case, capsys, 1)
    assert "new" in out
    assert f"older log: {there}" in err


def test_a_task_of_several_gpus_is_told_apart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    case = make_case(tmp_path, 2)
    case.submit([[0, 1]])
    case.log("task 0: 2 rows on 2 GPUs (0, 1)", "== row 0 (v0.mp4)", "zero")
    assert "several GPUs" in logs(case, capsys, 0)[2]


@pytest.mark.parametrize(
    ("index", "message"), [(0, "neither submitted nor run"), (1, "has written no log yet"), (9, "no row 9")]
)
def test_no_log(tmp_path: Path, capsys: pytest.CaptureFixture[str], index: int, message: str) -> None:
    case = make_case(tmp_path, 2)
    case.submit([[1]])
    code, out, err = logs(case, capsys, index)
    assert (code, out) == (ExitCode.MANIFEST, "")
    assert message in err and "what to do: " in err


def test_no_log_before_sbatch_answered(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    case = make_case(tmp_path, 1)
    case.submit([[0]], arrays=[Array("x", 0, 1, "")])
    assert "sbatch has not answered yet" in logs(case, capsys, 0)[2]
