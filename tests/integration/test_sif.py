"""Both SIFs of the CPU image, as an ordinary user, without network: run, exec, shell, inspect, run-help, test."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from dlcctr.contract import SBOM_FILE, ExitCode
from dlcctr.image.docker_sdk import inspect_tag
from dlcctr.image.sbom import read_sbom
from tests.docker.apptainer import ApptainerBench

BOTH = [
    pytest.param("cpu_sif", marks=pytest.mark.real, id="plain"),
    pytest.param("cpu_sif_from_definition", marks=pytest.mark.full, id="definition"),
]
GREEDY = "import os; open(os.environ.get('LEAK', '/tmp/leak'), 'a').write(__file__ + chr(10))\n"
"""Module text that gives itself away when it is imported."""


class Sif:
    """One SIF in the bench; every call is a container of its own."""

    def __init__(self, bench: ApptainerBench, path: Path) -> None:
        self.bench, self.path = bench, path

    def __call__(
        self,
        action: str,
        *words: str,
        options: tuple[str, ...] = (),
        env: dict[str, str] | None = None,
        stdin: str | None = None,
    ) -> subprocess.CompletedProcess[str]:
        argv = ["singularity", "--quiet", action, *options, str(self.path), *words]
        return self.bench.run_as_user(argv, env=env, binds=[self.path], stdin=stdin)


@pytest.fixture(params=BOTH)
def sif(request: pytest.FixtureRequest, apptainer_bench: ApptainerBench) -> Sif:
    return Sif(apptainer_bench, request.getfixturevalue(request.param))


def test_run_exec_and_shell_reach_the_same_program(sif: Sif, cpu_image: str) -> None:
    in_docker = subprocess.run(
        ["docker", "run", "--rm", "--network", "none", cpu_image, "version", "--json"],
        check=True,
        capture_output=True,
        text=True,
    )
    expected = json.loads(in_docker.stdout)
    for answer in (
        sif("run", "version", "--json"),
        sif("exec", "dlc", "version", "--json"),
        sif("shell", stdin="dlc version --json\n"),
    ):
        assert answer.returncode == 0, answer.stderr
        assert json.loads(answer.stdout) == expected


def test_labels_are_the_images(sif: Sif, cpu_image: str) -> None:
    shown = sif.bench.dlcctr(["image", "inspect", sif.path, "--json"], binds=[sif.path])
    assert shown.returncode == 0, shown.stderr
    labels = json.loads(shown.stdout)["labels"]
    assert inspect_tag(cpu_image)["labels"].items() <= labels.items()


def test_bill_of_materials_is_the_images(sif: Sif, cpu_image: str) -> None:
    copy = sif.bench.shared / "sbom.json"
    written = sif.bench.dlcctr(["image", "sbom", sif.path, "-o", copy], binds=[sif.path])
    assert written.returncode == 0, written.stderr
    assert copy.read_text() == read_sbom(cpu_image) == sif("exec", "cat", SBOM_FILE).stdout


def test_help_and_exit_codes_come_through(sif: Sif) -> None:
    assert "analyze" in sif("run").stdout
    answer = sif("run", "validate", "no such manifest.csv")
    assert answer.returncode == ExitCode.MANIFEST, answer.stdout + answer.stderr
    assert "no such manifest.csv" in answer.stderr


def test_doctor_wants_a_gpu_unless_told_otherwise(sif: Sif) -> None:
    answer = sif("run", "doctor")
    assert answer.returncode == ExitCode.GPU, answer.stdout + answer.stderr
    answer = sif("run", "doctor", "--allow-cpu", options=("--cleanenv", "--containall"))
    assert answer.returncode == ExitCode.OK, answer.stdout + answer.stderr


def test_names_are_never_run_as_commands(sif: Sif) -> None:
    name = 'x$(touch pwned) `touch pwned`"; touch pwned; ".csv'
    answer = sif("run", "validate", name)
    assert answer.returncode == ExitCode.MANIFEST, answer.stdout + answer.stderr
    assert name in answer.stderr
    assert not (sif.bench.shared / "pwned").exists()


@pytest.mark.parametrize("options", [(), ("--cleanenv",)], ids=["hosts environment", "cleanenv"])
def test_hosts_python_does_not_leak_in(sif: Sif, options: tuple[str, ...]) -> None:
    shared = sif.bench.shared
    leak, home = shared / "leak", shared / "home"
    site = home / ".local" / "lib" / "python3.11" / "site-packages"
    for folder in (shared / "modules", site):
        folder.mkdir(parents=True, exist_ok=True)
        for module in ("sitecustomize", "usercustomize", "typer", "torch", "dlcctr", "json"):
            (folder / f"{module}.py").write_text(GREEDY)
        (folder / "greedy.pth").write_text(f"import sys; exec({GREEDY!r})\n")
    hostile = {
        "PYTHONPATH": str(shared / "modules"),
        "PYTHONHOME": str(shared / "modules"),
        "PYTHONSTARTUP": str(shared / "modules" / "typer.py"),
        "PYTHONUSERBASE": str(home / ".local"),
        "LD_LIBRARY_PATH": str(shared / "modules"),
        "VIRTUAL_ENV": str(shared / "modules"),
        "LEAK": str(leak),
    }
    options = (*options, "--home", str(home), "--bind", str(shared), "--env", f"LEAK={leak}")
    for answer in (
        sif("run", "version", options=options, env=hostile),
        sif("exec", "python", "-c", "import typer, dlcctr, json, sys; print(sys.prefix)", options=options, env=hostile),
        sif("exec", "python3", "-c", "import typer", options=options, env=hostile),
        sif("exec", "/opt/dlc/bin/python", "-I", "-c", "import typer", options=options, env=hostile),
    ):
        assert answer.returncode == 0, answer.stderr
    assert not leak.exists(), leak.read_text()


def test_root_is_read_only_and_caches_go_elsewhere(sif: Sif) -> None:
    assert sif("exec", "touch", "/opt/dlc/x").returncode != 0
    code = "import matplotlib, numba, os; print(os.path.realpath(matplotlib.get_cachedir()))"
    answer = sif("exec", "python", "-c", code, options=("--cleanenv", "--no-home"))
    assert answer.returncode == 0, answer.stderr
    assert not answer.stdout.startswith("/opt")


@pytest.mark.full
def test_definition_adds_help_and_test_alone(
    apptainer_bench: ApptainerBench, cpu_sif: Path, cpu_sif_from_definition: Path
) -> None:
    plain, defined = Sif(apptainer_bench, cpu_sif), Sif(apptainer_bench, cpu_sif_from_definition)
    for options in (("--runscript",), ("--environment",)):
        assert plain("inspect", options=options).stdout == defined("inspect", options=options).stdout
    seen = [each("exec", "env", options=("--cleanenv",)).stdout.splitlines() for each in (plain, defined)]
    own = ("APPTAINER_NAME=", "APPTAINER_CONTAINER=", "SINGULARITY_NAME=", "SINGULARITY_CONTAINER=")
    without_names = [sorted(line for line in lines if not line.startswith(own)) for lines in seen]
    assert without_names[0] == without_names[1] != []
    assert "analyze --index" in defined("run-help").stdout
    tested = defined("test")
    assert tested.returncode == 0, tested.stdout + tested.stderr
    shown = apptainer_bench.dlcctr(["image", "inspect", cpu_sif_from_definition], binds=[cpu_sif_from_definition])
    assert "Singularity.def" in shown.stdout
