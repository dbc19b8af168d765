"""The process that does a row's steps after its analysis: how it is started."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dlcctr.contract import ExitCode
from entrypoint.analyze.request import RowRequest
from entrypoint.analyze.row import steps
from entrypoint.analyze.worker.shared import SharedWorker


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    """Environments of the processes that were started; each says at once that all went well."""
    found: list[dict[str, str]] = []

    def start(argv: list[str], env: dict[str, str]) -> Any:
        found.append(env)
        return SimpleNamespace(wait=lambda *_: 0)

    monkeypatch.setattr(steps, "start", start)
    monkeypatch.setattr(steps, "_all_settled", lambda *_: False)
    return found


def test_the_rows_of_a_task_share_what_their_steps_compile(tmp_path: Path, started: list[dict[str, str]]) -> None:
    out = tmp_path / "results"
    out.mkdir()
    request = RowRequest(tmp_path / "m.csv", 0)
    with SharedWorker(tmp_path) as place:
        for index in range(2):
            settings = SimpleNamespace(steps=("a step",), out=out)
            task: Any = SimpleNamespace(name=f"row {index}", row=SimpleNamespace(index=index), settings=settings)
            assert steps.do_steps(task, request, place) is ExitCode.OK
        first, second = (Path(each[steps.COMPILED_VARIABLE]) for each in started)
        assert first == second and first.is_dir()
        assert first.stat().st_mode & 0o077 == 0, "nobody else may put code there"
    assert not first.exists()
