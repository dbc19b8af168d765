"""A campaign in the cluster's shared folder, driven as a person drives it: dlcctr or the SIF on the login node."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests import media
from tests.cluster.cluster import Cluster

HOSTILE = "a b's $(touch pwned) %d, ü.mp4"
OPTIONS = ("--gres", "gpu:1", "--account", "lab", "--cpus", "1", "--mem-gb", "3", "--allow-cpu", "--fps", "20")
"""What the bench wants; its GPUs are no GPUs, so the CPU is allowed, and the speed is what a small network has here."""


@dataclass(frozen=True)
class SlurmCampaign:
    """Videos, model and SIF in a folder of the cluster's user."""

    cluster: Cluster
    folder: Path
    sif: Path

    @property
    def manifest(self) -> Path:
        return self.folder / "m.csv"

    @property
    def results(self) -> Path:
        return self.folder / "results"

    def dlcctr(self, *words: str | Path, code: int | Sequence[int] = 0, timeout_s: float = 300) -> str:
        """Run dlcctr on the login node and insist on its exit code; gives what it printed."""
        done = self.cluster.dlcctr(list(words), cwd=self.folder, timeout_s=timeout_s)
        return insist(done, code)

    def image(self, *words: str | Path, code: int | Sequence[int] = 0, stdin: str | None = None) -> str:
        """Run the SIF on the login node, as a person does who has nothing else."""
        argv = ["singularity", "--quiet", "run", "--bind", self.folder, self.sif, *words]
        done = self.cluster.run_as_user(argv, cwd=self.folder, stdin=stdin, timeout_s=300)
        return insist(done, code)

    def submit(self, *options: str | Path) -> dict[str, Any]:
        return json.loads(self.dlcctr("submit", self.manifest, "--image", self.sif, *OPTIONS, "--json", *options))

    def status(self, code: int | Sequence[int] = (0, 20, 75)) -> dict[str, Any]:
        return json.loads(self.dlcctr("status", self.manifest, "--json", code=code))

    def rows(self) -> dict[int, dict[str, Any]]:
        return {row["index"]: row for row in self.status()["rows"]}

    def wait(self, timeout_s: float, code: int | Sequence[int] = (0, 20)) -> dict[str, Any]:
        """`dlcctr status --wait`: until nothing is queued or running."""
        words = ["status", self.manifest, "--wait", "--interval", "2", "--json"]
        return json.loads(self.dlcctr(*words, code=code, timeout_s=timeout_s))

    def check(self, *options: str, code: int | Sequence[int] = 0) -> dict[str, Any]:
        return json.loads(self.dlcctr("check", self.manifest, "--json", *options, code=code))

    def receipts(self) -> dict[int, dict[str, Any]]:
        found = [json.loads(path.read_text()) for path in self.results.rglob("receipt.json")]
        return {receipt["row"]["index"]: receipt for receipt in found}

    def logs(self) -> str:
        return "\n".join(path.read_text(errors="replace") for path in sorted(self.folder.rglob("*.log")))


def insist(done: subprocess.CompletedProcess[str], code: int | Sequence[int]) -> str:
    wanted = (code,) if isinstance(code, int) else code
    said = f"{shlex.join(map(str, done.args))[-300:]}\n{done.stdout}\n{done.stderr}"
    assert done.returncode in wanted, f"exit code {done.returncode}, not {wanted}: {said}"
    return done.stdout


def make_videos(folder: Path, count: int, frames: int = 12) -> None:
    """`count` short videos of different content and length, one with a name that a shell would stumble over."""
    (folder / "odd").mkdir(parents=True)
    for number in range(count):
        name = HOSTILE if number == 0 else f"v{number:03}.mp4"
        media.write_video(folder / ("odd" if number % 5 == 1 else ".") / name, frames + number % 4, first=number)


def make_campaign(cluster: Cluster, name: str, model: Path, sif: Path, count: int = 0) -> SlurmCampaign:
    """Lay everything out for the user, and make the manifest with the SIF: the login node has no video library.

    Without a count the videos are there already.
    """
    folder = cluster.scratch / name
    if count:
        make_videos(folder / "videos", count)
    shutil.copytree(model, folder / "model")
    own(cluster, folder)
    campaign = SlurmCampaign(cluster, folder, sif)
    campaign.image("manifest", folder / "videos", "-o", campaign.manifest, "--model", folder / "model")
    return campaign


def own(cluster: Cluster, folder: Path) -> None:
    """Give a folder to the cluster's user."""
    for path in (folder, *folder.rglob("*")):
        os.chown(path, cluster.uid, cluster.uid)
