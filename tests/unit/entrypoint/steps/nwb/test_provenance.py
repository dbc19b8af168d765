from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from dlcctr import __version__
from dlcctr.campaign.steps.nwb import NwbParameters
from dlcctr.results.sections import FrameCounts, ImageUsed, ModelUsed
from entrypoint.steps.nwb.provenance import crop_corner, describe_source
from tests.unit.support.step_rows import make_step


def test_a_reader_learns_what_made_the_positions(tmp_path: Path) -> None:
    image = ImageUsed(name="dlcctr:1-cpu", digest="sha256:12")
    given = make_step(tmp_path, NwbParameters(), step="smooth", image=image, frames=FrameCounts(8, 8, 6, ((2, 4),)))
    found = describe_source(given.source)
    for part in (
        "of the step smooth", "ab" * 32, "snapshot-10", "DeepLabCut: 3.0.2", f"dlcctr: {__version__}", "sha256:12",
        "f" * 40, "frames that did not decode: 2", "contract: 2",
    ):  # fmt: skip
        assert part in found.description
    assert (
        found.generated_by == (("DeepLabCut", "3.0.2"), ("dlcctr", __version__)) and found.software_version == "3.0.2"
    )
    assert "crop" not in found.description and found.corner == (0, 0) and "top left corner" in found.reference_frame


def test_positions_of_a_crop_are_those_of_the_picture(tmp_path: Path) -> None:
    source = make_step(tmp_path, NwbParameters(), crop=(10, 300, 20, 200)).source
    found = describe_source(source)
    assert found.corner == (10, 20) and "x 10-300, y 20-200" in found.reference_frame
    assert "(10, 20) is added" in found.reference_frame


@pytest.mark.parametrize(("engine", "corner"), [("tensorflow", (29, 47)), ("pytorch", (28, 47))])
def test_the_corner_is_the_one_that_the_engine_used(engine: str, corner: tuple[int, int], tmp_path: Path) -> None:
    source = make_step(tmp_path, NwbParameters(), crop=(29, 95, 47, 95), width=100, height=97).source
    receipt = replace(source.receipt, model=ModelUsed(engine=engine))
    assert crop_corner(receipt, source.row) == corner


def test_the_analysis_itself(tmp_path: Path) -> None:
    assert "as the analysis gave them" in describe_source(make_step(tmp_path, NwbParameters()).source).description
