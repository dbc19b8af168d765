from __future__ import annotations

from dataclasses import fields

import pytest

from dlcctr.campaign.steps.kinds import KINDS
from dlcctr.commands.results.steps import kinds, parameter_texts


@pytest.mark.parametrize("kind", KINDS)
def test_every_parameter_is_explained(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    said = parameter_texts(KINDS[kind].parameters)
    assert set(said) == {each.name for each in fields(KINDS[kind].parameters)} and all(said.values())
    kinds(kind)
    text = capsys.readouterr().out
    assert all(f"  {name}=" in text for name in said)
    assert max(map(len, text.splitlines())) <= 80


def test_choices_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    kinds("filter")
    assert "One of: median, arima, spline, kalman." in " ".join(capsys.readouterr().out.split())
