"""The native environment: which Python, in which order, whole or made again, one process at a time."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from dlcctr.contract import OPENVINO_FOLDER
from dlcctr.errors import CommandFailedError, ToolMissingError
from dlcctr.image.flavours import Flavour
from dlcctr.runtime.native import environment as native
from dlcctr.system import processes as run

FLAVOUR = Flavour("pytorch", "2.13.0", "cpu")
LOCK = """\
numpy==2 \\
    --hash=sha256:aa
torch==2.13.0+cpu \\
    --hash=sha256:bb \\
    --hash=sha256:cc
zope==1 \\
    --hash=sha256:dd
"""
APART = "openvino==1 \\\n    --hash=sha256:ee\n"


@dataclass
class FakeMachine:
    """Stands at the process boundary: Pythons that answer their version, `venv` that makes files, and pip."""

    pythons: dict[str, str]
    pip_codes: list[int] = field(default_factory=list)
    installed: list[str] = field(default_factory=list)
    pip_words: list[list[str]] = field(default_factory=list)

    def which(self, name: str) -> str | None:
        return name if name in self.pythons else None

    def run(self, argv: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        if "venv" in argv:
            folder = Path(argv[-1])
            (folder / "bin").mkdir(parents=True)
            (folder / "bin" / "python").symlink_to("/bin/sh")
            (folder / "lib/python3.11/site-packages").mkdir(parents=True)
            (folder / "pyvenv.cfg").write_text("home = /usr/bin\n")
            return subprocess.CompletedProcess(argv, 0, "", "")
        return subprocess.CompletedProcess(argv, 0, self.pythons[argv[0]], "")

    def start(self, argv: list[str], **_: object) -> FakeProcess:
        self.installed.append(Path(argv[argv.index("-r") + 1]).name)
        self.pip_words.append(argv)
        return FakeProcess(self.pip_codes.pop(0) if self.pip_codes else 0)


@dataclass
class FakeProcess:
    returncode: int

    def wait(self, timeout: float | None = None) -> int:
        return self.returncode

    def poll(self) -> int:
        return self.returncode


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeMachine:
    fake = FakeMachine({"python3.11": "3.11.2 yes\n"})
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("DLCCTR_PYTHON", raising=False)
    monkeypatch.setattr("shutil.which", fake.which)
    monkeypatch.setattr(run, "run", fake.run)
    monkeypatch.setattr(run, "start", fake.start)
    monkeypatch.setattr(native, "read_lock", lambda _: LOCK)
    monkeypatch.setattr(native, "read_apart", lambda _: APART)
    return fake


def test_the_pythons_version_is_asked_for(machine: FakeMachine) -> None:
    machine.pythons |= {"python3": "3.12.1 yes", "python3.11": "3.11.9 yes"}
    assert native.find_python("3.11") == native.Interpreter("python3.11", "3.11.9")


def test_a_named_python_comes_first(machine: FakeMachine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.pythons["/opt/py/bin/python"] = "3.11.4 yes"
    monkeypatch.setenv("DLCCTR_PYTHON", "/opt/py/bin/python")
    assert native.find_python("3.11").path == "/opt/py/bin/python"


@pytest.mark.parametrize(
    ("answer", "problem"),
    [("3.12.1 yes", "no Python 3.11 was found"), ("3.11.2 no", "lacks its venv module"), ("", "no Python 3.11")],
)
def test_what_is_missing_is_named_with_the_remedy(machine: FakeMachine, answer: str, problem: str) -> None:
    machine.pythons["python3.11"] = answer
    with pytest.raises(ToolMissingError, match=problem) as caught:
        native.find_python("3.11")
    assert "apt-get install python3.11-venv" in caught.value.hint


def test_torch_goes_first_and_a_second_call_installs_nothing(machine: FakeMachine) -> None:
    said: list[str] = []
    python = native.ensure_environment(FLAVOUR, say=said.append)
    assert machine.installed == ["torch.lock", "all.lock", "openvino.lock"]
    assert any("this takes minutes" in line for line in said)
    assert native.ensure_environment(FLAVOUR, say=said.append) == python
    assert len(machine.installed) == 3
    assert "--require-hashes" in machine.pip_words[0] and "--no-deps" in machine.pip_words[0]


def test_the_torch_step_holds_torch_alone() -> None:
    steps = dict(native._install_steps(LOCK))
    assert steps["torch"].splitlines()[0].startswith("torch==2.13.0+cpu") and steps["torch"].count("sha256") == 2
    assert steps["all"] == LOCK
    assert [name for name, _ in native._install_steps(LOCK.replace("+cpu", ""))] == ["all"]


def test_the_source_archive_is_built_by_the_locks_own_setuptools(machine: FakeMachine) -> None:
    lock = (
        "filterpy==1.4.5 \\\n    --hash=sha256:ff\nsetuptools==82 \\\n    --hash=sha256:aa\nzope==1 --hash=sha256:dd\n"
    )
    steps = native._install_steps(lock)
    assert [name for name, _ in steps] == ["setuptools", "filterpy", "all"]
    assert dict(steps)["filterpy"] == "filterpy==1.4.5 \\\n    --hash=sha256:ff\n"


def test_torch_that_cannot_be_had_is_explained(machine: FakeMachine) -> None:
    machine.pip_codes = [1]
    with pytest.raises(ToolMissingError, match=r"torch==2\.13\.0\+cpu") as caught:
        native.ensure_environment(FLAVOUR, say=lambda _: None)
    assert "DLCCTR_WHEELS" in caught.value.hint and "DLCCTR_EXTRA_INDEX_URL" in caught.value.hint


def test_an_environment_that_was_cut_short_is_made_again(machine: FakeMachine) -> None:
    machine.pip_codes = [0, 0, 1]
    with pytest.raises(CommandFailedError):
        native.ensure_environment(FLAVOUR, say=lambda _: None)
    native.ensure_environment(FLAVOUR, say=lambda _: None)
    assert machine.installed == ["torch.lock", "all.lock", "openvino.lock"] * 2


def test_openvino_goes_where_an_import_does_not_find_it(machine: FakeMachine) -> None:
    python = native.ensure_environment(FLAVOUR, say=lambda _: None)
    *others, words = machine.pip_words
    assert Path(words[words.index("--target") + 1]).name == OPENVINO_FOLDER
    assert Path(words[words.index("--target") + 1]).parent.name == "site-packages"
    assert not [each for each in others if "--target" in each]
    assert python.exists()


def test_openvino_is_for_cpus() -> None:
    assert native.read_apart(FLAVOUR).startswith("openvino==")
    assert native.read_apart(Flavour("pytorch", "2.7.1", "cu126")) == ""


def test_another_lock_is_another_environment(machine: FakeMachine, monkeypatch: pytest.MonkeyPatch) -> None:
    first = native.ensure_environment(FLAVOUR, say=lambda _: None)
    monkeypatch.setattr(native, "read_lock", lambda _: LOCK + "more==1\n")
    assert native.ensure_environment(FLAVOUR, say=lambda _: None) != first


def test_the_code_layer_holds_this_dlcctr_and_points_at_the_packages(machine: FakeMachine) -> None:
    python = native.ensure_environment(FLAVOUR, say=lambda _: None)
    site = python.parents[1] / "lib/python3.11/site-packages"
    assert (site / "dlcctr/contract.py").is_file() and (site / "entrypoint/app.py").is_file()
    pointer = (site / "dlcctr_packages.pth").read_text()
    assert f"env-{FLAVOUR.name}-" in pointer and "addsitedir" in pointer
    assert not list(site.rglob("__pycache__"))


def test_pip_is_told_of_wheels_and_of_the_indexes_that_images_are_built_from(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DLCCTR_WHEELS", str(tmp_path))
    monkeypatch.setenv("DLCCTR_EXTRA_INDEX_URL", "https://one.example https://two.example")
    monkeypatch.setenv("DLCCTR_CA_BUNDLE", "/etc/my ca.pem")
    words = native._sources([])
    assert words[words.index(str(tmp_path)) - 1] == "--find-links"
    assert [words[i + 1] for i, word in enumerate(words) if word == "--extra-index-url"] == [
        "https://one.example",
        "https://two.example",
    ]
    assert words[words.index("--cert") + 1] == "/etc/my ca.pem"
