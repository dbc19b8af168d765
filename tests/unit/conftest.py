"""Fixtures that several files of unit tests use, and what holds for all of them."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.unit.support.analyze_case import case  # noqa: F401

# Neither an example nor the making of examples may fail for having taken long: the machine may be busy.
settings.register_profile("any-speed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any-speed")


@pytest.fixture(autouse=True)
def no_test_changes_its_own_priority() -> Iterator[None]:
    """What runs with a real-time priority makes all other processes wait, those of other tests among them."""
    before = os.sched_getscheduler(0)
    yield
    assert os.sched_getscheduler(0) == before


def pytest_make_parametrize_id(val: object) -> str | None:
    """Name binary parameters by their length.

    Each process of ``pytest -n`` collects the tests for itself and they must agree on all names; compressed bytes hold
    the second in which they were made.
    """
    if isinstance(val, bytes) and not val.isascii():
        return f"{len(val)} bytes"
    return None
