"""What is in the image and what is not; and that it runs as any user, with a read-only root, no network and no HOME."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from dlcctr.contract import CONTRACT_VERSION, LABEL_PREFIX, SBOM_FILE, ExitCode
from dlcctr.image.build import resolve_base
from dlcctr.image.context import read_lock, stage
from dlcctr.image.flavours import Flavour, list_flavours, pick_flavour, read_pins
from dlcctr.image.package_sources import resolve_sources
from dlcctr.image.sbom import list_parts, read_sbom
from dlcctr.system.source_tree import own_sources
from tests.docker.fixtures import ensure_image

SITE = "/opt/dlc/lib/python3.11/site-packages"
OTHERS = [each for each in list_flavours() if each.name != "pytorch-cpu"]
LEFT_OUT = {"opencv-python", "imageio-ffmpeg", "hf-xet", "libclang", "tensorflow-io-gcs-filesystem"}
LEFT_OUT |= {"tensorboard-data-server", "google-auth-oauthlib"}
"""requirements/overrides.txt"""
ROOT = ("--user", "0:0")
"""For a look at every folder: the image's own user may not read all of them."""


def docker(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["docker", *words], capture_output=True, text=True, check=False)


def in_image(image: str, *words: str, options: tuple[str, ...] = ()) -> str:
    done = docker("run", "--rm", "--network", "none", *options, "--entrypoint", words[0], image, *words[1:])
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def read_labels(image: str) -> dict[str, str]:
    labels: dict[str, str] = json.loads(docker("image", "inspect", "-f", "{{json .Config.Labels}}", image).stdout)
    return labels


def assert_labels_say_what_the_wheels_say(image: str, flavour: Flavour) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads(in_image(image, "cat", "/opt/dlc/image.json"))
    labels = read_labels(image)
    ours = {key.removeprefix(LABEL_PREFIX): labels[key] for key in labels if key.startswith(LABEL_PREFIX)}
    assert ours == {
        "contract": str(CONTRACT_VERSION),
        "engine": facts["engine"],
        "engine-version": facts["engine_version"],
        "deeplabcut": facts["versions"]["deeplabcut"],
        "cuda": facts["cuda"],
        "min-driver": facts["min_driver"],
        "gpu-archs": " ".join(facts["gpu_archs"]),
        "flavour": facts["flavour"],
        "sbom": SBOM_FILE,
    }
    assert (facts["flavour"], facts["name"]) == (flavour.name, flavour.tag)
    for key in ("version", "revision", "created", "base.digest"):
        assert labels[f"org.opencontainers.image.{key}"] == facts[key.replace(".", "_")]
    assert_bill_of_materials_is_true(image, flavour, labels["org.opencontainers.image.licenses"].split(" AND "))
    return facts


def assert_bill_of_materials_is_true(image: str, flavour: Flavour, licences: list[str]) -> None:
    """Held against the locks, dpkg, and the label."""
    bom = json.loads(read_sbom(image))
    parts = bom["components"]
    python = {each["name"]: each for each in parts if each.get("purl", "").startswith("pkg:pypi/")}
    locks = [flavour.lock, *["requirements/openvino.lock"] * (flavour.variant == "cpu")]
    pins = {k: v for lock in locks for k, v in read_lock(own_sources().read(lock)).items()}
    assert python.keys() == pins.keys() | {"dlcctr"}
    for name, pin in pins.items():
        assert python[name]["version"].partition("+")[0] == pin.version.partition("+")[0]
        assert python[name]["hashes"][0]["content"] in pin.hashes
    assert {name for name, each in python.items() if "licenses" not in each} <= {"cuda-toolkit"}, "it only names others"
    listed = in_image(image, "dpkg-query", "-W", "-f", "${Package} ${Version}\n").splitlines()
    debian = {f"{each['name']} {each['version']}" for each in parts if each.get("purl", "").startswith("pkg:deb/")}
    assert debian == set(listed)
    licences_of = {(kind, name): text for kind, name, _, text in list_parts(bom)}
    ffmpeg = licences_of["in av", "FFmpeg"].removesuffix(" (as a whole)").split(", ")[-1]
    assert ("in opencv-python-headless", "FFmpeg") in licences_of
    ours = {licences_of["Python", "dlcctr"], licences_of["Python", "deeplabcut"], ffmpeg, "LicenseRef-sbom"}
    assert ours == set(licences) - {"LicenseRef-NVIDIA-Proprietary"}
    assert ("LicenseRef-NVIDIA-Proprietary" in licences) == any("NVIDIA" in text for text in licences_of.values())


@pytest.mark.real
def test_labels_say_what_the_wheels_say(cpu_image: str) -> None:
    facts = assert_labels_say_what_the_wheels_say(
        cpu_image, pick_flavour(list_flavours(), read_pins(), "pytorch", "cpu")
    )
    assert facts["versions"]["torch"].endswith("+cpu")
    assert facts["versions"]["openvino"] == read_pins()["OPENVINO_VERSION"]


@pytest.mark.real
def test_openvino_is_where_an_import_does_not_find_it(cpu_image: str) -> None:
    code = "import importlib.util; print(importlib.util.find_spec('openvino'))"
    assert in_image(cpu_image, "python", "-c", code).strip() == "None"
    code = "from entrypoint.engines import openvino, versions; "
    code += "print(openvino.load().Core().available_devices, versions.openvino_version())"
    assert in_image(cpu_image, "python", "-c", code).strip() == f"['CPU'] {read_pins()['OPENVINO_VERSION']}"


@pytest.mark.real
def test_compilers_caches_tests_and_gui_stay_out(cpu_image: str) -> None:
    programs = "for name in cc gcc g++ c++ ld make pip pip3 curl; do command -v $name; done; true"
    assert in_image(cpu_image, "sh", "-c", programs) == ""
    folders = f"find {SITE} -type d -name tests ! -path '{SITE}/tables/*'; ls -A /build /root /tmp /var/lib/apt/lists"
    listed = in_image(cpu_image, "sh", "-c", f"({folders}) 2>/dev/null || true", options=ROOT)
    assert not [line for line in listed.splitlines() if line.startswith(SITE)]
    assert not [line for line in listed.splitlines() if ".cache" in line or "Packages" in line]
    names = in_image(cpu_image, "sh", "-c", f"cd {SITE} && ls")
    assert not [
        name for name in names.lower().split() if name.startswith(("pyside", "pyqt", "napari", "opencv_python-"))
    ]


@pytest.mark.real
def test_every_module_is_compiled_and_stays_valid(cpu_image: str) -> None:
    code = (
        "import importlib.util, pathlib, sys\n"
        f"site = pathlib.Path({SITE!r})\n"
        "bad = []\n"
        "for file in site.rglob('*.py'):\n"
        "    made = pathlib.Path(importlib.util.cache_from_source(str(file)))\n"
        "    head = made.read_bytes()[:8] if made.is_file() else b''\n"
        "    if head[4:] != (1).to_bytes(4, 'little'): bad.append(str(file.relative_to(site)))\n"
        "print('\\n'.join(bad))\n"
    )
    # One file of torch is written for a later Python
    assert in_image(cpu_image, "python", "-c", code).split() == ["torch/testing/_internal/py312_intrinsics.py"]


@pytest.mark.real
def test_nothing_is_missing_but_what_was_left_out_on_purpose(cpu_image: str) -> None:
    code = (
        "from importlib.metadata import distributions, version, PackageNotFoundError\n"
        "from packaging.requirements import Requirement\n"
        "for each in distributions():\n"
        "    for text in each.requires or []:\n"
        "        wanted = Requirement(text)\n"
        "        if wanted.marker and not wanted.marker.evaluate({'extra': ''}): continue\n"
        "        try: fits = wanted.specifier.contains(version(wanted.name), prereleases=True)\n"
        "        except PackageNotFoundError: fits = False\n"
        "        if not fits: print(wanted.name.lower())\n"
    )
    assert set(in_image(cpu_image, "python", "-c", code).split()) <= LEFT_OUT


@pytest.mark.real
def test_certificates_and_indexes_of_the_build_stay_out(cpu_image: str) -> None:
    search = "find / -xdev \\( -name 'ca*.crt' -o -name ca.pem -o -name pip.conf \\) -print"
    found = in_image(cpu_image, "sh", "-c", search, options=ROOT)
    assert [line for line in found.splitlines() if "certifi" not in line] == []
    history = docker("history", "--no-trunc", "--format", "{{.CreatedBy}}", cpu_image).stdout
    assert "INDEX_URL" not in history
    assert "--find-links" not in history


@pytest.mark.real
def test_runs_as_any_user_without_home_network_or_a_writable_root(cpu_image: str, tmp_path: Path) -> None:
    (tmp_path / "numpy.py").write_text("raise SystemExit('a module of the host came in')\n")
    (tmp_path / "deeplabcut.py").write_text("raise SystemExit('a module of the host came in')\n")
    tmp_path.chmod(0o755)
    options: tuple[str, ...] = ("--user", "54321:54321", "--read-only", "--tmpfs", "/tmp", "-v", f"{tmp_path}:/host:ro")
    options += ("-e", "PYTHONPATH=/host")
    hostile = ("-e", "PYTHONHOME=/host", "-e", "PYTHONSTARTUP=/host/x", "-e", "HOME=/no")
    code = (
        "import deeplabcut, getpass, os, sys, torchvision, matplotlib.pyplot\n"
        "assert all(os.access(os.environ[name], os.W_OK) for name in ('NUMBA_CACHE_DIR', 'MPLCONFIGDIR', 'HF_HOME'))\n"
        "print(sys.executable, deeplabcut.__version__, getpass.getuser(), os.environ['HOME'])\n"
        "print(sorted(path for path in sys.path if not path.startswith(('/usr/lib/python3', '/opt/dlc/'))))\n"
    )
    lines = in_image(cpu_image, "python", "-c", code, options=options + hostile).splitlines()
    home = "/tmp/dlcctr-cache-54321"
    assert lines[-2:] == [f"/opt/dlc/bin/python {read_pins()['DEEPLABCUT_VERSION']} uid54321 {home}", "['']"]
    direct = in_image(cpu_image, "/opt/dlc/bin/python", "-c", "import sys; print(sys.path)", options=options)
    assert "/host" not in direct


@pytest.mark.real
def test_without_a_user_it_is_not_root_and_everything_works(cpu_image: str, tmp_path: Path) -> None:
    code = "import os; print(os.getuid(), os.getgid(), os.environ['HOME'])"
    said = in_image(cpu_image, "python", "-c", code, options=("--read-only", "--tmpfs", "/tmp"))
    assert said.splitlines()[-1] == "65532 65532 /tmp/dlcctr-cache-65532"
    doctor = docker("run", "--rm", "--network", "none", cpu_image, "doctor", "--allow-cpu")
    assert doctor.returncode == ExitCode.OK, doctor.stdout + doctor.stderr
    assert SBOM_FILE in doctor.stdout
    (tmp_path / "v.mp4").write_text("no video")
    tmp_path.chmod(0o755)
    refused = docker("run", "--rm", "-v", f"{tmp_path}:/data", cpu_image, "manifest", "/data", "-o", "/data/m.csv")
    assert refused.returncode == ExitCode.OUTPUT, refused.stdout + refused.stderr
    assert '--user "$(id -u):$(id -g)"' in refused.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["v.mp4"]


@pytest.mark.full
@pytest.mark.real
def test_a_build_without_cpu_torch_says_what_to_do(docker_engine: str, tmp_path: Path) -> None:
    flavour = pick_flavour(list_flavours(), read_pins(), "pytorch", "cpu")
    stage(own_sources(), tmp_path, flavour.lock, resolve_sources())
    for wheel in (tmp_path / "wheels").glob("*.whl"):
        wheel.unlink()
    base, _ = resolve_base(read_pins())
    arguments = ["--build-arg", f"BASE_IMAGE={base}", "--build-arg", "FLAVOUR=pytorch-cpu"]
    done = docker("build", "--network", "host", "--target", "env", *arguments, str(tmp_path))
    assert done.returncode != 0
    said = done.stdout + done.stderr
    assert "error: torch==2.13.0+cpu was not found" in said
    assert "wheels/" in said and "PIP_EXTRA_INDEX_URL" in said


@pytest.mark.full
@pytest.mark.parametrize("flavour", OTHERS, ids=[each.name for each in OTHERS])
def test_every_other_flavour_builds_and_says_what_it_lacks(docker_engine: str, flavour: Flavour) -> None:
    image = ensure_image(flavour)
    facts = assert_labels_say_what_the_wheels_say(image, flavour)
    assert bool(facts["gpu_archs"]) == bool(facts["min_driver"]) == (flavour.variant != "cpu")
    imported = in_image(image, "python", "-c", "import deeplabcut; print(deeplabcut.__version__)")
    assert imported.split()[-1] == read_pins()["DEEPLABCUT_VERSION"]
    doctor = docker("run", "--rm", image, "doctor")
    assert doctor.returncode == ExitCode.GPU, doctor.stdout + doctor.stderr
    assert docker("run", "--rm", image, "doctor", "--allow-cpu").returncode == ExitCode.OK
