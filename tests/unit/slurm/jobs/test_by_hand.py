"""Jobs that a person submitted: printed scripts and copies, known while they wait, run and have ended."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dlcctr.campaign.paths import CampaignPaths
from dlcctr.contract import ExitCode
from dlcctr.errors import ManifestError
from dlcctr.model.inspection import inspect_model
from dlcctr.slurm.jobs.ledger import read_submitted
from dlcctr.slurm.jobs.submissions import ROW_BY_ROW, read_submissions
from tests.unit.support.fake_slurm import FakeSlurm
from tests.unit.support.hand_jobs import PLAIN_HEAD, HandJob, copied, plain_line
from tests.unit.support.projects import pytorch_project
from tests.unit.support.results import Bench, make_bench

ROWS = 4
TRY_AGAIN, UNFINISHED, MANIFEST = ExitCode.TRY_AGAIN, ExitCode.UNFINISHED, ExitCode.MANIFEST


@pytest.fixture
def slurm(tmp_path: Path) -> FakeSlurm:
    return FakeSlurm(tmp_path / "slurm-programs")


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    model = inspect_model(pytorch_project(tmp_path / "model"))
    made = make_bench(
        tmp_path, [f"v{n}.mp4" for n in range(ROWS)], model=model.project, model_hash=model.hash, model_id=model.id
    )
    (tmp_path / "dlc.sif").write_bytes(b"")
    return made


def words(command: str, bench: Bench, *more: str | Path) -> list[str | Path]:
    image = bench.manifest.parent / "dlc.sif"
    return [command, bench.manifest, "--image", image, "--fps", "10", "--tasks", "2", *more]


def printed(slurm: FakeSlurm, bench: Bench, *more: str, job_id: str = "900") -> HandJob:
    """`dlcctr sbatch`, as two tasks of two rows each."""
    file = bench.manifest.parent / "job.sh"
    slurm.run(*words("sbatch", bench, "-o", file, *more))
    return HandJob(file.read_text(), job_id)


def phases(slurm: FakeSlurm, bench: Bench, code: int, *more: str | Path) -> dict[int, tuple[object, object]]:
    """Phase and job of each row."""
    answer = json.loads(slurm.run("status", bench.manifest, "--json", *more, code=code))
    return {row["index"]: (row["phase"], row["job"]) for row in answer["rows"]}


def squeue_file(bench: Bench, *lines: str) -> Path:
    file = bench.manifest.parent / "squeue.txt"
    file.write_text(PLAIN_HEAD + "".join(lines))
    return file


def test_a_printed_script_that_nobody_submitted_changes_nothing(slurm: FakeSlurm, bench: Bench) -> None:
    job, out = printed(slurm, bench), bench.campaign.out
    assert f"--bind {out}:{out}:rw\n" in job.text, "also where the results' folder was not there before"
    assert {phase for phase, _ in phases(slurm, bench, UNFINISHED).values()} == {"unsubmitted"}
    slurm.run(*words("submit", bench))
    assert len(slurm.jobs()) == 1


def test_a_waiting_job_is_known_by_its_name(slurm: FakeSlurm, bench: Bench) -> None:
    job = printed(slurm, bench)
    job.queue(slurm)
    found = phases(slurm, bench, TRY_AGAIN)
    assert {phase for phase, _ in found.values()} == {"pending"}
    assert {name for _, name in found.values()} == {"900_0", "900_1"}


def test_a_script_that_was_submitted_twice_waits_while_one_of_its_jobs_does(slurm: FakeSlurm, bench: Bench) -> None:
    """The first job's note is younger than the script, whose second job still waits."""
    first = printed(slurm, bench)
    (file,) = CampaignPaths.of(bench.manifest).printed.iterdir()
    lines = [line for line in file.read_text().split("\n") if "checksum" not in line]
    made = next(line for line in lines if '"created"' in line)
    file.write_text("\n".join(lines).replace(made, '  "created": "2026-01-01T00:00:00+00:00",'))
    for task in (0, 1):
        first.run(task, bench.manifest.parent, tool="exit 7")
    assert {phase for phase, _ in phases(slurm, bench, UNFINISHED).values()} == {"failed"}
    HandJob(first.text, "901").queue(slurm)
    found = phases(slurm, bench, TRY_AGAIN)
    assert {phase for phase, _ in found.values()} == {"pending"}
    assert {name for _, name in found.values()} == {"901_0", "901_1"}


def test_memory_for_each_cpu_is_memory_of_the_task(slurm: FakeSlurm, bench: Bench) -> None:
    """A script that a person edited to `--mem-per-cpu`."""
    job = printed(slurm, bench)
    job.run(0, bench.manifest.parent, SLURM_MEM_PER_NODE="", SLURM_MEM_PER_CPU="4096", SLURM_CPUS_ON_NODE="4")
    (begun,) = read_submitted(bench.manifest).submissions
    assert begun.options.mem_gb == 16


def test_plain_squeue_tells_campaigns_apart_by_eight_letters(slurm: FakeSlurm, bench: Bench, tmp_path: Path) -> None:
    ours, theirs = printed(slurm, bench), printed(slurm, bench, job_id="901")
    assert [len(each.name.partition("-")[0]) for each in (ours, theirs)] == [8, 8]
    other = make_bench(tmp_path / "other", ["a.mp4"])
    queue = squeue_file(bench, plain_line("900_[0-1]", "PD", ours.name))
    found = phases(slurm, bench, TRY_AGAIN, "--squeue", queue)
    assert set(found.values()) == {("pending", "900_0"), ("pending", "900_1")}
    assert phases(slurm, other, UNFINISHED, "--squeue", queue) == {0: ("unsubmitted", "")}
    ended = squeue_file(bench, plain_line("31337_[0-1]", "PD", "deadbeef-dlcctr-m"))
    assert {phase for phase, _ in phases(slurm, bench, UNFINISHED, "--squeue", ended).values()} == {"unsubmitted"}


def test_where_squeue_does_not_answer_a_printed_script_may_be_in_the_queue(slurm: FakeSlurm, bench: Bench) -> None:
    printed(slurm, bench)
    (slurm.folder / "silent-home").touch()
    rows = json.loads(slurm.run("status", bench.manifest, "--json", code=TRY_AGAIN))["rows"]
    assert {row["phase"] for row in rows} == {"pending"}
    assert all(row["reason"].startswith("printed; perhaps it was submitted") for row in rows)
    assert "printed to be submitted by hand" in slurm.run(*words("submit", bench), code=TRY_AGAIN)


def test_submit_sends_no_row_again_that_a_hand_submitted_job_has(slurm: FakeSlurm, bench: Bench) -> None:
    job = printed(slurm, bench)
    job.queue(slurm)
    assert "4 rows left out: submitted before" in slurm.run(*words("submit", bench))
    job.run(0, bench.manifest.parent)
    job.leave_queue(slurm)
    assert "nothing to submit" in slurm.run(*words("submit", bench)), "its note stays when Slurm forgets the job"
    assert slurm.calls("sbatch") == []


def test_a_job_that_has_begun_is_known_without_squeue(slurm: FakeSlurm, bench: Bench, tmp_path: Path) -> None:
    job = printed(slurm, bench)
    code, log = job.run(1, tmp_path, 'echo "== row 3 (v3.mp4)"; echo working; exit 7')
    assert (code, log) == (7, CampaignPaths.of(bench.manifest).log("900", 1))
    (submission,) = read_submitted(bench.manifest).submissions
    (array,) = submission.arrays
    assert (array.name, array.job_id, array.count, submission.home) == (job.name, "900", 2, "home")
    assert (submission.options.time_min, submission.options.mem_gb) == (120, 6), "as Slurm said, whatever was printed"
    assert read_submissions(CampaignPaths.of(bench.manifest)) == []
    rows = phases(slurm, bench, UNFINISHED)
    assert sorted({name for _, name in rows.values()}) == ["900_0", "900_1"]
    assert [phase for phase, name in rows.values() if name == "900_1"] == ["failed", "failed"]
    index = next(index for index, (_, name) in rows.items() if name == "900_1")
    said = slurm.run("logs", bench.manifest, index, "--all")
    assert "working" in said and "dlcctr-task-end code=7" in said


def test_logs_says_that_a_printed_script_has_not_begun(slurm: FakeSlurm, bench: Bench) -> None:
    printed(slurm, bench)
    said = slurm.run("logs", bench.manifest, "0", code=MANIFEST)
    assert "its script was printed" in said and "dlcctr status" in said


def test_another_output_than_the_printed_one_is_linked_to_where_logs_are_looked_for(
    slurm: FakeSlurm, bench: Bench, tmp_path: Path
) -> None:
    job = printed(slurm, bench)
    edited = HandJob(job.text.replace(str(CampaignPaths.of(bench.manifest).logs), str(tmp_path)))
    edited.run(0, tmp_path)
    assert (tmp_path / "900_0.log").samefile(CampaignPaths.of(bench.manifest).log("900", 0))


def test_a_list_of_array_indices_has_those_that_began_or_wait(slurm: FakeSlurm, bench: Bench, tmp_path: Path) -> None:
    job = printed(slurm, bench, "--tasks", "4")
    part = HandJob(job.text.replace("--array=0-3", "--array=0,2-3"))
    part.run(0, tmp_path)
    waits = squeue_file(bench, plain_line("900_[2-3]", "PD", job.name))
    jobs = sorted(name for _, name in phases(slurm, bench, UNFINISHED, "--squeue", waits).values())  # type: ignore[type-var]
    assert jobs == ["", "900_0", "900_2", "900_3"]


def test_a_copied_script_makes_its_folders_and_is_known(slurm: FakeSlurm, bench: Bench, tmp_path: Path) -> None:
    """`slurm/array.sbatch` with its paths edited, before any folder of results or logs is there."""
    job = HandJob(copied(tmp_path, **{"--array=0-9%4": "--array=0-3%4", "offset=0": "offset=1"}))
    assert job.name == "dlcctr-m"
    code, log = job.run(
        2, tmp_path, 'for word in "$@"; do [ "$word" = analyze ] && echo "== row 3 (v3.mp4)"; done; exit 4'
    )
    assert (code, log) == (4, tmp_path / "900_2.log")
    assert (tmp_path / "results").is_dir()
    (submission,) = read_submitted(bench.manifest).submissions
    assert (submission.plan, submission.arrays[0].offset) == (ROW_BY_ROW, 1)
    rows = phases(slurm, bench, UNFINISHED)
    assert {index: name for index, (_, name) in rows.items()} == {0: "", 1: "900_0", 2: "900_1", 3: "900_2"}
    assert "== row 3" in slurm.run("logs", bench.manifest, "3")
    slurm.run(*words("submit", bench))
    (name,) = slurm.jobs().values()
    (own,) = read_submissions(CampaignPaths.of(bench.manifest))
    assert own.arrays[0].name == name
    assert "submitted before" in slurm.run(*words("submit", bench)), "row 0 now, the others by hand"


def test_a_waiting_copy_is_taken_for_this_campaigns_until_it_is_known(
    slurm: FakeSlurm, bench: Bench, tmp_path: Path
) -> None:
    job = HandJob(copied(tmp_path, **{"--array=0-9%4": "--array=0-3%4"}))
    job.queue(slurm)
    assert set(phases(slurm, bench, TRY_AGAIN).values()) == {("pending", f"900_{n}") for n in range(4)}
    assert "job 900 is called dlcctr-m" in slurm.run("status", bench.manifest, code=TRY_AGAIN)
    said = slurm.run(*words("submit", bench), code=TRY_AGAIN)
    assert "job 900 is called dlcctr-m" in said and "scontrol update JobId=900" in said
    running = squeue_file(bench, plain_line("900_0", "R", "dlcctr-m", "node1").replace("  0:00", " 59:00"))
    assert {phase for phase, _ in phases(slurm, bench, UNFINISHED, "--squeue", running).values()} == {"unsubmitted"}


def test_resubmit_prints_the_script_for_what_is_not_whole(slurm: FakeSlurm, bench: Bench, tmp_path: Path) -> None:
    job = printed(slurm, bench)
    for task, tool in enumerate(("kill -KILL $PPID; sleep 1", "exit 75")):
        job.run(task, tmp_path, tool)
    queue = squeue_file(bench)
    file = tmp_path / "again.sh"
    said = slurm.run("resubmit", bench.manifest, "--print", "--squeue", queue, "-o", file, "--fps", "10")
    assert "again, as before: stopped" in said or "lost" in said
    again = HandJob(file.read_text(), "901")
    assert again.option("gres") == job.option("gres") and again.name != job.name
    assert slurm.calls("sbatch") == []
    found = phases(slurm, bench, UNFINISHED, "--squeue", queue)
    assert {phase for phase, _ in found.values()} <= {"failed", "lost"}, "a script that was printed is not submitted"
    waits = squeue_file(bench, plain_line("901_[0-3]", "PD", again.name))
    found = phases(slurm, bench, TRY_AGAIN, "--squeue", waits)
    assert {(phase, str(name)[:4]) for phase, name in found.values()} == {("pending", "901_")}


def test_resubmit_without_print_takes_no_text(slurm: FakeSlurm, bench: Bench) -> None:
    said = slurm.run("resubmit", bench.manifest, "--squeue", squeue_file(bench), code=ExitCode.USAGE)
    assert "only work with --print" in said


def test_sbatch_warns_of_rows_that_a_job_has(slurm: FakeSlurm, bench: Bench, tmp_path: Path) -> None:
    job = printed(slurm, bench)
    job.run(0, tmp_path)
    assert "rows 0-3 were handed to Slurm before" in slurm.run(*words("sbatch", bench))


def test_cancel_takes_a_hand_submitted_job_out(slurm: FakeSlurm, bench: Bench) -> None:
    job = printed(slurm, bench)
    job.queue(slurm)
    assert "cancelled 2 tasks" in slurm.run("cancel", bench.manifest, "--yes")
    assert slurm.jobs() == {}


def test_an_answer_of_sbatch_that_got_lost_is_in_the_jobs_own_note(slurm: FakeSlurm, bench: Bench) -> None:
    slurm.run(*words("submit", bench))
    paths = CampaignPaths.of(bench.manifest)
    (submission,) = read_submissions(paths)
    (script,) = paths.scripts.glob("*.sbatch")
    HandJob(script.read_text(), "501").run(0, bench.manifest.parent)
    (known,) = read_submitted(bench.manifest).submissions
    assert known == submission, "a job of submit's is no second one"
    lost = json.loads(paths.submission(submission.plan).read_text())
    lost["arrays"][0]["job_id"] = ""
    del lost["checksum"]
    paths.submission(submission.plan).write_text(json.dumps(lost))
    (known,) = read_submitted(bench.manifest).submissions
    assert known.arrays == submission.arrays


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("job=900", "job=nine", "job 'nine' is not a whole number"),
        ("offset=0", "offset=", "offset '' is not a whole number"),
        ("cluster=home", "cluster=a b", "cluster 'a b' is not a name"),
        ("first=0\n", "", "first: missing"),
        ("started=2", "started=x", "is not a time"),
    ],
)
def test_a_note_that_is_damaged_is_refused(
    slurm: FakeSlurm, bench: Bench, tmp_path: Path, old: str, new: str, said: str
) -> None:
    printed(slurm, bench).run(0, tmp_path)
    (note,) = CampaignPaths.of(bench.manifest).jobs.iterdir()
    text = note.read_text()
    assert old in text
    note.write_text(text.replace(old, new))
    with pytest.raises(ManifestError, match=said):
        read_submitted(bench.manifest)
    assert str(note) in slurm.run("status", bench.manifest, code=MANIFEST)


def test_a_place_that_takes_no_note_stops_no_task(slurm: FakeSlurm, bench: Bench, tmp_path: Path) -> None:
    job = printed(slurm, bench)
    (CampaignPaths.of(bench.manifest).root / "jobs").write_text("a file is in the way")
    code, log = job.run(0, tmp_path)
    assert code == 0
    assert "warning: no note could be left in" in log.read_text()


def test_results_that_cannot_be_made_are_the_tasks_cause(slurm: FakeSlurm, bench: Bench, tmp_path: Path) -> None:
    job = printed(slurm, bench)
    bench.campaign.out.rmdir()
    bench.campaign.out.write_text("a file is in the way")
    code, log = job.run(0, tmp_path)
    assert code == ExitCode.OUTPUT
    assert "cannot be created on node1" in log.read_text()
    bench.campaign.out.unlink()
    answer = json.loads(slurm.run("status", bench.manifest, "--json", code=UNFINISHED))
    assert {row["cause_kind"] for row in answer["rows"] if row["job"] == "900_0"} == {"output"}


def test_the_time_left_of_a_copy_is_unknown_and_not_nothing(slurm: FakeSlurm, bench: Bench, tmp_path: Path) -> None:
    job = HandJob(copied(tmp_path, **{"--array=0-9%4": "--array=0-3%4"}))
    job.run(0, tmp_path)
    queue = squeue_file(bench, plain_line("900_1", "R", job.name, "node1"), plain_line("900_[2-3]", "PD", job.name))
    pace = json.loads(slurm.run("status", bench.manifest, "--json", "--squeue", queue, code=UNFINISHED))["pace"]
    assert (pace["running_tasks"], pace["pending_tasks"], pace["left_s"]) == (1, 2, None)


def test_check_never_advises_to_compute_where_jobs_are_submitted(
    slurm: FakeSlurm, bench: Bench, tmp_path: Path
) -> None:
    """Also in the SIF, where Slurm's commands are not: what was printed or has begun says that there is a cluster."""
    job = printed(slurm, bench)
    without_slurm = {"PATH": "/usr/bin:/bin"}
    said = slurm.run("check", bench.manifest, code=UNFINISHED, **without_slurm)
    assert "dlcctr submit" in said and "dlcctr run" not in said
    job.run(0, tmp_path)
    said = slurm.run("check", bench.manifest, code=UNFINISHED, **without_slurm)
    assert "dlcctr resubmit" in said and "dlcctr run" not in said
