"""Scripts for Grid Engine, PBS and LSF, compared whole; `python -m tests.unit.slurm.other.test_script` rewrites them.

Grid Engine's is run for real by `tests/integration/test_grid_engine.py`. No PBS and no LSF was at hand: theirs follow
the manuals, and are compared here only.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from dlcctr.errors import UsageError
from dlcctr.slurm.other.script import Wishes, render_other
from dlcctr.slurm.other.table import SCHEDULERS, find_scheduler
from dlcctr.slurm.script import Script
from dlcctr.slurm.site.files import find_site, slurm_files
from dlcctr.slurm.site.profile import Site, override
from tests.unit.slurm.test_script import HOSTILE, SCRIPT, put_program

GOLDEN = Path(__file__).parents[2] / "golden" / "other"
PLAIN = replace(SCRIPT, name="dlcctr-m")
FULL = Site(
    name="lab", partition="gpu.q", account="mice", gpus="2", gpus_per_task=2, cpus_per_task=8, mem_gb=32,
    requeue=False, mail="me@lab.example", modules=("load apptainer",), scratch="$TMPDIR/x",
)  # fmt: skip
ASKED = {
    "sge": Wishes("-l gpu=1,gpu_type=a100", "shm", ("-l hostname=!node7",)),
    "pbs": Wishes(":ngpus=1:gpu_mem=16gb", "", ("-W group_list=mice",)),
    "lsf": Wishes('-gpu "num=1:gmem=16G"', "", ('-R "select[hname!=node7]"',)),
}
CASES: dict[str, tuple[str, Script, Site, Wishes]] = {}
for scheduler in SCHEDULERS:
    name = scheduler.name
    logs = SCRIPT.records / name if SCRIPT.records else SCRIPT.logs
    mine = FULL if not scheduler.mails_each_task else replace(FULL, mail="")
    CASES[name] = (name, replace(PLAIN, logs=logs), find_site("generic"), Wishes())
    CASES[f"{name}-full"] = (name, replace(PLAIN, logs=logs, offset=10, count=3, time_min=1530), mine, ASKED[name])
    CASES[f"{name}-one"] = (name, replace(PLAIN, logs=logs, count=1, words=("--allow-cpu",)), Site(nv=False), Wishes())
VARIABLES = {
    "sge": {"JOB_ID": "71", "SGE_TASK_ID": "3", "NSLOTS": "4", "RESTARTED": "1"},
    "pbs": {"PBS_JOBID": "71[2].server", "PBS_ARRAY_INDEX": "2", "NCPUS": "4"},
    "lsf": {"LSB_JOBID": "71", "LSB_JOBINDEX": "3", "LSB_DJOB_NUMPROC": "4"},
}
"""What each sets for the third task of job 71."""


def text_of(case: str) -> str:
    name, script, site, wishes = CASES[case]
    return render_other(script, site, find_scheduler(name), wishes)


def golden_file(case: str) -> Path:
    return GOLDEN / f"{case}.sh"


def test_every_scheduler_has_a_template_golden_files_and_a_page() -> None:
    assert {file.name for file in slurm_files().glob("array.*.j2")} == {
        "array.sh.j2", "array.sbatch.j2", *(each.template for each in SCHEDULERS),
    }  # fmt: skip
    assert {file.stem for file in GOLDEN.iterdir()} == set(CASES)
    assert set(VARIABLES) == set(ASKED) == {each.name for each in SCHEDULERS}


@pytest.mark.parametrize("case", CASES)
def test_scripts_are_as_they_were(case: str) -> None:
    assert text_of(case) == golden_file(case).read_text(encoding="utf-8")


@pytest.mark.parametrize("case", CASES)
def test_bash_and_shellcheck_agree(case: str) -> None:
    file = golden_file(case)
    subprocess.run(["bash", "-n", str(file)], check=True)
    checker = shutil.which("shellcheck", path=str(Path(sys.executable).parent)) or "shellcheck"
    done = subprocess.run([checker, "--severity=style", str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", VARIABLES)
def test_nothing_of_slurm_is_left(name: str) -> None:
    words = set(re.findall(r"\$\{?(SLURM\w*)", text_of(name)))
    assert not words and "#SBATCH" not in text_of(name)


def start(folder: Path, text: str, variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": f"{folder / 'bin'}:/usr/bin:/bin", "TMPDIR": str(folder), **variables}
    return subprocess.run(
        ["bash", "-c", text], capture_output=True, text=True, check=False, cwd=folder, env=environment, timeout=60
    )


def small_script(folder: Path, name: str, **changes: object) -> str:
    folder.mkdir(exist_ok=True)
    for each in ("dlc.sif", "m.csv", "p.json"):
        (folder / each).write_text("")
    script = replace(
        PLAIN, image=folder / "dlc.sif", manifest=folder / "m.csv", plan=folder / "p.json", binds=(),
        logs=folder / "logs", records=folder / "slurm/m", results=folder / "results", offset=10,
    )  # fmt: skip
    return render_other(replace(script, **changes), Site(), find_scheduler(name), Wishes())  # type: ignore[arg-type]


@pytest.mark.parametrize("name", VARIABLES)
def test_a_task_is_told_its_number_and_its_job_and_writes_its_own_log(name: str, tmp_path: Path) -> None:
    put_program(tmp_path, "apptainer", 'printf "<%s>\\n" "$@"; env | grep ^APPTAINERENV_ | sort; exit 4')
    folder = tmp_path / HOSTILE.name
    done = start(tmp_path, small_script(folder, name), VARIABLES[name])
    assert (done.returncode, done.stdout, done.stderr) == (4, "", "")
    (log,) = (folder / "logs").iterdir()
    assert log.name == f"71_{VARIABLES[name].get('SGE_TASK_ID') or ('2' if name == 'pbs' else '3')}.log"
    said = log.read_text()
    assert f"<{folder / 'm.csv'}>" in said
    passed = dict(re.findall(r"^APPTAINERENV_(\w+)=(.*)$", said, re.MULTILINE))
    assert passed["DLCCTR_TASK"] == "12", "third task of an array that begins at 10"
    assert passed["SLURM_CPUS_PER_TASK"] == "4"
    assert (passed["DLCCTR_SCHEDULER"], passed["DLCCTR_JOB"]) == (name, "71")
    restart = "1" if name == "sge" else "0"
    assert re.search(rf"^dlcctr-task-end code=4 node=\S+ signal=0 restart={restart}$", said, re.MULTILINE)
    assert (folder / "results").is_dir() and not list(tmp_path.rglob("pwned"))


def test_a_task_without_an_array_is_the_first() -> None:
    assert "#PBS -J" not in text_of("pbs-one") and "#PBS -J" in text_of("pbs")


def test_before_its_time_is_up_a_task_is_told_and_may_write_what_it_has(tmp_path: Path) -> None:
    put_program(tmp_path, "apptainer", 'trap "echo stopped; exit 75" TERM; sleep 60 & wait')
    text = small_script(tmp_path / "c", "sge").replace("time_s=9000", "time_s=121")
    began = time.monotonic()
    done = start(tmp_path, text, VARIABLES["sge"])
    assert done.returncode == 75 and time.monotonic() - began < 30
    assert "stopped" in (tmp_path / "c/logs/71_3.log").read_text()


def test_what_a_scheduler_sends_is_passed_on(tmp_path: Path) -> None:
    put_program(tmp_path, "apptainer", 'trap "echo stopped; exit 75" TERM; sleep 60 & wait')
    text = small_script(tmp_path / "c", "sge").replace("child=$!", "child=$!\n(sleep 1; kill -USR2 $$) &")
    done = start(tmp_path, text, VARIABLES["sge"])
    assert done.returncode == 75
    assert re.search(r"stopped\n.*code=75 .* signal=USR2 ", (tmp_path / "c/logs/71_3.log").read_text(), re.DOTALL)


REFUSED = [
    ("sge", {"qos": "long"}, Wishes(), "has qos, which only Slurm knows"),
    ("lsf", {"extra": ("--reservation=x",), "constraint": "a100"}, Wishes(), "has constraint, extra, which"),
    ("pbs", {"mem_gb": 0}, Wishes(), "mem_gb is 0"),
    ("lsf", {"mail": "me@lab.example"}, Wishes(), "one for each task"),
    ("pbs", {}, Wishes(environment="smp"), "PBS has no parallel environments"),
    ("sge", {}, Wishes(environment="a b"), "it must be a name"),
    ("sge", {}, Wishes(extra=("gpu=1",)), "'gpu=1' is not an option of Grid Engine's"),
    ("sge", {}, Wishes(extra=("-l x=1\n#$ -t 1-9",)), "is not an option"),
    ("sge", {}, Wishes(gpu="gpu"), "is not an option"),
]


@pytest.mark.parametrize(("name", "site", "wishes", "said"), REFUSED)
def test_what_a_scheduler_does_not_have_is_refused(
    name: str, site: dict[str, object], wishes: Wishes, said: str
) -> None:
    with pytest.raises(UsageError) as caught:
        render_other(PLAIN, override(Site(name="lab"), **site), find_scheduler(name), wishes)
    assert said in caught.value.message and caught.value.hint


def test_a_name_that_is_too_long_is_cut() -> None:
    text = render_other(replace(PLAIN, name="dlcctr-" + "m" * 40), Site(), find_scheduler("pbs"), Wishes())
    assert re.search(r"^#PBS -N dlcctr-m{8}$", text, re.MULTILINE)


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for each in CASES:
        golden_file(each).write_text(text_of(each), encoding="utf-8")
