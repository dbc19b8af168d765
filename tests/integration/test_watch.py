"""A lab's day in fast motion: videos arrive in every way, `watch` is killed, each has one result in the end."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dlcctr.campaign.manifest import read_manifest
from tests import media
from tests.cluster.cluster import Cluster
from tests.docker.apptainer import CHECKOUT
from tests.integration.support.campaigns import check, dlcctr
from tests.integration.support.slurm_campaign import OPTIONS
from tests.integration.test_slurm_campaign import model, sif  # noqa: F401

pytestmark = pytest.mark.real

SEED = 5
GAVE_UP = "not finished this round"
OUTAGE_S = 180.0
KILLS = 5
END_S = 900.0


class Lab:
    """A folder of videos on this machine, ssh to the cluster, and a watch that is started again and again."""

    def __init__(self, folder: Path, cluster: Cluster, model: Path, sif: Path) -> None:  # noqa: F811
        self.folder, self.cluster = folder, cluster
        self.videos, self.made = folder / "videos", folder / "made"
        self.manifest = folder / "m.csv"
        self.far = cluster.scratch / "watched"
        self.config = folder / "ssh.conf"
        self.config.write_text(
            f'Host bench\n  HostName {cluster.address}\n  User student\n  IdentityFile "{cluster.ssh_key}"\n'
            f'  IdentitiesOnly yes\n  UserKnownHostsFile "{cluster.known_hosts}"\n  StrictHostKeyChecking yes\n'
        )
        self.sif = sif
        self.options = " ".join(["--image", str(sif), *OPTIONS])
        self.videos.mkdir()
        self.made.mkdir()
        for number in range(6):
            media.write_video(self.made / f"v{number}.mp4", 12, first=number)
        shutil.copy(self.made / "v0.mp4", self.videos)
        dlcctr("manifest", self.videos, "-o", self.manifest, "--model", model)

    def start(self) -> subprocess.Popen[str]:
        words = ["watch", self.manifest, "--to", f"bench:{self.far}", "--interval", "2", "--settle", "3"]
        argv = [sys.executable, "-m", "dlcctr", *map(str, words), "--submit", self.options]
        environment = {**os.environ, "PYTHONPATH": str(CHECKOUT), "DLCCTR_SSH": f"ssh -F '{self.config}'"}
        log = (self.folder / "watch.log").open("a")
        with log:
            return subprocess.Popen(
                argv, stdout=log, stderr=subprocess.STDOUT, text=True, env=environment, stdin=subprocess.DEVNULL
            )

    def day(self) -> None:
        """Videos in a burst, slowly, under a temporary name, renamed, twice, and one that is never whole."""
        for number in (1, 2):
            shutil.copy(self.made / f"v{number}.mp4", self.videos)
        time.sleep(2)
        data = (self.made / "v3.mp4").read_bytes()
        with (self.videos / "slow it's.mp4").open("wb", buffering=0) as stream:
            for start in range(0, len(data), len(data) // 8 + 1):
                stream.write(data[start : start + len(data) // 8 + 1])
                time.sleep(1)
        half = (self.made / "v4.mp4").read_bytes()
        (self.videos / "never whole.mp4").write_bytes(half[: len(half) // 2])
        shutil.copy(self.made / "v5.mp4", self.videos / "v5.tmp.mp4")
        time.sleep(6)
        (self.videos / "v5.tmp.mp4").rename(self.videos / "v5.mp4")
        shutil.copy(self.made / "v2.mp4", self.videos / "again $(touch pwned).mp4")
        end = time.monotonic() + 120
        while len(read_manifest(self.manifest)) < 3 and time.monotonic() < end:
            time.sleep(1)
        (self.videos / "v1.mp4").rename(self.videos / "renamed.mp4")

    def trouble(self, number: int) -> None:
        """The network is away for a while, and another time the cluster's controller."""
        if number == 2:
            self.cluster.run_as_root(["touch", "/run/bench/sshd.off"])
            self.cluster.run_as_root(["pkill", "-KILL", "sshd"], check=False)
            threading.Thread(target=self._end_outage, args=(self.said.count(GAVE_UP),), daemon=True).start()
        elif number == 4:
            self.cluster.restart_controller()

    def _end_outage(self, before: int) -> None:
        """Bring the network back once a round has met its absence, however long that takes on a busy machine."""
        end = time.monotonic() + OUTAGE_S
        while self.said.count(GAVE_UP) == before and time.monotonic() < end:
            time.sleep(0.5)
        self.cluster.run_as_root(["rm", "-f", "/run/bench/sshd.off"])

    @property
    def said(self) -> str:
        return (self.folder / "watch.log").read_text()

    def is_done(self) -> bool:
        rows = read_manifest(self.manifest)
        results = list((self.folder / "results").glob("[!.]*/*/receipt.json"))
        return len(rows) == len(results) == 5


@pytest.fixture
def lab(cluster: Cluster, model: Path, sif: Path, tmp_path: Path) -> Iterator[Lab]:  # noqa: F811
    subprocess.run(["sh", str(CHECKOUT / "scripts" / "staging-tools.sh")], check=True)
    yield Lab(tmp_path, cluster, model, sif)


def test_a_day(lab: Lab) -> None:
    chance = random.Random(SEED)
    day = threading.Thread(target=lab.day, daemon=True)
    day.start()
    kills, end = 0, time.monotonic() + END_S
    process = lab.start()
    try:
        while not lab.is_done() and time.monotonic() < end:
            if kills < KILLS:
                time.sleep(chance.uniform(2, 8))
                process.send_signal(signal.SIGKILL)
                process.wait()
                kills += 1
                lab.trouble(kills)
                process = lab.start()
            time.sleep(1)
    finally:
        process.terminate()
        process.wait(120)
        day.join(30)
    assert lab.is_done(), lab.said[-4000:]
    assert kills >= 3
    assert GAVE_UP in lab.said  # the network was away
    rows = read_manifest(lab.manifest)
    assert {row.video for row in rows} == {"v0.mp4", "v1.mp4", "v2.mp4", "slow it's.mp4", "v5.mp4"}
    assert len({row.fingerprint for row in rows}) == 5
    answer = check(lab.manifest)
    assert answer["totals"]["whole"] == 5, answer
    assert len(list((lab.far / "results").glob("[!.]*/*/receipt.json"))) == 5
    state = (lab.folder / "slurm" / "m" / "watch.json").read_text()
    assert "never whole.mp4" in state
    assert "the same content as row" in state
    assert not list(lab.folder.rglob("pwned"))
    assert not list(lab.cluster.scratch.rglob("pwned"))
    # nothing new, nothing open but the half video: one round from cron says so
    process = lab.start()
    time.sleep(8)
    process.terminate()
    assert process.wait(120) == 75
    assert lab.said.count("submitted: row") <= 5
