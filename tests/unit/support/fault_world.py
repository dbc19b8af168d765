"""All that commands talk to, as functions: Slurm, Apptainer, Docker, and a cluster behind ssh and rsync."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

import pytest

from dlcctr.campaign.manifest import read_manifest
from dlcctr.contract import CONTRACT_VERSION, FAILURE_SUFFIX, LABEL_PREFIX, PRIVATE_PREFIX, RECEIPT_FILENAME
from dlcctr.transfer.remote.shell import BEGIN
from tests.unit.image.test_build import write_archive
from tests.unit.slurm.site.test_propose import ASSOCIATIONS, CONFIG, PARTITIONS, QOS, SINFO
from tests.unit.support import fake_programs
from tests.unit.support.disk_faults import another_program
from tests.unit.support.fake_programs import Answer, Call, Program
from tests.unit.support.results import Bench
from tests.unit.support.slurm_case import squeue_line, squeue_text

REAL = subprocess.Popen
THERE = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin"}
"""Environment on the other machine."""
SIF = b"#!/usr/bin/env run-singularity\n".ljust(32, b"\0") + b"SIF_MAGIC"
LABELS = {f"{LABEL_PREFIX}contract": str(CONTRACT_VERSION), f"{LABEL_PREFIX}flavour": "pytorch-cpu"}
BOM = json.dumps({"bomFormat": "CycloneDX", "components": [{"name": "numpy", "version": "2", "purl": "pkg:pypi/x"}]})
DIGEST = "sha256:" + "c" * 64
HOST = "cluster"
FAR = "mice"
"""Folder of the campaign on the other machine."""


@dataclass
class World:
    """This machine's folder, in which the disk fails, and all others, which are well.

    Attributes
    ----------
    jobs : dict
        Slurm's jobs that wait: id to name and number of tasks.
    bench : Bench or None
        Campaign whose rows `analyze` finishes.
    """

    here: Path
    jobs: dict[str, tuple[str, int]] = field(default_factory=dict)
    bench: Bench | None = None
    sent: int = 0

    def __post_init__(self) -> None:
        for name in ("tmp", "cache"):
            (self.here / name).mkdir(parents=True)
        self.there.mkdir()

    @property
    def there(self) -> Path:
        """Home folder on the other machine."""
        return self.here.with_name(f"{self.here.name}-there")

    @property
    def programs(self) -> dict[str, Program]:
        """Every program that is installed here."""
        slurm = {name: getattr(self, name) for name in ("sbatch", "squeue", "sacct", "scancel", "scontrol")}
        asked = {"sinfo": SINFO, "sacctmgr": ""}
        own = {name: getattr(self, name) for name in ("apptainer", "docker", "ssh", "rsync")}
        own["python"] = lambda _: Answer()  # pip's settings
        return {**slurm, **own, **{name: lambda call, name=name: self.ask(name, call) for name in asked}}

    def enter(self, patch: pytest.MonkeyPatch) -> None:
        """Let commands find these programs, and write what is temporary or cached below this folder too."""
        fake_programs.install(patch, self.programs)
        patch.setattr(tempfile, "tempdir", str(self.here / "tmp"))
        for name, place in {"TMPDIR": "tmp", "XDG_CACHE_HOME": "cache", "DLCCTR_SITES": "sites"}.items():
            patch.setenv(name, str(self.here / place))
        for name in [name for name in os.environ if name.startswith(("SLURM", "SBATCH", "DOCKER", "CUDA"))]:
            patch.delenv(name)

    # --- Slurm ---------------------------------------------------------------------------------------------------

    def sbatch(self, call: Call) -> Answer:
        given = dict(word[2:].partition("=")[::2] for word in call.argv if word.startswith("--"))
        if "test-only" in given:
            return Answer()
        self.sent += 1
        number, last = str(500 + self.sent), given["array"].partition("%")[0].rpartition("-")[2]
        self.jobs[number] = given["job-name"], int(last) + 1
        return Answer(out=f"{number}\n".encode())

    def squeue(self, call: Call) -> Answer:
        given = dict(word[2:].partition("=")[::2] for word in call.argv if word.startswith("--"))
        ids, names = given.get("jobs", "").split(","), given.get("name", "").split(",")
        lines = [squeue_line(task, "PENDING", job=number, name=name)
                 for number, (name, count) in self.jobs.items() if number in ids or name in names
                 for task in range(count)]  # fmt: skip
        return Answer(out=squeue_text(*lines).encode())

    def sacct(self, _: Call) -> Answer:
        return Answer(1, said=b"Slurm accounting storage is disabled\n")

    def scancel(self, call: Call) -> Answer:
        for word in call.argv[1:]:
            self.jobs.pop(word.partition("_")[0], None)
        return Answer()

    def scontrol(self, call: Call) -> Answer:
        return Answer(out=(PARTITIONS if "partition" in call.argv else CONFIG).encode())

    def ask(self, name: str, call: Call) -> Answer:
        said = {"user": "lab\n", "associations": ASSOCIATIONS, "qos": QOS}
        return Answer(out=(SINFO if name == "sinfo" else said[call.argv[4]]).encode())

    # --- containers ----------------------------------------------------------------------------------------------

    def apptainer(self, call: Call) -> Answer:
        word = call.argv[1]
        if word == "inspect":
            return Answer(out=json.dumps({"data": {"attributes": {"labels": LABELS}}}).encode())
        if word == "build" and "--help" not in call.argv:
            (call.cwd / call.argv[-2]).write_bytes(SIF)
        if word == "exec":
            return Answer(out=BOM.encode())
        if word == "run" and "analyze" in call.argv:
            self.analyze(int(call.argv[call.argv.index("--index") + 1]))
        return Answer(out=b"apptainer version 1.4.5\n  --mksquashfs-args string\n")

    def analyze(self, index: int) -> None:
        assert self.bench
        if not self.bench.folder(index).exists():
            self.bench.commit(index)

    def docker(self, call: Call) -> Answer:
        if call.argv[1] == "context":
            return Answer(1)
        if "{{.Size}}" in call.argv:
            return Answer(out=b"1000000\n")
        if call.argv[1] == "image":
            return Answer(out=(json.dumps(LABELS) if "{{json .Config.Labels}}" in call.argv else DIGEST).encode())
        return Answer(out=b"27.0.1\n")

    # --- the other machine ---------------------------------------------------------------------------------------

    def ssh(self, call: Call) -> Answer:
        """Another program than OpenSSH's: it says nothing of its settings, and so logs in for each command."""
        if call.argv[1] == "-G":
            return Answer(255)
        command = call.argv[-1]
        if found := re.fullmatch(r"cd (\S+) \|\| exit [0-9]+; (dlcctr .*)", command):
            return self._dlcctr_there(self.there / found[1], shlex.split(found[2]))
        process = REAL(["sh", "-c", command], cwd=self.there, env=THERE, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        out, _ = process.communicate(call.stdin)
        return Answer(process.returncode, out.replace(b"yes\nyes\n", b"yes\nyes\nrsync\n") if BEGIN in out else out)

    def _dlcctr_there(self, folder: Path, words: list[str]) -> Answer:
        """`submit` on a cluster without a queue: the rows are finished at once."""
        assert self.bench
        if words[1] == "submit":
            rows = read_manifest(folder / "m.csv")
            there = replace(self.bench, campaign=replace(self.bench.campaign, out=folder / "results"), rows=rows)
            first, _, last = words[words.index("--rows") + 1].partition("-")
            for index in range(int(first), int(last or first) + 1):
                if not there.folder(index).exists():
                    there.commit(index)
        return Answer(out=json.dumps({"arrays": [{}]}).encode())

    def rsync(self, call: Call) -> Answer:
        if "--version" in call.argv:
            return Answer(out=b"rsync  version 3.2.7  protocol version 31\n")
        source, target = call.argv[-2:]
        far, near = f"{HOST}:", Path(target if ":" in source else source)
        folder = self.there / (source if ":" in source else target).removeprefix(far)
        pairs = list(_pairs(call, folder, near) if ":" in source else _pairs(call, near, folder))
        if "--delete" in call.argv:
            shutil.rmtree(near)
            near.mkdir()
        with another_program(is_another=":" not in source):  # what it writes here, it writes on the failing disk
            return _copy(pairs)


def _pairs(call: Call, source: Path, target: Path) -> Iterator[tuple[Path, Path]]:
    """Files that an rsync is told to take, and where they go."""
    words = call.stdin.split(b"\0")[:-1] if "--files-from=-" in call.argv else [b"."]
    only = [word.removeprefix("--include=*") for word in call.argv if word.startswith("--include=")]
    at_top = [word.removeprefix("--include=/") for word in only if word.startswith("--include=/")]
    if at_top:
        yield from ((file, target / file.name) for pattern in at_top for file in sorted(source.glob(pattern)))
        return
    endings = tuple(only[1:] and (RECEIPT_FILENAME, FAILURE_SUFFIX))
    for name in map(os.fsdecode, words):
        files = [source / name] if (source / name).is_file() else sorted((source / name).rglob("*"))
        for file in files:
            hidden = any(part.startswith(PRIVATE_PREFIX) for part in file.relative_to(source).parts)
            wanted = file.name.endswith(endings) if endings else file.suffix != ".lock"
            if file.is_file() and wanted and not hidden:
                yield file, target / file.relative_to(source)


def _copy(pairs: Sequence[tuple[Path, Path]]) -> Answer:
    """Copy as rsync does: under a temporary name first. What it says of errors are the words of rsync 3.2."""
    for source, target in pairs:
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            return _failed(f'[generator] recv_generator: mkdir "{target.parent}" failed', error, 11)
        part, words = target.with_name(f".{target.name}.XbX0wd"), f'[receiver] mkstemp "{target}" failed'
        try:
            with part.open("wb") as stream:
                words = f'[receiver] write failed on "{target}"'
                stream.write(source.read_bytes())
            shutil.copystat(source, part)
            words = f'[receiver] rename "{part}" -> "{target.name}"'
            part.replace(target)
        except OSError as error:
            return _failed(words, error, 11 if words.startswith("[receiver] write") else 23)
        finally:
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)
    return Answer(out=b"  1,238 100%  146.38kB/s    0:00:00\r")


def _failed(words: str, error: OSError, code: int) -> Answer:
    ending = f"rsync error: error in file IO (code {code}) at receiver.c(380) [receiver=3.2.7]"
    return Answer(code, said=f"rsync: {words}: {error.strerror} ({error.errno})\n{ending}\n".encode())


class FakeEngine:
    """Stands for the Docker SDK's client, and for its one image."""

    attrs: ClassVar[dict[str, Any]] = {"Id": DIGEST, "Size": 1, "Os": "linux", "Architecture": "amd64"}

    def __init__(self, **_: Any) -> None:
        self.images = self

    def ping(self) -> None: ...

    def close(self) -> None: ...

    def get(self, tag: str) -> FakeEngine:
        assert tag
        return self

    def save(self, named: str) -> Iterator[bytes]:
        with another_program(), tempfile.TemporaryDirectory(dir="/tmp") as folder:
            write_archive(Path(folder) / "a.tar", ["1/layer.tar"], ["1/layer.tar"])
            data = (Path(folder) / "a.tar").read_bytes()
        yield data[:3000]
        yield data[3000:]
