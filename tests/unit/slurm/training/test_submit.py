"""`train submit`, `train script` and `train status`, typed where Slurm's commands are small programs."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from dlcctr.contract import ExitCode
from dlcctr.model.curve.losses import LOSSES_FILENAME, LossRow, losses_text
from dlcctr.slurm.training.ledger import LEDGER
from dlcctr.system.locks import transfer_lock
from dlcctr.training.paths import TrainingPaths
from dlcctr.training.record import (
    TRAINING_FILENAME,
    TRAININGS,
    TRIAL_FILENAME,
    TRIALS,
    Status,
    Training,
    lock_file,
)
from tests.unit.support.fake_slurm import FakeSlurm
from tests.unit.support.projects import NAME, edit_json, pytorch_project
from tests.unit.training.test_needs import TRAINING, TRIAL
from tests.unit.training.test_project import state

BUSY, ATTENTION = int(ExitCode.TRY_AGAIN), int(ExitCode.UNFINISHED)


class Lab:
    """A project on a cluster."""

    def __init__(self, folder: Path) -> None:
        self.slurm = FakeSlurm(folder / "slurm")
        self.project = pytorch_project(folder / "mouse lab")
        (folder / "dlc.sif").touch()
        self.paths = TrainingPaths(self.project)

    def train(self, command: str, *words: str, code: int = 0) -> str:
        return self.slurm.run("train", command, self.project, *words, code=code, DLCCTR_SITES="/nowhere")

    def json(self, command: str, *words: str, code: int = 0) -> dict[str, object]:
        said = self.train(command, *words, "--json", code=code)
        found: dict[str, object] = json.loads(said[said.index("{") :])
        return found

    def folder(self, shuffle: int = 1) -> Path:
        found = (
            self.project / "dlc-models-pytorch/iteration-0" / NAME.replace("shuffle1", f"shuffle{shuffle}") / "train"
        )
        found.mkdir(parents=True, exist_ok=True)
        return found

    def put(self, training: Training) -> None:
        (self.folder(training.shuffle) / TRAINING_FILENAME).write_text(TRAININGS.text(training))

    def end_jobs(self) -> None:
        for file in (self.slurm.folder / "jobs").rglob("*.job"):
            file.unlink()


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path)


def test_several_shuffles_are_one_array(lab: Lab) -> None:
    said = lab.train("submit", "--shuffle", "2", "--shuffle", "4", "--seed", "5", "--epochs", "9")
    assert "job 501: 2 tasks, training of shuffle 2 (seed 5), 4 (seed 5)" in said
    assert "12 h 00 min, since nothing was measured" in said and "--trial" in said
    (call,) = lab.slurm.calls("sbatch")
    assert (
        "--array=0-1 " in call and "--requeue" in call and "--signal=B:USR1@120" in call and "--time=0-12:00:00" in call
    )
    (script,) = lab.paths.scripts.iterdir()
    assert "shuffles=(2 4)\n" in script.read_text().replace("   # array task 0 trains the first one", "")
    assert "options=(--epochs 9)" in script.read_text()
    (job,) = LEDGER.read(lab.paths.jobs).jobs
    assert (job.array.job_id, job.array.name, job.iteration) == ("501", script.stem, 0)
    assert lab.paths.logs.is_dir()


def test_a_shuffle_that_waits_is_not_submitted_again(lab: Lab) -> None:
    lab.train("submit", "--shuffle", "1", "--shuffle", "2")
    said = lab.train("submit", "--shuffle", "2", code=BUSY)
    assert "shuffle 2 waits already as job 501_1" in said and "dlcctr train status" in said
    lab.train("submit", "--shuffle", "3")
    assert len(lab.slurm.jobs()) == 2
    lab.end_jobs()
    assert "job 503: 1 task" in lab.train("submit", "--shuffle", "2")


def test_without_an_answer_of_squeue_nothing_is_submitted(lab: Lab) -> None:
    lab.train("submit")
    (lab.slurm.folder / "silent-home").touch()
    said = lab.train("submit", "--shuffle", "2", code=BUSY)
    assert "squeue does not answer" in said
    assert len(lab.slurm.calls("sbatch")) == 1


def test_a_lost_reply_is_looked_up_by_the_jobs_name(lab: Lab) -> None:
    lab.train("submit")
    (job,) = (whole := LEDGER.read(lab.paths.jobs)).jobs
    text = LEDGER.text(whole).replace('"501"', '""')
    lab.paths.jobs.write_text("\n".join(line for line in text.split("\n") if "checksum" not in line))
    assert "waits already as job 501_0" in lab.train("submit", code=BUSY)
    assert LEDGER.read(lab.paths.jobs).jobs[0].array.job_id == "501"
    assert job.array.name in lab.slurm.jobs().values()


def test_what_is_trained_is_left_out(lab: Lab) -> None:
    lab.put(state())
    said = lab.train("submit")
    assert "shuffle 1 left out: it is trained" in said and "nothing to submit" in said
    assert not lab.slurm.calls("sbatch") and not lab.paths.jobs.exists()
    assert lab.json("submit", "--shuffle", "1", "--shuffle", "2")["shuffles"] == [{"shuffle": 2, "seed": None}]
    assert "is trained for 9 epochs" in lab.train("submit", "--epochs", "10", code=int(ExitCode.USAGE))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--seed", "2"], "was begun with --seed 1, not 2"),
        (["--batch-size", "3"], "was begun with --batch-size 1, not 3"),
        (["--epochs", "100"], "has 150 epochs already"),
    ],
)
def test_what_was_begun_otherwise_is_refused_before_a_job_waits_for_it(lab: Lab, words: list[str], said: str) -> None:
    lab.put(TRAINING)
    assert said in lab.train("submit", *words, code=int(ExitCode.USAGE))
    assert "job 501" in lab.train("submit", "--seed", "1", "--epochs", "200")


def test_published_weights_are_seen_in_the_container(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "published").mkdir()
    monkeypatch.setenv("DLCCTR_WEIGHTS", str(tmp_path / "published"))
    text = lab.train("script")
    assert f"--bind {tmp_path}/published:{tmp_path}/published:ro" in text
    assert f"options=(--weights {tmp_path}/published)" in text


def test_time_and_memory_are_those_of_the_trial(lab: Lab) -> None:
    (lab.folder() / TRIAL_FILENAME).write_text(TRIALS.text(TRIAL))
    answer = lab.json("submit")
    assert (answer["time_min"], answer["mem_gb"]) == (152, 12)
    (call,) = lab.slurm.calls("sbatch")
    assert "--time=0-02:32:00" in call and "--mem=12G" in call
    lab.end_jobs()
    given = lab.json("submit", "--time", "40", "--mem-gb", "3", "--dry-run")
    assert (given["time_min"], given["mem_gb"], given["job"]) == (40, 3, None)


def test_a_trial_of_one_shuffle_speaks_for_new_ones(lab: Lab) -> None:
    (lab.folder() / TRIAL_FILENAME).write_text(TRIALS.text(replace(TRIAL, net_type="resnet_50")))
    assert lab.json("submit", "--shuffle", "1", "--shuffle", "8", "--dry-run")["time_min"] == 152
    assert lab.json("submit", "--shuffle", "8", "--net-type", "hrnet_w32", "--dry-run")["time_min"] == 720


def test_a_trial_is_a_short_job_of_its_own(lab: Lab) -> None:
    said = lab.train("submit", "--trial")
    assert "trial of shuffle 1" in said
    (call,) = lab.slurm.calls("sbatch")
    assert "--time=0-00:30:00" in call
    assert "options=(--trial)" in next(lab.paths.scripts.iterdir()).read_text()
    assert "is tried already" in lab.train("submit", code=BUSY)
    assert lab.json("status", code=BUSY)["shuffles"][0]["state"] == "trial"  # type: ignore[index]


def test_a_dry_run_submits_and_notes_nothing(lab: Lab) -> None:
    assert "#SBATCH --array=0" in lab.train("submit", "--dry-run")
    assert not lab.slurm.calls("sbatch") and not lab.paths.jobs.exists()


def test_a_printed_script_is_recognised_once_it_waits(lab: Lab) -> None:
    text = lab.train("script", "--shuffle", "2")
    assert text.count("#SBATCH --job-name=") == 1
    (job,) = LEDGER.read(lab.paths.jobs).jobs
    assert job.is_only_printed
    assert "job 501: 1 task" in lab.train("submit", "--shuffle", "3"), "the other one may never be submitted"
    (lab.slurm.folder / "jobs/home").mkdir(parents=True, exist_ok=True)
    (lab.slurm.folder / "jobs/home/700.job").write_text(f"{job.array.name} 0 Priority")
    assert "shuffle 2 waits already as job 700_0" in lab.train("submit", "--shuffle", "2", code=BUSY)
    assert "700_0" in lab.train("status", code=BUSY)


def test_no_image_is_named(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "dlc.sif").unlink()
    assert "name the SIF with --image" in lab.train("submit", code=int(ExitCode.USAGE))
    assert not lab.paths.jobs.exists()


def test_the_list_of_jobs_is_not_trusted_when_damaged(lab: Lab) -> None:
    lab.paths.jobs.write_text("{}x")
    assert "not a list of training jobs" in lab.train("submit", code=int(ExitCode.MODEL))
    assert not lab.slurm.calls("sbatch")


def test_a_name_that_no_script_can_hold_is_refused(tmp_path: Path) -> None:
    odd = Lab(tmp_path / "a\nb")
    said = odd.train("script", code=int(ExitCode.USAGE))
    assert "line break" in said and "a\\nb" in said


def test_start_weights_are_seen_in_the_container(lab: Lab, tmp_path: Path) -> None:
    weights = tmp_path / "start weights.pt"
    weights.touch()
    text = lab.train("script", "--weights", str(weights))
    assert f"--bind '{weights}:{weights}:ro'" in text
    assert f"options=(--weights '{weights}')" in text


def test_weights_that_are_not_there_are_not_waited_for_in_a_queue(lab: Lab) -> None:
    said = lab.train("submit", "--weights", "/nowhere/start.pt", code=int(ExitCode.USAGE))
    assert "--weights /nowhere/start.pt: no such file or folder" in said
    assert not lab.slurm.calls("sbatch")


def test_status_of_every_shuffle(lab: Lab) -> None:
    lab.put(TRAINING)
    lab.put(state(shuffle=2))
    lab.put(state(shuffle=3, status=Status.FAILED, cause="the\x1b[2J loss is not a number"))
    lab.put(state(shuffle=4, status=Status.RUNNING, epochs_done=3))
    lab.folder(5)
    rows = [LossRow("pose", n, 1 / n, 0.5 if n % 10 == 0 else float("nan")) for n in range(1, 151)]
    (lab.folder() / LOSSES_FILENAME).write_text(losses_text(rows))
    lab.train("submit", "--shuffle", "6")
    answer = lab.json("status", code=ATTENTION)
    shuffles = {each["shuffle"]: each for each in answer["shuffles"]}  # type: ignore[attr-defined]
    assert {number: each["state"] for number, each in shuffles.items()} == {
        1: "stopped", 2: "done", 3: "failed", 4: "stopped", 5: "untrained", 6: "waiting",
    }  # fmt: skip
    assert shuffles[1]["seconds_left"] == 1000.0
    assert shuffles[1]["losses"][-1] == [150, 1 / 150, 0.5]
    said = lab.train("status", code=ATTENTION)
    assert "150/200" in said and "0.0067" in said and "█▂" in said
    assert "\x1b" not in said
    assert max(map(len, (line for line in said.splitlines() if "next" not in line and line[0] != "/"))) <= 80
    assert "go on from the last snapshot: dlcctr train submit" in said and "--shuffle 1 --shuffle 4" in said
    assert "when the cause is fixed" in said and "dlcctr loop status" in said and "--shuffle 5 --trial" in said


def ended(lab: Lab, *lines: str, task: int = 0) -> Path:
    """The log of a job of the queue that is over."""
    lab.end_jobs()
    (lab.folder() / "pytorch_config.yaml").touch()
    log = lab.paths.log("501", task)
    log.write_text("".join(f"{line}\n" for line in lines))
    return log


END = "dlcctr-task-end code={} node=node1 signal=0 restart=0{}"


def test_a_job_that_ended_before_the_training_began_has_failed(lab: Lab) -> None:
    lab.train("submit")
    log = ended(lab, "error: neither apptainer nor singularity is on node1", END.format(10, " cause=no-container"))
    said = lab.train("status", code=ATTENTION)
    assert "failed" in said and "untrained" not in said
    assert "job 501_0: neither apptainer nor singularity is on the node" in said
    assert "what to do: add the site's module line" in said
    assert f"shuffle 1, log: {log}" in said
    assert "when the cause is fixed: dlcctr train submit" in said and "--trial" not in said


def test_what_the_task_itself_wrote_last_is_shown(lab: Lab) -> None:
    head = "dlcctr: shuffle 1 of job 501 on node1, GPU 0, 2026-03-01 12:00:00 +0000"
    lab.train("submit")
    first = [head, "error: an earlier run's", END.format(75, "")]
    ended(lab, *first, head, "error: no labels\x1b[2J", "  what to do: label some", END.format(5, ""))
    shuffle = lab.json("status", code=ATTENTION)["shuffles"][0]  # type: ignore[index]
    assert shuffle["cause"].startswith("job 501_0: the model cannot be used (exit code 5 of the task): no labels")
    assert shuffle["hint"] == "label some"
    assert "\x1b" not in lab.train("status", code=ATTENTION)
    ended(lab, *first, head, END.format(5, ""))
    assert "earlier" not in lab.train("status", code=ATTENTION)


def test_a_trial_that_failed_is_followed_by_a_trial(lab: Lab) -> None:
    lab.train("submit", "--trial")
    ended(lab, END.format(6, " cause=no-gpu"))
    said = lab.train("status", code=ATTENTION)
    assert "Slurm granted this job no GPU" in said and "ask for one with --gres or --gpus" in said
    assert "when the cause is fixed: dlcctr train submit" in said and "--shuffle 1 --trial" in said


def test_a_training_that_was_killed_says_what_slurm_says(lab: Lab) -> None:
    lab.train("submit")
    lab.put(state(status=Status.RUNNING, epochs_done=3))
    ended(lab, "slurmstepd: error: Detected 1 oom_kill event in StepId=501.batch.", END.format(137, ""))
    shuffle = lab.json("status", code=ATTENTION)["shuffles"][0]  # type: ignore[index]
    assert (shuffle["state"], shuffle["hint"]) == ("stopped", "ask for more with --mem-gb")
    assert "more memory than it was allowed" in shuffle["cause"]


def test_what_ended_well_or_was_cancelled_is_no_failure(lab: Lab) -> None:
    lab.train("submit")
    ended(lab, END.format(0, ""))
    assert lab.json("status", code=ATTENTION)["shuffles"][0]["state"] == "untrained"  # type: ignore[index]
    ended(lab, "slurmstepd: error: *** JOB 501 ON node1 CANCELLED AT 2026-03-01T12:00:00 ***")
    shuffle = lab.json("status", code=ATTENTION)["shuffles"][0]  # type: ignore[index]
    assert (shuffle["state"], "cancelled" in shuffle["cause"]) == ("untrained", True)


def test_where_squeue_does_not_answer_a_submitted_shuffle_is_unknown(lab: Lab) -> None:
    lab.train("submit", "--shuffle", "7")
    (lab.slurm.folder / "silent-home").touch()
    shuffle = lab.json("status", code=BUSY)["shuffles"][-1]  # type: ignore[index]
    assert (shuffle["shuffle"], shuffle["state"]) == (7, "unknown")


def test_a_job_of_somebody_else_that_slurm_does_not_show_is_not_submitted_again(lab: Lab) -> None:
    lab.train("submit")
    text = lab.paths.jobs.read_text()
    kept = [line for line in text.split("\n") if "checksum" not in line]
    user = next(line for line in kept if '"user"' in line)
    lab.paths.jobs.write_text("\n".join(kept).replace(user, user.partition(":")[0] + ': "anna"'))
    (lab.slurm.folder / "private").touch()
    said = lab.train("submit", code=BUSY)
    assert "anna has submitted shuffle 1" in said and len(lab.slurm.calls("sbatch")) == 1
    assert "squeue does not show jobs of anna" in lab.train("status", code=BUSY)
    assert "job 502" in lab.train("submit", "--shuffle", "2")


def test_a_new_iteration_starts_from_the_model_before(lab: Lab) -> None:
    """The set of its trial is for the network whose weights it is going to take."""
    edit_json(lab.project / "config.yaml", iteration=1)
    start = f"dlcctr train submit '{lab.project}' --weights '{lab.project}'"
    assert f"a short trial, which measures time and memory: {start} --trial\n" in lab.train("status", code=ATTENTION)
    folder = lab.project / "dlc-models-pytorch/iteration-1" / NAME / "train"
    folder.mkdir(parents=True)
    (folder / TRIAL_FILENAME).write_text(TRIALS.text(TRIAL))
    assert "as measured: " + start.replace(" --weights", " --shuffle 1 --weights") + "\n" in lab.train(
        "status", code=ATTENTION
    )


def test_a_job_that_would_wait_for_ever_is_told_and_needs_attention(lab: Lab) -> None:
    """Slurm takes a time limit above the partition's, and then waits (see recorded/README.md)."""
    lab.train("submit")
    assert lab.train("status", code=BUSY)
    (job,) = (lab.slurm.folder / "jobs").rglob("*.job")
    job.write_text(job.read_text().replace("Priority", "PartitionTimeLimit"))
    said = lab.train("status", code=ATTENTION)
    assert (
        "would wait for ever: ask for less time" in said
        and f"--time; first take it back: scancel {job.stem}_0\n" in said
    )


def test_what_failed_says_what_to_do(lab: Lab) -> None:
    lab.put(state(status=Status.FAILED, cause="weights of another network", hint="take other --weights"))
    assert "shuffle 1: weights of another network\n  what to do: take other --weights\n" in lab.train(
        "status", code=ATTENTION
    )


def test_a_training_on_this_machine_is_seen_by_its_lock(lab: Lab) -> None:
    lab.put(state(status=Status.RUNNING, epochs_done=3))
    assert lab.json("status", code=ATTENTION)["shuffles"][0]["state"] == "stopped"  # type: ignore[index]
    with transfer_lock(lock_file(lab.folder())):
        assert lab.json("status", code=BUSY)["shuffles"][0]["state"] == "running"  # type: ignore[index]


def test_what_has_been_running_is_unknown_without_squeue(lab: Lab) -> None:
    lab.train("submit")
    lab.put(state(status=Status.RUNNING, epochs_done=3))
    (lab.slurm.folder / "silent-home").touch()
    said = lab.train("status", code=BUSY)
    assert "unknown" in said and "squeue does not answer" in said


def test_a_printed_script_is_no_reason_to_miss_squeue(lab: Lab) -> None:
    lab.train("script")
    (lab.slurm.folder / "silent-home").touch()
    assert lab.json("status", code=ATTENTION)["silent"] is False


def test_status_ends_with_what_a_script_can_wait_for(lab: Lab) -> None:
    lab.train("status", code=ATTENTION)
    lab.put(state())
    lab.train("status")
    lab.train("submit", "--shuffle", "2")
    lab.train("status", code=BUSY)


def test_a_damaged_curve_is_no_reason_not_to_see_the_rest(lab: Lab) -> None:
    lab.put(state())
    (lab.folder() / LOSSES_FILENAME).write_bytes(b"\xff\x00")
    said = lab.train("status")
    assert "not a loss curve" in said and "9/9" in said


def test_squeues_output_may_come_from_elsewhere(lab: Lab, tmp_path: Path) -> None:
    lab.train("submit")
    lab.end_jobs()
    (tmp_path / "q").write_text(
        "ARRAY_JOB_ID|ARRAY_TASK_ID|STATE|REASON|NODELIST|TIME|TIME_LIMIT|START_TIME|NAME\n"
        "501|0|RUNNING|None|node7|0:10|1:00:00|N/A|x\n"
    )
    answer = lab.json("status", "--squeue", str(tmp_path / "q"), code=BUSY)
    (one,) = answer["shuffles"]  # type: ignore[misc]
    assert (one["state"], one["job"], one["node"]) == ("running", "501_0", "node7")
