from __future__ import annotations

import sys
from datetime import timedelta

import pytest

from dlcctr.campaign.steps.nwb import NwbParameters
from entrypoint.steps.nwb.moments import read_moment

LONDON = NwbParameters(timezone="Europe/London")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("2026-07-05T14:22:10+02:00", "2026-07-05T14:22:10+02:00"),
        ("2026-07-05 14:22:10Z", "2026-07-05T14:22:10+00:00"),
        ("2026-07-05 14:22", "2026-07-05T14:22:00+01:00"),
        ("2026-01-05 14:22", "2026-01-05T14:22:00+00:00"),
        ("20260705-142210", "2026-07-05T14:22:10+01:00"),
        ("20260705T1422", "2026-07-05T14:22:00+01:00"),
    ],
)
def test_dates_of_iso_8601(text: str, shown: str) -> None:
    moment = read_moment(text, LONDON, own_format=True)
    assert moment.at.isoformat() == shown and moment.has_clock


@pytest.mark.parametrize("text", ["2026-07-05", "20260705", *(["2026-W27-7"] if sys.version_info >= (3, 11) else [])])
def test_a_date_alone_is_midnight_and_says_so(text: str) -> None:
    moment = read_moment(text, LONDON, own_format=True)
    assert moment.at.isoformat() == "2026-07-05T00:00:00+01:00" and not moment.has_clock


def test_a_labs_own_way_of_writing() -> None:
    days = NwbParameters(timezone="UTC", start_format="%d.%m.%Y")
    assert read_moment("03.04.2026", days, own_format=True).at.isoformat() == "2026-04-03T00:00:00+00:00"
    assert not read_moment("03.04.2026", days, own_format=True).has_clock
    minutes = NwbParameters(timezone="UTC", start_format="%d/%m/%y %H:%M")
    assert read_moment("03/04/26 09:30", minutes, own_format=True).has_clock
    with pytest.raises(ValueError, match="not written as start_format"):
        read_moment("2026-04-03", days, own_format=True)
    assert read_moment("2026-04-03", days, own_format=False).at.month == 4  # a date of birth


@pytest.mark.parametrize("text", ["03/04/2026", "yesterday", "", "2026-13-01", "20261301", "46123", "2026-02-30 10:00"])
def test_what_is_no_date(text: str) -> None:
    with pytest.raises(ValueError, match="no date that can be read"):
        read_moment(text, LONDON, own_format=True)


def test_no_time_zone_is_made_up() -> None:
    with pytest.raises(ValueError, match="names no time zone"):
        read_moment("2026-07-05 14:22:10", NwbParameters(), own_format=True)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "2026-03-29 01:30",
            "'2026-03-29 01:30' does not exist in Europe/London, .* 2026-03-29T01:30:00[+]00:00",
        ),
        ("2026-10-25 01:30", "'2026-10-25 01:30' comes twice in Europe/London, .* 2026-10-25T01:30:00[+]01:00"),
    ],
)
def test_an_hour_that_clocks_skip_or_repeat_is_not_guessed(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        read_moment(text, LONDON, own_format=True)
    assert read_moment(f"{text}Z", LONDON, own_format=True).at.utcoffset() == timedelta(0)
    assert not read_moment(text[:10], LONDON, own_format=True).has_clock


def test_impossible_years() -> None:
    with pytest.raises(ValueError, match="of the year 205"):
        read_moment("0205-07-05 14:22:10", LONDON, own_format=True)
