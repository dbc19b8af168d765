from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest

from entrypoint.engines.pytorch.weights import reading


@pytest.fixture
def torch(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A PyTorch whose `load` tells how it was called."""

    def load(path: str, **options: Any) -> dict[str, Any]:
        return options

    module = SimpleNamespace(load=load)
    monkeypatch.setitem(sys.modules, "torch", module)
    return module


@pytest.mark.parametrize("options", [{}, {"weights_only": False}, {"weights_only": None, "map_location": "cpu"}])
def test_whoever_loads_a_snapshot_gets_numbers_only(torch: SimpleNamespace, options: dict[str, Any]) -> None:
    before, job = torch.load, SimpleNamespace(trusted=False)
    with pytest.raises(KeyError), reading(job):  # type: ignore[arg-type]
        assert torch.load("snapshot.pt", **options) == {**options, "weights_only": True}
        raise KeyError
    assert torch.load is before


def test_a_trusted_job_is_loaded_as_its_project_says(torch: SimpleNamespace) -> None:
    with reading(SimpleNamespace(trusted=True)):  # type: ignore[arg-type]
        assert torch.load("snapshot.pt", weights_only=False) == {"weights_only": False}
