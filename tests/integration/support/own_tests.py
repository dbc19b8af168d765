"""DeepLabCut's own tests, of the source distribution that the locks name: fetched, laid out and accounted for."""

from __future__ import annotations

import fnmatch
import json
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from dlcctr.image.flavours import list_flavours, read_pins
from dlcctr.image.package_sources import resolve_sources
from dlcctr.system.files import sha256_file
from dlcctr.system.source_tree import own_sources

SUPPORT = Path(__file__).parent
CACHE = SUPPORT.parents[2] / ".cache" / "deeplabcut"
PYTEST = ("pytest", "pluggy", "iniconfig", "packaging", "pygments")
"""Distributions that pytest needs on the image's Python; all pure Python. It is no part of the image."""
BOOT = (
    "import sys; from pathlib import Path; work = Path.cwd(); sys.path += [str(work / 'pytest'), *sys.argv[1:2]]; "
    "sys.argv[1:2] = []; import pytest; sys.exit(pytest.main(['-q', '-p', 'no:cacheprovider', '-c', 'pytest.ini', "
    "'--tb=short', *sys.argv[1:]]))"
)
"""Arguments: a folder to import `entrypoint` from where it is not installed, then pytest's."""


def fetch_distribution() -> Path:
    """Source distribution of the pinned DeepLabCut, from the package index; kept, and one of the lock's hashes."""
    lines = own_sources().read(list_flavours()[0].lock).splitlines()
    first = next(n for n, line in enumerate(lines) if line.startswith("deeplabcut=="))
    last = next(n for n in range(first, len(lines)) if not lines[n].endswith("\\"))
    pin = "\n".join(lines[first : last + 1]) + "\n"
    file = CACHE / f"deeplabcut-{read_pins()['DEEPLABCUT_VERSION']}.tar.gz"
    if not file.is_file() or sha256_file(file) not in pin:
        CACHE.mkdir(parents=True, exist_ok=True)
        (CACHE / "deeplabcut.txt").write_text(pin)
        argv = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", ":all:", "--dest", CACHE]
        argv += ["--no-build-isolation", "--require-hashes", "-r", CACHE / "deeplabcut.txt", *index_options()]
        subprocess.run(argv, check=True)
    assert sha256_file(file) in pin
    return file


def index_options() -> list[str]:
    """pip's options for the index that image builds use here."""
    sources = resolve_sources()
    words = ["--index-url", sources.index_url] if sources.index_url else []
    return words + (["--cert", str(sources.ca_bundle)] if sources.ca_bundle else [])


def lay_out(work: Path) -> list[str]:
    """Make a folder to run them in: the tests, our data for them, two tests of ours, pytest. Gives the tests' files."""
    tests = work / "tests"
    tests.mkdir(parents=True)
    with tarfile.open(fetch_distribution()) as archive:
        for member in archive:
            folder, _, name = member.name.rpartition("/")
            stream = archive.extractfile(member) if folder.endswith("/tests") and name.startswith("test_") else None
            if stream is not None:
                (tests / name).write_bytes(stream.read())
    found = sorted(file.name for file in tests.iterdir())
    shutil.copy(SUPPORT / "own_tests_conftest.py", tests / "conftest.py")
    shutil.copy(SUPPORT / "own_tests_filters.py", tests / "test_filters.py")
    (work / "pytest.ini").write_text("[pytest]\n")
    for name in PYTEST:
        for file in metadata.files(name) or []:
            if ".." not in file.parts and "__pycache__" not in file.parts:
                target = work / "pytest" / file
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(str(file.locate()), target)
    return found


@dataclass(frozen=True)
class Known:
    """Tests that do not pass, and why.

    Parameters
    ----------
    tests : str
        Pattern of their ids, such as ``test_video.py::*``.
    outcome : str
        ``failed``, ``error`` (a fixture that is not there) or ``skipped``.
    cause : str
    engine : str
        Flavours of this engine only.
    """

    tests: str
    outcome: str
    cause: str
    engine: str = ""


def read_outcomes(work: Path) -> dict[str, tuple[str, str]]:
    """Id of each test to what became of it and the end of what it said."""
    table = json.loads((work / "tests" / "outcomes.json").read_text())
    return {name.removeprefix("tests/"): (outcome, said) for name, (outcome, said) in table.items()}


def account(outcomes: Mapping[str, tuple[str, str]], known: Sequence[Known]) -> list[str]:
    """What differs from the table: a test with an outcome that it does not say, and a line without a test."""
    problems = []
    used: set[str] = set()
    for name, (outcome, said) in outcomes.items():
        line = find_line(name, known)
        used |= {line.tests} if line else set()
        wanted = line.outcome if line else "passed"
        if outcome != wanted:
            why = f" ({line.cause})" if line else ""
            problems.append(f"{name}: {outcome} instead of {wanted}{why}\n{said}")
    return problems + [f"{line.tests}: no such test" for line in known if line.tests not in used]


def find_line(name: str, known: Iterable[Known]) -> Known | None:
    """First line whose pattern is the test's; brackets of parameters mean themselves."""
    return next((line for line in known if fnmatch.fnmatchcase(name, line.tests.replace("[", "[[]"))), None)
