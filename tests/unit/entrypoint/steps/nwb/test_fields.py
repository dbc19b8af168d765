from __future__ import annotations

import pytest

from dlcctr.campaign.steps.nwb import NwbParameters
from dlcctr.errors import ManifestError
from entrypoint.steps.nwb.fields import find_fields

WHERE = "row 4 (line 6 of the manifest)"


def test_a_cell_comes_before_the_pattern_and_that_before_the_parameters() -> None:
    parameters = NwbParameters(
        pattern=r"(?P<subject_id>m\d+)_(?P<age>\w*)", subject_id="none", species="Mus musculus", age="P1D", sex="F"
    )
    cells = {"sex": " M ", "species": "  ", "subject_id": "m9"}
    assert find_fields(parameters, "day/m7_.mp4", cells.get, WHERE) == {
        "subject_id": "m9", "species": "Mus musculus", "sex": "M", "age": "P1D",
    }  # fmt: skip
    assert find_fields(parameters, "day/m7_P3D.mp4", {}.get, WHERE)["age"] == "P3D"


def test_columns_of_other_names() -> None:
    parameters = NwbParameters(columns=("subject_id=Animal",), video_start_s=0.0)
    found = find_fields(parameters, "a.mp4", {"animal": "m3", "subject_id": "not this"}.get, WHERE)
    assert found == {"subject_id": "m3", "video_start_s": "0.0"}


@pytest.mark.parametrize(
    ("parameters", "problem"),
    [
        (NwbParameters(columns=("sex=gender",)), "row 4 .*: the manifest has no column `gender`"),
        (
            NwbParameters(pattern=r"(?P<subject_id>m\d)"),
            "row 4 .*: the pattern of the step does not fit the path 'a.mp4'",
        ),
    ],
)
def test_what_is_asked_for_must_be_there(parameters: NwbParameters, problem: str) -> None:
    with pytest.raises(ManifestError, match=problem):
        find_fields(parameters, "a.mp4", {}.get, WHERE)
