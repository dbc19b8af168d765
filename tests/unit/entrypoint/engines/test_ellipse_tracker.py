"""The mended ellipse tracker numbers all poses, whatever it leaves out; the fake numbers what it kept, as stock."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from dlcctr.contract import ELLIPSE_FIX
from entrypoint.engines.ellipse_tracker import mend

FEW = [[1.0, 1.0], [np.nan, np.nan], [np.nan, np.nan]]
ENOUGH = [[1.0, 1.0], [2.0, 1.0], [2.0, 3.0]]


class Fitter:
    def fit(self, pose: Any) -> str | None:
        return "ellipse" if np.isfinite(pose).all(axis=1).sum() >= 3 else None


@pytest.fixture
def tracker(monkeypatch: pytest.MonkeyPatch) -> type[Any]:
    class SORTEllipse:
        """One track, new in each frame, for each pose that an ellipse fits; behind them one without a pose."""

        def __init__(self) -> None:
            self.fitter, self.identities = Fitter(), None

        def track(self, poses: Any, identities: Any = None) -> Any:
            self.identities = identities
            kept = [pose for pose in poses if self.fitter.fit(pose) is not None]
            if not kept:
                return np.empty((0, 7))
            return np.array([[*[9.5] * 5, 100 + n, n] for n in range(len(kept))] + [[*[9.5] * 5, 99, -1]])

    module = ModuleType("deeplabcut.core.trackingutils")
    module.SORTEllipse = SORTEllipse  # type: ignore[attr-defined]
    for name in ("deeplabcut", "deeplabcut.core"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return SORTEllipse


@pytest.mark.parametrize(
    ("poses", "numbers"),
    [
        ([ENOUGH, ENOUGH], [0, 1, -1]),
        ([FEW, ENOUGH, ENOUGH], [1, 2, -1]),
        ([ENOUGH, FEW, FEW, ENOUGH], [0, 3, -1]),
        ([FEW, FEW], []),
    ],
)
def test_tracks_name_the_pose_that_they_took(tracker: type[Any], poses: list[Any], numbers: list[int]) -> None:
    assert mend() == ELLIPSE_FIX
    found = tracker().track(np.array(poses))
    assert found[:, -1].tolist() == numbers
    assert found[:, -2].tolist() == [*range(100, 100 + len(numbers) - 1), 99][: len(numbers)]
    assert (found[:, :-2] == 9.5).all()


def test_identities_stay_with_their_poses(tracker: type[Any]) -> None:
    mend()
    sort = tracker()
    sort.track([np.array(FEW), np.array(ENOUGH)], [[7, 7, 7], [8, 8, 8]])
    assert sort.identities.tolist() == [[8, 8, 8]]


def test_mending_twice_mends_once(tracker: type[Any]) -> None:
    mend()
    once = tracker.track
    mend()
    assert tracker.track is once
