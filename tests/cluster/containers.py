"""The cluster's containers, their network, and what they read; what runs in them is in the shell scripts here."""

from __future__ import annotations

import os
import secrets
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.cluster import engine
from tests.cluster.config import NODES, Settings, slurm_files
from tests.docker.apptainer import CHECKOUT

HERE = Path(__file__).parent
IMAGES = {"current": "dlcctr-bench:slurm", "22.05": "dlcctr-bench:slurm-22.05"}
LOGIN = "login"


class Containers:
    """A login node and compute nodes as containers on a network of their own.

    Parameters
    ----------
    folder : Path
        Folder of this machine for what the cluster keeps; ``folder/shared`` has the same name in every container.
    slurm : str
        ``current``, or ``22.05`` for Debian 12's, which has no accounting here.
    settings : Settings, optional
        Array size, accounting, time limits.
    """

    def __init__(self, folder: Path, slurm: str = "current", settings: Settings | None = None) -> None:
        self.slurm = slurm
        self.settings = settings or Settings(accounting=slurm == "current")
        self.uid = os.getuid() or 12345
        self.name = f"dlcctr-cluster-{secrets.token_hex(4)}"
        self.folder = folder.resolve()
        self.network: engine.Network | None = None
        self.containers: dict[str, str] = {}

    @property
    def shared(self) -> Path:
        """What all nodes and this machine see under this name; belongs to the ordinary user."""
        return self.folder / "shared"

    @property
    def home(self) -> Path:
        """Home folder of the ordinary user, on all nodes."""
        return self.shared / "home"

    @property
    def scratch(self) -> Path:
        """The default working folder of what the user runs."""
        return self.shared / "scratch"

    @property
    def addresses(self) -> dict[str, str]:
        """Address of every host by its name; only this machine reaches them."""
        if self.network is None:
            raise RuntimeError("the cluster is not running")
        hosts = [LOGIN, *(node.name for node in NODES)]
        return {host: f"{self.network.prefix}.{number}" for number, host in enumerate(hosts, start=2)}

    def start_containers(self) -> None:
        """Build the image where it is missing, and start a network and everything on it."""
        subprocess.run(["sh", str(HERE / "build.sh"), self.slurm], check=True, stdin=subprocess.DEVNULL)
        label = f"dlcctr-cluster={self.name}"
        self.network = engine.make_network(self.name, label)
        self._make_folders()
        self.write_configuration()
        for host in self.addresses:
            script = "login.sh" if host == LOGIN else "node.sh"
            options = self._options(host, label)
            self.containers[host] = engine.start_container(
                IMAGES[self.slurm], options, ["sh", f"/bench/scripts/{script}"]
            )

    def stop(self) -> None:
        """Remove containers and network; the folder stays."""
        engine.remove(self.containers.values(), self.network.id if self.network else None)
        self.containers, self.network = {}, None

    def execute(
        self, host: str, inside: Sequence[str], cwd: Path, stdin: str | None, timeout_s: float
    ) -> subprocess.CompletedProcess[str]:
        """Run one command in a container, as root and with the container's environment."""
        # `timeout` in there: a killed client would leave the command running
        limit = ["timeout", "--kill-after=5", f"{timeout_s:g}"]
        argv = ["docker", "exec", "--interactive", "--workdir", str(cwd), self.containers[host], *limit, *inside]
        return subprocess.run(
            argv,
            text=True,
            errors="replace",
            capture_output=True,
            input=stdin or "",
            timeout=timeout_s + 30,
            check=False,
        )

    def write_configuration(self) -> None:
        """Write what the daemons read when they start, or when `scontrol reconfigure` says so."""
        for name, text in slurm_files(self.settings, self.slurm, self.addresses).items():
            file = self.folder / "etc" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)

    def _make_folders(self) -> None:
        for folder in (self.shared, self.home, self.scratch):
            folder.mkdir(parents=True, exist_ok=True)
            if os.getuid() == 0:
                os.chown(folder, self.uid, self.uid)
        private = self.folder / "private"
        private.mkdir(exist_ok=True)
        (private / "munge.key").unlink(missing_ok=True)
        (private / "munge.key").touch(mode=0o600)
        (private / "munge.key").write_bytes(secrets.token_bytes(128))

    def _options(self, host: str, label: str) -> engine.ContainerOptions:
        assert self.network is not None
        return engine.ContainerOptions(
            name=f"{self.name}-{host}",
            hostname=host,
            address=self.addresses[host],
            network=self.network,
            label=label,
            binds=(
                f"{self.shared}:{self.shared}",
                f"{CHECKOUT}:{CHECKOUT}:ro",
                f"{HERE}:/bench/scripts:ro",
                f"{self.folder / 'private'}:/bench/private:ro",
                f"{self.folder / 'etc'}:/bench/etc:ro",
            ),
            env=(
                f"BENCH_MEMORY_CGROUPS={'yes' if self.settings.memory_cgroups else 'no'}",
                f"BENCH_UID={self.uid}",
                f"BENCH_HOME={self.home}",
                f"BENCH_CHECKOUT={CHECKOUT}",
                f"BENCH_ADDRESS={self.addresses[host]}",
                f"BENCH_ACCOUNTING={'yes' if self.settings.accounting else 'no'}",
            ),
            hosts=tuple(f"{other}:{address}" for other, address in self.addresses.items() if other != host),
        )
