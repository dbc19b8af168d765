from __future__ import annotations

import pytest

from dlcctr.campaign.steps.ensemble import Combination
from dlcctr.campaign.steps.filter import FilterParameters, FilterType
from dlcctr.campaign.steps.spec import parse_step


def test_deeplabcuts_options_are_read() -> None:
    step = parse_step({"name": "smooth", "kind": "filter", "filtertype": "arima", "ARdegree": 5, "MAdegree": 2})
    assert step.parameters == FilterParameters(FilterType.ARIMA, ARdegree=5, MAdegree=2)
    assert parse_step({"name": "ensemble", "combine": "median"}).parameters.combine is Combination.MEDIAN


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ({"filtertype": "median", "windowlength": 4}, "must be odd for the median"),
        ({"filtertype": "spline", "windowlength": -1}, "windowlength cannot be -1"),
        ({"filtertype": "savgol"}, "filtertype"),
        ({"p_bound": 1.5}, "p_bound must be from 0 to 1"),
        ({"filtertype": "arima", "ARdegree": 0, "MAdegree": 0}, "nor both 0"),
        ({"noise_px": -1.0}, "noise_px cannot be -1"),
        ({"name": "ensemble", "pcutoff": 2.0}, "pcutoff must be from 0 to 1"),
        ({"name": "ensemble", "max_gap_s": -1.0}, "max_gap_s cannot be"),
    ],
)
def test_impossible_values_are_refused(table: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parse_step({"name": "filter", **table})


def test_a_spline_fills_even_windows() -> None:
    assert parse_step({"name": "filter", "filtertype": "spline", "windowlength": 4}).parameters.windowlength == 4
