"""Dates and times as labs write them into a manifest."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timezone

from dlcctr.campaign.steps.nwb import NwbParameters, zone_of

LONGEST_DATE = len("2026-03-05")
"""Characters of a date of ISO 8601 without a time of day; as many has ``2026-W10-4``."""
COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})(?:[T _-]?(\d{2})(\d{2})(\d{2})?)?")
CLOCK_DIRECTIVES = re.compile(r"%[-#]?[HIMScXsfT]")


@dataclass(frozen=True)
class Moment:
    """A date with its time zone.

    Parameters
    ----------
    at : datetime.datetime
        With a time zone.
    has_clock : bool
        Whether the text named a time of day; midnight was taken otherwise.
    """

    at: datetime
    has_clock: bool


def read_moment(text: str, parameters: NwbParameters, *, own_format: bool) -> Moment:
    """Read a date, with or without a time of day.

    Parameters
    ----------
    own_format : bool
        Whether the parameters' `start_format` applies.

    Raises
    ------
    ValueError
        It cannot be read, names no time zone while the parameters name none either, or is a time of day that comes
        twice, or not at all, in that zone because clocks are changed.
    """
    if own_format and parameters.start_format:
        try:
            at = datetime.strptime(text, parameters.start_format)
        except ValueError as error:
            raise ValueError(f"{text[:64]!r} is not written as start_format {parameters.start_format!r}") from error
        has_clock = bool(CLOCK_DIRECTIVES.search(parameters.start_format))
    else:
        at, has_clock = _read_iso(text)
    if at.tzinfo is None:
        if not parameters.timezone:
            raise ValueError(
                f"{text[:64]!r} names no time zone: write 2026-03-05T14:22:10+01:00, or give the step a `timezone`"
            )
        at = _in_zone(text, at, parameters.timezone, has_clock=has_clock)
    if not 1900 <= at.year < 2200:
        raise ValueError(f"{text[:64]!r} is of the year {at.year}")
    return Moment(at, has_clock)


def _in_zone(text: str, at: datetime, name: str, *, has_clock: bool) -> datetime:
    zone = zone_of(name)
    first, second = (at.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    if has_clock and first.utcoffset() != second.utcoffset():
        is_there = first.astimezone(timezone.utc).astimezone(zone).replace(tzinfo=None, fold=0) == at
        raise ValueError(
            f"{text[:64]!r} {'comes twice' if is_there else 'does not exist'} in {name}, where clocks are changed: "
            f"write it with its offset from UTC, such as {first.isoformat()}"
        )
    return first


def _read_iso(text: str) -> tuple[datetime, bool]:
    text = re.sub(r"[zZ]$", "+00:00", text)
    if found := COMPACT.fullmatch(text):
        year, month, day, *clock = (int(part) if part else 0 for part in found.groups())
        return _made(text, year, month, day, *clock), found[4] is not None
    try:
        return datetime.fromisoformat(text), len(text) > LONGEST_DATE
    except ValueError:
        raise _unreadable(text) from None


def _made(text: str, *numbers: int) -> datetime:
    try:
        return datetime(*numbers)  # type: ignore[arg-type]
    except ValueError:
        raise _unreadable(text) from None


def _unreadable(text: str) -> ValueError:
    return ValueError(
        f"{text[:64]!r} is no date that can be read: write 2026-03-05T14:22:10+01:00, or give the step a `start_format`"
    )
