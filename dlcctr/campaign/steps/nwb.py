"""Parameters of the step `nwb`."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import timedelta, timezone, tzinfo

SESSION_FIELDS = (
    "session_start_time", "session_id", "session_description", "experiment_description", "experimenter",
    "institution", "lab", "keywords", "protocol", "notes",
)  # fmt: skip
"""What an NWB file says about the session, by the names that NWB gives it."""
SUBJECT_FIELDS = (
    "subject_id", "species", "sex", "age", "date_of_birth", "genotype", "strain", "weight", "subject_description",
)  # fmt: skip
"""What it says about the animal; NWB's `description` is `subject_description` here."""
VIDEO_START = "video_start_s"
FIELDS = (*SESSION_FIELDS, *SUBJECT_FIELDS, VIDEO_START)
"""Every field that a column of the manifest, a group of the pattern or the step's own parameters can give."""
OFFSET = re.compile(r"([+-])([01]\d|2[0-3]):?([0-5]\d)")


@dataclass(frozen=True)
class NwbParameters:
    """How the step `nwb` works.

    For each field the row's cell in the manifest comes first, then the pattern, then the value here, which holds for
    the whole campaign.

    Parameters
    ----------
    columns : tuple of str
        Columns that are not called like their field, as ``subject_id=animal``.
    pattern : str
        Regular expression whose named groups are fields; it is searched in the manifest's `video`, as in
        ``(?P<subject_id>m[0-9]+)_(?P<session_start_time>[0-9]{8})``.
    start_format : str
        How `session_start_time` is written, as Python's `strptime` takes it (``%Y%m%d``); empty for ISO 8601.
    timezone : str
        Time zone of dates that name none: ``Europe/London``, ``UTC``, or ``+01:00``.
    session_start_time : str
        When the session began, as ``2026-03-04T10:00:00+01:00``.
    session_id, session_description, experiment_description, institution, lab, protocol, notes : str
        About the session.
    experimenter, keywords : str
        About the session; several have semicolons between them.
    subject_id, species, sex, age, date_of_birth, genotype, strain, weight, subject_description : str
        About the animal.
    video_start_s : float or None
        Seconds from the session's start to the first frame whose time is known; None to keep the times as they are.

    Raises
    ------
    ValueError
        The pattern is no regular expression, a field or the time zone is not known, or `video_start_s` is no number.
    """

    columns: tuple[str, ...] = ()
    pattern: str = ""
    start_format: str = ""
    timezone: str = ""
    session_start_time: str = ""
    session_id: str = ""
    session_description: str = ""
    experiment_description: str = ""
    experimenter: str = ""
    institution: str = ""
    lab: str = ""
    keywords: str = ""
    protocol: str = ""
    notes: str = ""
    subject_id: str = ""
    species: str = ""
    sex: str = ""
    age: str = ""
    date_of_birth: str = ""
    genotype: str = ""
    strain: str = ""
    weight: str = ""
    subject_description: str = ""
    video_start_s: float | None = None

    def __post_init__(self) -> None:
        for entry in self.columns:
            name, equals, column = (part.strip() for part in entry.partition("="))
            if not equals or not column:
                raise ValueError(f"columns: {entry[:64]!r} is not of the form subject_id=animal")
            _check_field(name, "columns")
        try:
            groups = re.compile(self.pattern).groupindex
        except re.error as error:
            raise ValueError(f"pattern: not a regular expression: {error}") from error
        for name in groups:
            _check_field(name, "pattern")
        if self.video_start_s is not None and not math.isfinite(self.video_start_s):
            raise ValueError(f"{VIDEO_START}: {self.video_start_s} is no number of seconds")
        if self.timezone:
            zone_of(self.timezone)

    @property
    def column_of(self) -> dict[str, str]:
        """Column of each field, in small letters as the manifest's columns are compared."""
        renamed = (entry.partition("=") for entry in self.columns)
        return {name: name for name in FIELDS} | {name.strip(): column.strip().lower() for name, _, column in renamed}

    @property
    def named_columns(self) -> tuple[str, ...]:
        """Columns that `columns` names, and which the manifest therefore must have."""
        return tuple(entry.partition("=")[2].strip().lower() for entry in self.columns)


def _check_field(name: str, where: str) -> None:
    if name not in FIELDS:
        raise ValueError(f"{where}: {name[:64]!r} is no field; the fields are {', '.join(FIELDS)}")


def zone_of(name: str) -> tzinfo:
    """Time zone of a name or an offset; raises ValueError."""
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    if name.upper() in ("UTC", "Z"):
        return timezone.utc
    if found := OFFSET.fullmatch(name):
        sign, hours, minutes = found.groups()
        ahead = timedelta(hours=int(hours), minutes=int(minutes))
        return timezone(ahead if sign == "+" else -ahead)
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:  # OSError: the name of a folder of zones
        raise ValueError(f"timezone: {name[:64]!r} is not known; write it as Europe/London, UTC or +01:00") from error
