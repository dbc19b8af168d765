"""Real parts for the integration tests. Nothing here skips: what is missing is installed, or fails."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dlcctr.image.flavours import list_flavours, pick_flavour, read_pins
from tests.cluster.fixtures import cluster, small_sif  # noqa: F401
from tests.docker.fixtures import (  # noqa: F401
    apptainer_bench,
    cpu_image,
    cpu_sif,
    cpu_sif_from_definition,
    docker_engine,
    registry,
    small_image,
)

REAL_DATA = Path(os.environ.get("DLCCTR_REAL_DATA", Path(__file__).resolve().parents[3] / "shared"))
"""Where the open-field clip and a model trained on it lie, if they are there; the project ships neither."""

ON_THE_CLUSTER = (
    *("test_cluster", "test_slurm_campaign", "test_slurm_faults", "test_slurm_kills", "test_slurm_old"),
    *("test_staging", "test_from_the_lab", "test_watch", "test_journey", "test_train_cluster", "test_slurm_steps"),
)
"""Files whose tests share one Slurm cluster, or start one of their own."""


def native_python_of(engine: str) -> Path:
    """Python of the native environment of an engine's CPU flavour, made from the image's lock."""
    from dlcctr.runtime.native.environment import ensure_environment

    return ensure_environment(pick_flavour(list_flavours(), read_pins(), engine, "cpu"))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Give each process of `pytest -n` whole files, and all files that need the cluster to the same one.

    pytest-xdist 3.8's own `loadgroup` does nothing beside pytest 9.2, where it sets an attribute that nobody reads.
    """
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            file = str(super()._split_scope(nodeid))
            return "cluster" if Path(file).stem in ON_THE_CLUSTER else file

    return Scheduling(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the cluster's tests first: they take the longest, and wait more than they compute."""
    for item in items:
        needs_it = isinstance(item, pytest.Function) and "cluster" in item.fixturenames
        if needs_it and item.path.stem not in ON_THE_CLUSTER:
            raise pytest.UsageError(f"{item.nodeid} needs the cluster: add its file to ON_THE_CLUSTER in conftest.py")
    items.sort(key=lambda item: item.path.stem not in ON_THE_CLUSTER)


@pytest.fixture(scope="session")
def native_pytorch() -> Path:
    return native_python_of("pytorch")


@pytest.fixture(scope="session")
def native_tensorflow() -> Path:
    return native_python_of("tensorflow")


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Keep the user's own DLCCTR_* settings that would change what is tested out of the tests."""
    for name in list(os.environ):
        if name.startswith("DLCCTR_") and name not in ("DLCCTR_EXTRA_INDEX_URL", "DLCCTR_INDEX_URL", "DLCCTR_WHEELS"):
            monkeypatch.delenv(name)
    yield
