"""Training's scripts compared with golden files, which `python -m tests.unit.slurm.training.test_script` rewrites."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from dlcctr.runtime.containers.binds import Bind
from dlcctr.slurm.site.files import find_site
from dlcctr.slurm.site.profile import Site
from dlcctr.slurm.training.script import TrainScript, render_training
from dlcctr.training.tasks import TrainTask
from tests.unit.slurm.test_script import HOSTILE, put_program

GOLDEN = Path(__file__).parents[2] / "golden" / "training"
PROJECT = Path("/scratch/lab/mouse-lab-2026")
SCRIPT = TrainScript(
    name="dlcctr-train-mouse-lab-2026-abcd1234",
    title="dlcctr: training of 3 shuffles of /scratch/lab/mouse-lab-2026, iteration 1",
    image=PROJECT.parent / "dlc.sif",
    project=PROJECT,
    tasks=(TrainTask(1, 7), TrainTask(2, 8), TrainTask(3)),
    logs=PROJECT / "dlcctr-training/logs",
    count=3,
    throttle=2,
    time_min=150,
    binds=(Bind(PROJECT, PROJECT, writable=True),),
)
CASES: dict[str, tuple[TrainScript, Site]] = {
    "generic": (SCRIPT, find_site("generic")),
    "university": (
        replace(SCRIPT, words=("--epochs", "300"), exclude=("node7",), tasks=SCRIPT.tasks[:1], count=1),
        find_site("university"),
    ),
    "trial": (
        replace(SCRIPT, words=("--allow-cpu", "--trial"), requeues=0),
        Site(nv=False, tool="singularity", scratch="$TMPDIR/x y"),
    ),
    "hostile": (
        replace(
            SCRIPT,
            title=str(HOSTILE) + "\ntouch pwned",
            name=str(HOSTILE),
            image=HOSTILE / "dlc.sif",
            project=HOSTILE,
            logs=HOSTILE / "dlcctr-training/logs",
            words=("--weights", f"{HOSTILE}/s.pt"),
            binds=(Bind(HOSTILE, HOSTILE, writable=True),),
        ),
        Site(),
    ),
}


def golden_file(name: str) -> Path:
    return GOLDEN / f"{name}.sbatch"


def test_there_is_a_golden_file_for_each_case_and_no_other() -> None:
    assert sorted(path.stem for path in GOLDEN.glob("*.sbatch")) == sorted(CASES)


@pytest.mark.parametrize("name", CASES)
def test_scripts_are_as_they_were(name: str) -> None:
    assert render_training(*CASES[name]) == golden_file(name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", CASES)
def test_bash_and_shellcheck_agree(name: str) -> None:
    subprocess.run(["bash", "-n", str(golden_file(name))], check=True)
    checker = shutil.which("shellcheck", path=str(Path(sys.executable).parent)) or "shellcheck"
    severity = "warning" if name == "hostile" else "style"
    done = subprocess.run(
        [checker, f"--severity={severity}", str(golden_file(name))], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


TOLD = 'trap "exit 75" TERM\nkill -USR1 $PPID\nfor i in $(seq 2400); do sleep 0.05; done'
"""A container that sends the warning itself, and stops as it is told."""


def run_script(
    folder: Path, tool: str, script: TrainScript = SCRIPT, requeue: str = 'echo "requeued $*"', **environment: str
) -> subprocess.CompletedProcess[str]:
    put_program(folder, "singularity", tool)
    put_program(folder, "scontrol", requeue)
    (folder / "config.yaml").touch()
    (folder / "dlc.sif").touch()
    env = {
        "PATH": f"{folder / 'bin'}:/usr/bin:/bin",
        "TMPDIR": str(folder),
        "SLURM_JOB_ID": "502",
        "SLURM_ARRAY_JOB_ID": "501",
        "SLURM_ARRAY_TASK_ID": "0",
        **environment,
    }
    made = replace(script, image=folder / "dlc.sif", project=folder)
    return subprocess.run(
        ["bash", "-c", render_training(made, Site())], capture_output=True, text=True, check=False, env=env
    )


@pytest.mark.parametrize(("task", "words"), [("0", "<--shuffle><1><--seed><7>"), ("2", "<--shuffle><3><--epochs>")])
def test_a_task_trains_its_shuffle_with_its_seed(tmp_path: Path, task: str, words: str) -> None:
    script = replace(SCRIPT, words=("--epochs", "5"))
    done = run_script(tmp_path, 'printf "<%s>" "$@"', script, SLURM_ARRAY_TASK_ID=task)
    assert done.returncode == 0, done.stderr
    assert f"<train><{tmp_path}>{words}" in done.stdout
    assert "requeued" not in done.stdout


def test_a_task_without_a_shuffle_says_so(tmp_path: Path) -> None:
    done = run_script(tmp_path, "exit 0", SLURM_ARRAY_TASK_ID="3")
    assert done.returncode == 2
    assert "array task 3 has no shuffle" in done.stderr


def test_at_its_time_limit_a_task_goes_back_into_the_queue(tmp_path: Path) -> None:
    done = run_script(tmp_path, TOLD, SLURM_RESTART_COUNT="19")
    assert "requeued requeue 502" in done.stdout
    assert (done.returncode, "signal=USR1 restart=19" in done.stdout) == (75, True)


def test_it_does_so_a_limited_number_of_times(tmp_path: Path) -> None:
    done = run_script(tmp_path, TOLD, SLURM_RESTART_COUNT="20")
    assert "requeued" not in done.stdout
    assert done.returncode == 75
    assert "not finished after 20 restarts" in done.stderr


def test_what_does_not_stop_in_time_is_killed_and_goes_on_later(tmp_path: Path) -> None:
    deaf = 'trap "" TERM\nkill -USR1 $PPID\nfor i in $(seq 2400); do sleep 0.05; done'
    done = run_script(tmp_path, deaf, replace(SCRIPT, time_min=1), SLURM_RESTART_COUNT="0")
    assert done.returncode == 137
    assert "requeued requeue 502" in done.stdout


@pytest.mark.parametrize(
    "tool",
    [TOLD.replace("USR1", "TERM"), "exit 75", "exit 7", TOLD.replace("exit 75", "exit 0"), TOLD.replace("75", "7")],
    ids=["cancelled", "try again", "failed", "just finished", "failed at the end"],
)
def test_nothing_else_goes_back_into_the_queue(tmp_path: Path, tool: str) -> None:
    assert "requeued" not in run_script(tmp_path, tool).stdout


def test_a_cluster_that_does_not_requeue_is_named(tmp_path: Path) -> None:
    done = run_script(tmp_path, TOLD, requeue="exit 1")
    assert done.returncode == 75
    assert "cannot be put back into the queue" in done.stderr and "submit it again" in done.stderr


if __name__ == "__main__":
    for case, made in CASES.items():
        golden_file(case).write_text(render_training(*made), encoding="utf-8")
