from __future__ import annotations

from pathlib import Path

import pytest

from dlcctr.model import engines
from dlcctr.model.engines import ENGINES, installed_engine

ROOT = Path(__file__).parents[3]


def test_every_engine_has_a_folder_that_calls_it_and_an_image() -> None:
    folders = {file.parent.name for file in (ROOT / "entrypoint/engines").glob("*/engine.py")}
    assert folders == set(ENGINES)
    flavours = {file.name.partition("-")[0] for file in (ROOT / "requirements").glob("*-*.lock")}
    assert flavours == set(ENGINES)


@pytest.mark.parametrize(
    ("packages", "engine"),
    [({"torch", "tensorflow"}, "tensorflow"), ({"torch"}, "pytorch"), (set(), "")],
)
def test_an_environment_of_tensorflow_holds_pytorch_too(
    packages: set[str], engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "find_spec", lambda name: object() if name in packages else None)
    assert installed_engine() == engine
