"""The cluster that `make cluster` started, written down so that another command can find and stop it."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cluster.cluster import Cluster
from tests.cluster.engine import Network
from tests.docker.apptainer import CHECKOUT

FOLDER = CHECKOUT / ".cache" / "cluster"
_FILE = FOLDER / "cluster.json"


def write_state(cluster: Cluster) -> None:
    """Remember a cluster, also one that has only begun to start."""
    network = cluster.network
    table = {
        "folder": str(cluster.folder),
        "slurm": cluster.slurm,
        "name": cluster.name,
        "containers": cluster.containers,
        "network": [network.id, network.prefix] if network else None,
    }
    _FILE.parent.mkdir(parents=True, exist_ok=True)
    _FILE.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")


def read_state() -> Cluster | None:
    """Give the cluster that was started last, or nothing."""
    if not _FILE.is_file():
        return None
    table = json.loads(_FILE.read_text(encoding="utf-8"))
    cluster = Cluster(Path(table["folder"]), table["slurm"])
    cluster.name = table["name"]
    cluster.containers = table["containers"]
    cluster.network = Network(*table["network"]) if table["network"] else None
    return cluster


def forget_state() -> None:
    """Forget it, once it is gone."""
    _FILE.unlink(missing_ok=True)
