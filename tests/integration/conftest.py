"""Real parts for the integration tests. Nothing here skips: what is missing is installed, or fails."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

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

ON_THE_CLUSTER = "cluster"


def native_python_of(engine: str) -> Path:
    """Python of the native environment of an engine's CPU flavour, made from the image's lock."""
    from dlcctr.runtime.native_environment import ensure_environment

    return ensure_environment(pick_flavour(list_flavours(), read_pins(), engine, "cpu"))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Say what stays together when two processes run the tests (pytest-xdist): the one Slurm cluster, else each file.

    The cluster's tests come first, since they take the longest and wait more than they compute.
    """
    groups = {item.nodeid: _group_of(item) for item in items}
    for item in items:
        item.add_marker(pytest.mark.xdist_group(groups[item.nodeid]))
    items.sort(key=lambda item: groups[item.nodeid] != ON_THE_CLUSTER)


def _group_of(item: pytest.Item) -> str:
    needs = item.fixturenames if isinstance(item, pytest.Function) else []
    return ON_THE_CLUSTER if "cluster" in needs else item.path.stem


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
