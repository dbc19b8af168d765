from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from dlcctr.campaign.steps.nwb import FIELDS, NwbParameters, zone_of
from dlcctr.campaign.steps.spec import parse_steps, steps_text
from dlcctr.system.values.toml import parse_toml


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"columns": ("animal",)}, "not of the form subject_id=animal"),
        ({"columns": ("subject_id=",)}, "not of the form"),
        ({"columns": ("colour=fur",)}, "columns: 'colour' is no field; the fields are session_start_time"),
        ({"pattern": "("}, "pattern: not a regular expression"),
        ({"pattern": "(?P<mouse>m.)"}, "pattern: 'mouse' is no field"),
        ({"timezone": "Mars/Olympus"}, "timezone: 'Mars/Olympus' is not known"),
        ({"timezone": "Europe"}, "is not known"),
        ({"timezone": "../../etc/passwd"}, "is not known"),
        ({"timezone": "+25:00"}, "is not known"),
        ({"video_start_s": float("nan")}, "video_start_s: nan is no number"),
    ],
)
def test_what_cannot_be_is_refused_by_name(given: dict[str, object], problem: str) -> None:
    with pytest.raises(ValueError, match=problem.replace("(", r"\(")):
        NwbParameters(**given)  # type: ignore[arg-type]


def test_a_field_is_found_in_the_column_of_its_name_or_in_the_one_that_is_named() -> None:
    parameters = NwbParameters(columns=("subject_id = Animal", "age=postnatal"))
    assert parameters.column_of["subject_id"] == "animal" and parameters.column_of["sex"] == "sex"
    assert set(parameters.column_of) == set(FIELDS) and parameters.named_columns == ("animal", "postnatal")


@pytest.mark.parametrize(
    ("name", "hours"), [("UTC", 0), ("z", 0), ("+05:30", 5.5), ("-0330", -3.5), ("Europe/London", 1)]
)
def test_time_zones(name: str, hours: float) -> None:
    assert datetime(2026, 7, 1, tzinfo=zone_of(name)).utcoffset() == timedelta(hours=hours)


def test_a_step_is_read_from_campaign_toml_and_written_back() -> None:
    text = """
[[steps]]
name = "nwb"
species = "Mus musculus"
columns = ["subject_id=animal"]
timezone = "Europe/London"
video_start_s = 2.5
"""
    (step,) = parse_steps(parse_toml(text)["steps"])
    assert step.parameters == NwbParameters(
        species="Mus musculus", columns=("subject_id=animal",), timezone="Europe/London", video_start_s=2.5
    )
    assert parse_steps(parse_toml("\n".join(steps_text([step])))["steps"]) == (step,)
