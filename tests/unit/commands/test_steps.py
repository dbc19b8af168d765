from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from dlcctr.campaign.steps.kinds import KINDS
from dlcctr.campaign.steps.spec import parse_steps
from dlcctr.commands.results.steps import add_to, kinds, list_steps, parameter_texts
from tests.unit.support.done_steps import do_step
from tests.unit.support.results import make_bench


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


def test_a_step_that_is_added_again_says_what_it_has_no_longer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = make_bench(tmp_path, ["a.mp4"], steps=parse_steps([{"name": "filter"}])).manifest
    add_to(manifest, "label-video", ["trailpoints=20"], of="filter", name="")
    assert "changed" not in capsys.readouterr().out
    add_to(manifest, "label-video", ["speed=0.5"], of="analysis", name="")
    said = "changed in label-video: of from filter to analysis; trailpoints from 20 to 0; speed from 1.0 to 0.5"
    assert said in capsys.readouterr().out.replace("\n", " ")
    add_to(manifest, "label-video", ["speed=0.5"], of="analysis", name="")
    assert "changed in label-video: nothing" in capsys.readouterr().out


def test_the_list_of_a_campaign_whose_steps_are_all_settled_asks_nobody_to_look(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bench = make_bench(tmp_path, ["a.mp4"], steps=parse_steps([{"name": "filter"}]))
    bench.commit(0)
    list_steps(bench.manifest)
    assert "which rows, and why" in capsys.readouterr().out
    do_step(bench, 0, "filter")
    list_steps(bench.manifest)
    assert "which rows, and why" not in capsys.readouterr().out
