"""Fixtures of the Slurm bench. Imported by tests/integration/conftest.py; nothing here skips: what is missing fails."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.cluster import Cluster
from tests.docker.apptainer import ApptainerBench
from tests.docker.fixtures import saved


@pytest.fixture(scope="session")
def cluster(docker_engine: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A running cluster; tests leave its nodes up, its daemons running and its queue empty."""
    with Cluster(tmp_path_factory.mktemp("cluster")) as started:
        yield started


@pytest.fixture(scope="session")
def small_sif(cluster: Cluster, apptainer_bench: ApptainerBench, small_image: str) -> Path:
    """A SIF of the small image in the cluster's shared folder: its run script prints its arguments."""
    sif = cluster.scratch / "small.sif"
    with saved(small_image, apptainer_bench) as archive:
        kept = cluster.scratch / archive.name
        kept.write_bytes(archive.read_bytes())
        done = cluster.run_as_user(["apptainer", "--quiet", "build", sif, f"docker-archive:{kept}"])
        kept.unlink()
    assert done.returncode == 0, done.stderr
    return sif
