from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from dlcctr.campaign.config import Campaign
from dlcctr.campaign.rows import Row
from dlcctr.model.bundles.pack import pack_model
from dlcctr.model.curve.losses import POSE, LossRow
from dlcctr.quality.report.collect import collect
from dlcctr.quality.report.page import make_page
from dlcctr.quality.report.summary import summarise
from dlcctr.quality.report.trainings import MOST_POINTS, ModelTraining, trainings_of
from tests.unit.quality.report.test_page import HOSTILE
from tests.unit.support.projects import pytorch_project, tensorflow_project, train_folder
from tests.unit.support.results import make_bench

STATS = "step,losses/train.total_loss,losses/eval.total_loss\n" + "".join(f"{n},{1 / n},\n" for n in range(1, 1001))


def rows(n: int = 2) -> list[Row]:
    return [Row(index, f"v{index}.mp4") for index in range(n)]


def test_a_projects_own_curve_and_that_of_its_bundle(tmp_path: Path) -> None:
    project = pytorch_project(tmp_path / "mouse")
    campaign = Campaign(tmp_path / "campaign.toml", model=project)
    assert trainings_of(campaign, rows()) == [], "nobody knows how it was trained"
    (train_folder(project) / "learning_stats.csv").write_text(STATS)
    (found,) = trainings_of(campaign, rows())
    assert (found.engine, found.net_type, found.unit) == ("PyTorch", "resnet_50", "epoch")
    assert found.name == "mouse, iteration 0, shuffle 1"
    assert len(found.losses) <= MOST_POINTS and found.last.epoch == 1000
    bundle = tmp_path / "m.dlcmodel"
    pack_model(project, bundle)
    (packed,) = trainings_of(replace(campaign, model=bundle), rows())
    assert packed.name == "m.dlcmodel, iteration 0, shuffle 1" and packed.last == found.last


def test_each_model_of_the_rows_once(tmp_path: Path) -> None:
    one, two = pytorch_project(tmp_path / "one"), tensorflow_project(tmp_path / "two")
    (train_folder(one) / "learning_stats.csv").write_text(STATS)
    (train_folder(two) / "learning_stats.csv").write_text("100, 0.1, 0.005\n200, 0.05, 0.005\n")
    held = [*rows(), replace(rows()[0], model=str(two)), replace(rows()[1], model="gone")]
    found = trainings_of(Campaign(tmp_path / "campaign.toml", model=one), held)
    assert [(each.name.split(",")[0], each.unit) for each in found] == [("one", "epoch"), ("two", "iteration")]


@pytest.mark.parametrize("n", [0, 1, 2])
def test_the_page_has_a_picture_for_each_and_names_are_text(tmp_path: Path, n: int) -> None:
    report = collect(make_bench(tmp_path, ["a.mp4"]).manifest)
    assert report.trainings == [], "its model is not on this machine"
    losses = tuple(LossRow(POSE, epoch, 1 / epoch) for epoch in range(1, 9))
    trained = [ModelTraining(HOSTILE, "PyTorch", HOSTILE, "epoch", losses)] * n
    page = make_page(replace(report, trainings=trained), summarise(report, lambda *_: ""))
    assert page.count("<polyline") == n and ("Training of the model" in page) == bool(n)
    assert "<img src=x" not in page and page.count("8 epochs, loss 0.12") == n
    for svg in page.split("<svg")[1:]:
        ElementTree.fromstring("<svg" + svg.partition("</svg>")[0] + "</svg>")
