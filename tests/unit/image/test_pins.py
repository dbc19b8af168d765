"""One owner for every pin: versions.env, the locks, the flavours table and the Dockerfile must agree."""

import re
import sys
from pathlib import Path

import pytest

from dlcctr.contract import CONTRACT_VERSION, IMAGE_UID, OPENVINO_FOLDER

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[3]
PINS = dict(
    line.split("=", 1)
    for line in (ROOT / "versions.env").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#")
)
FLAVOURS = tomllib.loads((ROOT / "requirements" / "flavours.toml").read_text(encoding="utf-8"))
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")


def read_lock(flavour: str) -> dict[str, tuple[str, list[str]]]:
    text = (ROOT / "requirements" / f"{flavour}.lock").read_text(encoding="utf-8")
    blocks = re.findall(r"^([a-z0-9.-]+)==(\S+)((?: \\\n    --hash=sha256:[0-9a-f]{64})+)$", text, re.MULTILINE)
    assert len(blocks) == len(re.findall(r"^\S", text, re.MULTILINE)), "a line is not name==version + hashes"
    return {name: (version, re.findall(r"[0-9a-f]{64}", hashes)) for name, version, hashes in blocks}


LOCKS = {flavour: read_lock(flavour) for flavour in FLAVOURS}


def read_labels(stage: str) -> dict[str, str]:
    block = re.search(rf"^FROM os AS {re.escape(stage)}\nLABEL (.*?)(?=^FROM|^#)", DOCKERFILE, re.MULTILINE | re.DOTALL)
    assert block, f"the Dockerfile has no stage {stage}"
    return {key: value.strip('"') for key, value in re.findall(r'(org\.[\w.-]+)=("[^"]*"|\S+)', block.group(1))}


def test_every_flavour_has_requirements_lock_table_and_labels():
    names = {path.stem for path in (ROOT / "requirements").glob("*-*.in")}
    assert set(FLAVOURS) == names
    assert set(re.findall(r"AS labelled-(\S+)", DOCKERFILE)) == names


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_labels_say_what_the_table_says(flavour):
    facts = FLAVOURS[flavour]
    assert read_labels(f"labelled-{flavour}") == {
        "org.dlcctr.engine": facts["engine"],
        "org.dlcctr.engine-version": facts["engine_version"],
        "org.dlcctr.cuda": facts["cuda"],
        "org.dlcctr.min-driver": facts["min_driver"],
        "org.dlcctr.gpu-archs": " ".join(facts["gpu_archs"]),
        "org.opencontainers.image.licenses": "MIT AND LGPL-3.0-or-later AND GPL-3.0-or-later AND "
        f"{'LicenseRef-NVIDIA-Proprietary AND ' if facts['cuda'] else ''}LicenseRef-sbom",
    }


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_locks_hold_the_pinned_versions(flavour):
    lock, facts = LOCKS[flavour], FLAVOURS[flavour]
    engine = {"pytorch": "torch", "tensorflow": "tensorflow" if facts["cuda"] else "tensorflow-cpu"}[facts["engine"]]
    assert lock[engine][0].split("+")[0] == facts["engine_version"]
    assert lock["deeplabcut"][0] == PINS["DEEPLABCUT_VERSION"]
    assert lock["av"][0] == PINS["AV_VERSION"]
    assert f"{facts['engine']}-{facts['device']}" == flavour


def test_the_table_follows_versions_env():
    expected = {
        "pytorch-cpu": PINS["TORCH_CPU_VERSION"],
        f"pytorch-{PINS['TORCH_CUDA']}": PINS["TORCH_CUDA_VERSION"],
        f"pytorch-{PINS['TORCH_NEWER_CUDA']}": PINS["TORCH_NEWER_CUDA_VERSION"],
        "tensorflow-cpu": PINS["TENSORFLOW_VERSION"],
        f"tensorflow-{PINS['TENSORFLOW_CUDA']}": PINS["TENSORFLOW_VERSION"],
    }
    assert {name: facts["engine_version"] for name, facts in FLAVOURS.items()} == expected


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_cpu_torch_is_the_upstream_wheel_and_no_other(flavour):
    lock = LOCKS[flavour]
    if flavour.startswith("pytorch-cu"):
        assert "+" not in lock["torch"][0]
        return
    assert lock["torch"] == (PINS["TORCH_CPU_VERSION"] + "+cpu", [PINS["TORCH_CPU_SHA256"]])
    version, hashes = lock["torchvision"]
    assert version == PINS["TORCHVISION_CPU_VERSION"], "without a local version, so that the registry's serves too"
    assert PINS["TORCHVISION_CPU_SHA256"] in hashes
    assert len(hashes) > 1, "the public registry's own wheel must serve as well"


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_locks_leave_out_what_is_never_loaded(flavour):
    unwanted = {"opencv-python", "imageio-ffmpeg", "hf-xet", "libclang", "tensorboard-data-server", "openvino"}
    unwanted |= {name for name in LOCKS[flavour] if name.startswith(("pyside", "pyqt", "napari"))}
    assert not unwanted & set(LOCKS[flavour])
    if flavour == "tensorflow-cpu":
        assert "tensorflow" not in LOCKS[flavour]
    if FLAVOURS[flavour]["device"] == "cpu":
        assert not [name for name in LOCKS[flavour] if name.startswith(("nvidia-", "cuda-", "triton"))]


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_multi_animal_trackers_have_the_kalman_filter_that_they_were_written_for(flavour):
    version, hashes = LOCKS[flavour]["filterpy"]
    assert version.split(".")[0] == "1", "2.0.0 makes DeepLabCut's trackers lose their animals"
    assert len(hashes) == 1, "there is a source archive only"
    for name in ("docker/install.sh", "dlcctr/runtime/native/environment.py", "scripts/lock.py"):
        assert "filterpy" in (ROOT / name).read_text(encoding="utf-8"), name


def test_openvino_has_a_lock_of_its_own_and_a_folder_that_all_know():
    lock = read_lock("openvino")
    assert set(lock) == {"openvino"}, "numpy is there, and telemetry is not wanted"
    assert lock["openvino"][0] == PINS["OPENVINO_VERSION"]
    for name in ("docker/install.sh", "docker/facts.py", "docker/slim.sh"):
        assert OPENVINO_FOLDER in (ROOT / name).read_text(encoding="utf-8"), name


def test_no_lock_names_an_index():
    for path in (ROOT / "requirements").iterdir():
        assert not re.search(r"https?://|--index-url|--find-links", path.read_text(encoding="utf-8")), path.name


def test_base_image_is_pinned_by_digest():
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", PINS["BASE_DIGEST"])
    assert f"ARG BASE_IMAGE={PINS['BASE_IMAGE']}@{PINS['BASE_DIGEST']}\n" in DOCKERFILE


def test_files_of_the_image_have_one_time_stamp_wherever_they_are_made():
    assert f"\nARG SOURCE_DATE_EPOCH={PINS['SOURCE_DATE_EPOCH']}\n" in DOCKERFILE
    assert "export SOURCE_DATE_EPOCH" in (ROOT / "scripts" / "base.sh").read_text(encoding="utf-8")
    for name in ("install.sh", "slim.sh", "app.sh"):
        last = (ROOT / "docker" / name).read_text(encoding="utf-8").splitlines()[-1]
        assert last.startswith("find ") and last.endswith('touch -h -d "@$SOURCE_DATE_EPOCH" {} +'), name


def test_default_flavour_is_tensorflow_cuda():
    assert f"\nARG FLAVOUR=tensorflow-{PINS['TENSORFLOW_CUDA']}\n" in DOCKERFILE


def test_dockerfile_suits_the_classic_builder():
    assert not re.search(r"^RUN.*--mount|<<|^# syntax", DOCKERFILE, re.MULTILINE)


def test_the_default_user_is_a_number_and_no_persons():
    """Kubernetes' runAsNonRoot refuses names; distributions give people numbers from 1000 to 60000."""
    assert re.findall(r"^USER (.*)$", DOCKERFILE, re.MULTILINE) == [f"{IMAGE_UID}:{IMAGE_UID}"]
    assert 60000 < IMAGE_UID < 65534


def test_fixed_labels_and_arguments_follow_the_sources():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert f"org.dlcctr.contract={CONTRACT_VERSION} " in DOCKERFILE
    assert f"org.dlcctr.deeplabcut={PINS['DEEPLABCUT_VERSION']} " in DOCKERFILE
    assert set(re.findall(r"^ARG VERSION=(\S+)", DOCKERFILE, re.MULTILINE)) == {project["version"]}
    assert f"python{PINS['PYTHON_VERSION']} " in DOCKERFILE
