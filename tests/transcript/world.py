"""The two machines of the transcript: a lab's machine (this one, with an empty home), and a cluster in containers."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests import media
from tests.cluster.cluster import Cluster
from tests.docker.apptainer import CHECKOUT
from tests.integration.support.slurm_campaign import own
from tests.transcript.terminal import Terminal

HOST = "cluster"
KIND = "pytorch-single"
FRAMES = {"mouse1_day1.mp4": 400, "mouse1_day2.mp4": 400, "mouse2_day1.mp4": 700, "mouse2_day2.mp4": 700,
          "mouse3_day1.mp4": 300}  # fmt: skip
"""Videos and their frames."""
LATE = ("mouse3_day2.mp4", 15000)
"""A video that comes later, too long for a minute on a CPU."""


@dataclass(frozen=True)
class World:
    """Where everything lies.

    Parameters
    ----------
    lab : Path
        Home folder on the lab's machine: a wheel, videos, a trained project, a SIF.
    image : str
        Docker image of the same.
    """

    lab: Path
    cluster: Cluster
    image: str

    @property
    def names(self) -> dict[str, str]:
        """What belongs to this machine, and what stands for it in the pictures."""
        return {
            str(self.lab): "/home/you",
            str(self.cluster.home): "/home/student",
            str(self.cluster.scratch): "/scratch/student",
            self.cluster.address: "login.cluster",
        }

    def terminal(self, columns: int = 80, lines: int = 34, *, folder: str = "", docker: bool = False) -> Terminal:
        """A terminal on the lab's machine, which has no Slurm; ssh knows the cluster as `HOST`."""
        bin_folder = self.lab / ".local" / "bin"
        environment = {
            "HOME": str(self.lab),
            "USER": "you",
            "PATH": f"{bin_folder}:/usr/local/bin:/usr/bin:/bin" if docker else f"{bin_folder}:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "VIRTUAL_ENV_DISABLE_PROMPT": "1",
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        }
        return Terminal(self.lab / folder if folder else self.lab, environment, columns, lines)

    def prepare_sif_folder(self) -> None:
        """On the cluster: two videos, the project and the SIF in a folder without anything else."""
        folder = self.cluster.home / "alone"
        (folder / "videos").mkdir(parents=True)
        for name in list(FRAMES)[:2]:
            shutil.copy(self.lab / "videos" / name, folder / "videos")
        shutil.copytree(self.lab / "mouse-project", folder / "mouse-project")
        os.link(self.cluster.home / "mice" / "dlc.sif", folder / "dlc.sif")
        own(self.cluster, folder)

    def prepare_local_folder(self) -> None:
        """An empty folder for a campaign on this machine."""
        (self.lab / "here").mkdir()


def make_model_in(image: str, folder: Path) -> Path:
    """A tiny project with random weights, made by the DeepLabCut of an image."""
    folder.mkdir(parents=True)
    binds = ["--volume", f"{CHECKOUT}:{CHECKOUT}:ro", "--volume", f"{folder}:{folder}"]
    variables = ["--env", f"PYTHONPATH={CHECKOUT}", "--env", "DLClight=True", "--env", "HOME=/tmp"]
    script = CHECKOUT / "tests" / "integration" / "support" / "tiny_models.py"
    words = ["python", str(script), str(folder / KIND), KIND]
    entry = ["--rm", "--user", f"{os.getuid()}:{os.getgid()}", "--network", "none", "--entrypoint", ""]
    subprocess.run(["docker", "run", *entry, *binds, *variables, image, *words], check=True, capture_output=True)
    return folder / KIND


def make_world(folder: Path, cluster: Cluster, model: Path, sif: Path, image: str) -> World:
    """Lay out the lab's machine; the cluster runs already."""
    lab = folder / "lab"
    (lab / "videos").mkdir(parents=True)
    for number, (name, frames) in enumerate(FRAMES.items()):
        media.write_video(lab / "videos" / name, frames, first=100 * number)
    shutil.copytree(model, lab / "mouse-project")
    (lab / "dlc.sif").symlink_to(sif)
    _make_ssh(lab, cluster)
    _make_wheel(lab, folder / "build")
    return World(lab, cluster, image)


def _make_ssh(lab: Path, cluster: Cluster) -> None:
    """What a person has after the site's own introduction: a key, and a name for the login node."""
    folder = lab / ".ssh"
    folder.mkdir(mode=0o700)
    (folder / "config").write_text(
        f"Host {HOST}\n  HostName {cluster.address}\n  User student\n  IdentityFile {cluster.ssh_key}\n"
        f"  IdentitiesOnly yes\n  UserKnownHostsFile {cluster.known_hosts}\n  StrictHostKeyChecking yes\n"
    )
    programs = lab / ".local" / "bin"
    programs.mkdir(parents=True)
    # OpenSSH looks into the account's own home folder, not into $HOME
    (programs / "ssh").write_text(f'#!/bin/sh\nexec /usr/bin/ssh -F "{folder}/config" "$@"\n')
    (programs / "ssh").chmod(0o755)
    (programs / "python3").symlink_to(Path(sys.base_prefix) / "bin" / "python3")


def _make_wheel(lab: Path, build: Path) -> None:
    """Build the wheel from what is committed or changed here; pip leaves folders where it builds."""
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=CHECKOUT, check=True, capture_output=True, text=True).stdout
    for name in filter(None, listing.split("\0")):
        if (CHECKOUT / name).is_file():
            (build / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(CHECKOUT / name, build / name)
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "--wheel-dir", str(lab), str(build)], check=True)
