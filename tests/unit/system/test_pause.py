from __future__ import annotations

import time

import pytest

from dlcctr.system.pause import STEP_S, pause


def test_no_single_sleep_is_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """A signal may come just before a sleep begins, which then lasts to its end."""
    slept: list[float] = []
    monkeypatch.setattr(time, "monotonic", lambda: 5.0 + sum(slept))
    monkeypatch.setattr(time, "sleep", slept.append)
    pause(3.5)
    assert slept == [STEP_S, STEP_S, STEP_S, 0.5]
    pause(0.0)
    pause(-1.0)
    assert len(slept) == 4
