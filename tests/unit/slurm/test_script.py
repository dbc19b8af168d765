"""Scripts compared whole with golden files; `python -m tests.unit.slurm.test_script` rewrites them: read the diff."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from dlcctr.contract import ExitCode
from dlcctr.errors import UsageError
from dlcctr.runtime.containers.binds import Bind
from dlcctr.slurm.script import Script, array_words, job_name, render, time_words
from dlcctr.slurm.site.files import find_site
from dlcctr.slurm.site.profile import Site
from dlcctr.slurm.task_log import read_end

ROOT = Path(__file__).resolve().parents[3]
GOLDEN = Path(__file__).parents[1] / "golden"
HOSTILE = Path("""/lab/a "b" it's $(touch pwned) `touch pwned` 5% \u00fc, x:y;&""")
CAMPAIGN = Path("/scratch/lab/mice")
SCRIPT = Script(
    name="dlcctr-m-20260101-120000-abcd",
    title="dlcctr: 40 videos of /scratch/lab/mice/m.csv, 10 tasks",
    image=CAMPAIGN / "dlc.sif",
    manifest=CAMPAIGN / "m.csv",
    plan=CAMPAIGN / "slurm/m/plans/20260101-120000-abcd.json",
    logs=CAMPAIGN / "slurm/m/logs",
    records=CAMPAIGN / "slurm/m",
    results=CAMPAIGN / "results",
    count=10,
    throttle=4,
    time_min=150,
    binds=(Bind(CAMPAIGN, CAMPAIGN), Bind(CAMPAIGN / "results", CAMPAIGN / "results", writable=True)),
)
PASTE = replace(
    SCRIPT,
    name="dlcctr-m",
    title="Copy this file, edit sections 1 to 3, submit it. Each array task analyses one row of the manifest.",
    image=Path("/path/to/dlc.sif"),
    manifest=Path("/path/to/campaign/m.csv"),
    plan=None,
    logs=Path("/path/to/campaign"),
    records=None,
    results=Path("/path/to/results"),
    time_min=120,
    binds=(
        Bind(Path("/path/to/campaign"), Path("/path/to/campaign")),
        Bind(Path("/path/to/videos"), Path("/path/to/videos")),
        Bind(Path("/path/to/project"), Path("/path/to/project")),
        Bind(Path("/path/to/results"), Path("/path/to/results"), writable=True),
    ),
)
CASES: dict[str, tuple[Script, Site]] = {
    "generic": (SCRIPT, find_site("generic")),
    "psc-bridges2": (replace(SCRIPT, offset=1001, words=("--batch-size", "4")), find_site("psc-bridges2")),
    "university": (replace(SCRIPT, exclude=("node7", "node12")), find_site("university")),
    "whole-node": (replace(SCRIPT, count=1, throttle=4), find_site("whole-node")),
    "canary": (replace(SCRIPT, count=1, offset=9, canary=3), find_site("generic")),
    "steps": (
        replace(SCRIPT, name=f"{SCRIPT.name}-steps", steps=True, after=SCRIPT.name, mem_gb=3),
        replace(find_site("university"), steps_partition="cpu"),
    ),
    "cpu": (replace(SCRIPT, words=("--allow-cpu",)), Site(nv=False, tool="singularity", scratch="$TMPDIR/x y")),
    "hostile": (
        replace(
            SCRIPT,
            title=str(HOSTILE) + "\ntouch pwned",
            name=str(HOSTILE),
            image=HOSTILE / "dlc.sif",
            manifest=HOSTILE / "m.csv",
            plan=HOSTILE / "p.json",
            logs=HOSTILE / "slurm/m/logs",
            records=HOSTILE / "slurm/m",
            results=HOSTILE / "results",
            binds=(Bind(HOSTILE, HOSTILE),),
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
    assert render(*CASES[name]) == golden_file(name).read_text(encoding="utf-8")


def test_the_template_to_copy_is_the_rendered_one() -> None:
    assert render(PASTE, find_site("generic")) == (ROOT / "slurm" / "array.sbatch").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", [*CASES, "array"])
def test_bash_and_shellcheck_agree(name: str) -> None:
    file = ROOT / "slurm" / "array.sbatch" if name == "array" else golden_file(name)
    subprocess.run(["bash", "-n", str(file)], check=True)
    checker = shutil.which("shellcheck", path=str(Path(sys.executable).parent)) or "shellcheck"
    severity = "warning" if name == "hostile" else "style"  # it points at the hostile names themselves
    done = subprocess.run([checker, f"--severity={severity}", str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_hostile_names_run_nothing(tmp_path: Path) -> None:
    """The whole script, with programs that only say what they were given."""
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    tool = bin_folder / "apptainer"
    tool.write_text('#!/bin/bash\nprintf "<%s>" "$@"\nexit 4\n')
    tool.chmod(0o755)
    campaign = tmp_path / HOSTILE.name
    campaign.mkdir()
    for name in ("dlc.sif", "m.csv", "p.json"):
        (campaign / name).write_text("")
    script, site = CASES["hostile"]
    script = replace(script, image=campaign / "dlc.sif", manifest=campaign / "m.csv", plan=campaign / "p.json",
                     records=campaign / "slurm/m", logs=campaign / "slurm/m/logs", results=campaign / "results",
                     binds=(Bind(campaign, campaign),))  # fmt: skip
    environment = {
        "PATH": f"{bin_folder}:/usr/bin:/bin",
        "SLURMD_NODENAME": "node1",
        "TMPDIR": str(tmp_path),
        "SLURM_ARRAY_JOB_ID": "7",
        "SLURM_ARRAY_TASK_ID": "0",
        "SLURM_JOB_NAME": "$(touch pwned)\njob=8",
    }
    done = subprocess.run(
        ["bash", "-c", render(script, site)], capture_output=True, text=True, check=False, cwd=tmp_path, env=environment
    )
    assert done.returncode == 4, done.stderr
    assert f"<{campaign / 'm.csv'}>" in done.stdout
    assert "dlcctr-task-end code=4 node=node1 signal=0 restart=0" in done.stdout
    (note,) = (campaign / "slurm/m/jobs").iterdir()
    assert "name=$(touch pwned) job=8\n" in note.read_text() and "\njob=" not in note.read_text()
    assert (campaign / "results").is_dir()
    assert not list(tmp_path.rglob("pwned"))


def put_program(folder: Path, name: str, text: str) -> None:
    (folder / "bin").mkdir(exist_ok=True)
    program = folder / "bin" / name
    program.write_text(f"#!/bin/bash\n{text}\n")
    program.chmod(0o755)


def run_script(
    script: Script, tmp_path: Path, tool_text: str, site: Site | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    bin_folder = tmp_path / "bin"
    if tool_text:
        put_program(tmp_path, "singularity", tool_text)
    for name in ("dlc.sif", "m.csv", "p.json"):
        (tmp_path / name).write_text("")
    script = replace(script, image=tmp_path / "dlc.sif", manifest=tmp_path / "m.csv", plan=tmp_path / "p.json")
    env = {"PATH": f"{bin_folder}:/usr/bin:/bin", "TMPDIR": str(tmp_path), **environment}
    return subprocess.run(
        ["bash", "-c", render(script, site or Site(tool="auto"))], capture_output=True, text=True, check=False, env=env
    )


def test_what_must_pass_passes_in_both_spellings_and_nothing_else_does(tmp_path: Path) -> None:
    done = run_script(
        SCRIPT, tmp_path, "env", SLURM_ARRAY_TASK_ID="7", CUDA_VISIBLE_DEVICES="1", SINGULARITYENV_DLCCTR_CROP="1,2,3,4"
    )
    lines = done.stdout.splitlines()
    for spelling in ("APPTAINERENV_", "SINGULARITYENV_"):
        passed = {line for line in lines if line.startswith(spelling)}
        assert passed == {
            f"{spelling}SLURM_ARRAY_TASK_ID=7",
            f"{spelling}CUDA_VISIBLE_DEVICES=1",
            f"{spelling}CUDA_DEVICE_ORDER=PCI_BUS_ID",
            f"{spelling}DLCCTR_INDEX_OFFSET=0",
            f"{spelling}DLCCTR_SCRATCH={tmp_path}",
        }


def test_a_signal_reaches_the_container_and_its_code_comes_back(tmp_path: Path) -> None:
    tool = 'trap "echo told; exit 75" TERM\nkill -TERM $PPID\nfor i in $(seq 100); do sleep 0.05; done'
    done = run_script(SCRIPT, tmp_path, tool, SLURM_RESTART_COUNT="2")
    assert done.returncode == 75
    assert "told" in done.stdout
    assert "code=75" in done.stdout
    assert done.stdout.rstrip().endswith("signal=TERM restart=2")


def test_the_canary_is_checked(tmp_path: Path) -> None:
    tool = 'case " $* " in *" check "*" --rows 3 "*) exit 20;; *" analyze "*) exit 0;; esac'
    done = run_script(replace(SCRIPT, canary=3), tmp_path, tool)
    assert done.returncode == 20


WHOLE_NODE = Site(gres="gpu:4", gpus_per_task=4, whole_node=True)


def end_of(done: subprocess.CompletedProcess[str], folder: Path) -> tuple[int | None, str, str]:
    """How `status` reads the task's log."""
    log = folder / "task.log"
    log.write_text(done.stderr + done.stdout)
    end = read_end(log)
    assert end is not None
    return end.code, end.node, end.cause


def test_a_whole_node_gives_its_gpus(tmp_path: Path) -> None:
    put_program(tmp_path, "nvidia-smi", "echo 0\necho 1")
    done = run_script(SCRIPT, tmp_path, "env", WHOLE_NODE)
    assert "APPTAINERENV_CUDA_VISIBLE_DEVICES=0,1" in done.stdout.splitlines()


def test_a_whole_node_without_nvidia_smi_leaves_it_to_the_container(tmp_path: Path) -> None:
    done = run_script(SCRIPT, tmp_path, "env", WHOLE_NODE)
    assert done.returncode == 0
    assert "CUDA_VISIBLE_DEVICES" not in done.stdout


@pytest.mark.parametrize(
    "broken",
    ["echo Failed to initialize NVML: Driver/library version mismatch\nexit 18", "echo No devices were found", "true"],
)
def test_a_node_whose_driver_is_broken_is_named(tmp_path: Path, broken: str) -> None:
    put_program(tmp_path, "nvidia-smi", broken)
    done = run_script(SCRIPT, tmp_path, "echo started", WHOLE_NODE, SLURMD_NODENAME="n7")
    assert "started" not in done.stdout
    assert end_of(done, tmp_path) == (ExitCode.GPU, "n7", "nvidia-smi")
    assert "error: nvidia-smi fails on n7" in done.stderr
    assert ("NVML" in broken) == ("Driver/library version mismatch" in done.stderr)
    allowed = run_script(replace(SCRIPT, words=("--allow-cpu",)), tmp_path, "echo started", WHOLE_NODE)
    assert (allowed.returncode, "started" in allowed.stdout) == (0, True)
    assert "nvidia-smi fails" in allowed.stderr


def test_a_job_that_was_granted_no_gpu_is_told_so(tmp_path: Path) -> None:
    done = run_script(SCRIPT, tmp_path, "echo started", CUDA_VISIBLE_DEVICES="NoDevFiles", SLURMD_NODENAME="n7")
    assert "started" not in done.stdout
    assert end_of(done, tmp_path) == (ExitCode.GPU, "n7", "no-gpu")
    assert "Slurm granted this job no GPU" in done.stderr and "--gres=gpu:1" in done.stderr
    for script, site in ((replace(SCRIPT, words=("--allow-cpu",)), Site()), (SCRIPT, Site(nv=False))):
        assert run_script(script, tmp_path, "exit 0", site, CUDA_VISIBLE_DEVICES="NoDevFiles").returncode == 0


MODULES = Site(modules=("load apptainer",))


def test_a_batch_shell_without_module_is_told_so(tmp_path: Path) -> None:
    done = run_script(SCRIPT, tmp_path, "", MODULES, SLURMD_NODENAME="n7", MODULESHOME=str(tmp_path))
    assert end_of(done, tmp_path) == (ExitCode.TOOL_MISSING, "n7", "no-module")
    assert "this batch shell has no `module` command" in done.stderr and "bash -l" in done.stderr
    known = run_script(SCRIPT, tmp_path, "", MODULES, **{"BASH_FUNC_module%%": "() { true; }", "SLURMD_NODENAME": "n7"})
    assert end_of(known, tmp_path) == (ExitCode.TOOL_MISSING, "n7", "no-container")
    here = run_script(SCRIPT, tmp_path, "exit 0", MODULES, MODULESHOME=str(tmp_path))
    assert here.returncode == 0, "it is not needed where the program is there all the same"


def test_module_is_taken_from_where_the_site_defines_it(tmp_path: Path) -> None:
    (tmp_path / "init").mkdir()
    (tmp_path / "hidden").mkdir()
    put_program(tmp_path / "hidden", "apptainer", "echo loaded $unset_variable")
    define = f'module() {{ [ "$*" = "load apptainer" ] && PATH=$PATH:{tmp_path}/hidden/bin; }}'
    (tmp_path / "init" / "bash").write_text(f"{define}\n")
    done = run_script(SCRIPT, tmp_path, "", MODULES, MODULESHOME=str(tmp_path))
    assert (done.returncode, "loaded" in done.stdout) == (0, True), done.stderr


def test_without_a_container_program_the_remedy_is_said(tmp_path: Path) -> None:
    script = replace(SCRIPT, image=tmp_path)
    done = subprocess.run(["bash", "-c", render(script, Site())], capture_output=True, text=True, check=False,
                          env={"PATH": "/usr/bin:/bin"})  # fmt: skip
    assert done.returncode == 10
    assert "module line" in done.stderr


def test_words() -> None:
    assert time_words(1) == "0-00:01:00"
    assert time_words(48 * 60 + 61) == "2-01:01:00"
    assert array_words(1, 5) == "0"
    assert array_words(10, 10) == "0-9"
    assert array_words(10, 3) == "0-9%3"
    assert job_name("-a b/\u00fc$(x)") == "a_b_x_"
    assert job_name("") == "dlcctr"


@pytest.mark.parametrize("length", [90, 91, 119, 120, 121, 200, 255])
def test_long_names_stay_different_names(length: int) -> None:
    texts = [f"dlcctr-{'m' * length}-20260101-120000-abcd{end}" for end in ("", "-0", "-1", "-10", "-canary")]
    names = [job_name(text) for text in texts]
    assert len(set(names)) == len(names)
    assert all(len(name) <= 120 for name in names)
    assert [job_name(name) for name in names] == names, "a name that was cut is one already"


@pytest.mark.parametrize("name", ["a\nb", "a\rb"])
def test_a_line_break_is_refused(name: str) -> None:
    for script in (replace(SCRIPT, image=Path(name)), replace(SCRIPT, logs=Path(name))):
        with pytest.raises(UsageError, match="line break"):
            render(script, Site())
    with pytest.raises(UsageError, match="backslash"):
        render(replace(SCRIPT, logs=Path("a\\b")), Site())


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for case_name, case in CASES.items():
        golden_file(case_name).write_text(render(*case), encoding="utf-8")
    (ROOT / "slurm" / "array.sbatch").write_text(render(PASTE, find_site("generic")), encoding="utf-8")
