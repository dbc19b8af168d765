"""What is said about the session, in the forms that NWB asks for."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from dlcctr.campaign.steps.nwb import VIDEO_START, NwbParameters
from dlcctr.errors import ManifestError
from entrypoint.steps.nwb.moments import Moment, read_moment
from entrypoint.steps.nwb.subject import SubjectFacts, read_subjects

START = "session_start_time"
SPECIES = re.compile(r"[A-Z][a-z]+ [a-z]+( [a-z]+)?|http://purl\.obolibrary\.org/obo/NCBITaxon_\d+")
"""What nwbinspector takes for a species, subspecies included."""
T = TypeVar("T")


@dataclass(frozen=True)
class SessionFacts:
    """A session and its animals; empty where nothing is known.

    Parameters
    ----------
    start : datetime
        With a time zone.
    texts : dict of str to str
        Fields of NWB that are plain text.
    experimenters, keywords : tuple of str
        Names, and words to find the file by.
    subjects : tuple of SubjectFacts
        None, one, or one for each individual.
    video_start_s : float or None
        Time of the first frame in seconds; None to keep the times as they are.
    remarks : tuple of str
        What a reader must know.
    """

    start: datetime
    texts: dict[str, str]
    experimenters: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    subjects: tuple[SubjectFacts, ...] = ()
    video_start_s: float | None = None
    remarks: tuple[str, ...] = ()


def read_session(fields: dict[str, str], animals: int, parameters: NwbParameters, where: str) -> SessionFacts:
    """Read the fields of a row.

    Parameters
    ----------
    where : str
        The manifest and its line, for messages.

    Raises
    ------
    ManifestError
        The session's start is missing, or values cannot be; the message names all of them.
    """
    problems: list[str] = []
    start = _start(fields, parameters, problems)
    subjects = _tried(lambda: read_subjects(fields, animals, parameters), problems)
    video_start = _tried(lambda: _seconds(fields.get(VIDEO_START, "")), problems)
    if start and any(each.date_of_birth and each.date_of_birth > start.at for each in subjects or ()):
        problems.append(f"date_of_birth: {fields['date_of_birth'][:64]!r} comes after {START}")
    if "/" in fields.get("session_id", ""):
        problems.append(f"session_id: {fields['session_id'][:64]!r} holds a slash, which archives of NWB files refuse")
    if problems or start is None:
        raise ManifestError(
            f"{where}: no NWB file can be made: {'; '.join(problems)}",
            f"correct the row's cells ({', '.join(sorted(fields)) or 'none is given'}), or the step in campaign.toml",
        )
    texts = ("session_id", "session_description", "experiment_description", "institution", "lab", "protocol", "notes")
    return SessionFacts(
        start=start.at,
        texts={name: fields[name] for name in texts if name in fields},
        experimenters=_parts(fields.get("experimenter", "")),
        keywords=_parts(fields.get("keywords", "")),
        subjects=subjects or (),
        video_start_s=video_start,
        remarks=tuple(_remarks(start, subjects or ())),
    )


def _start(fields: dict[str, str], parameters: NwbParameters, problems: list[str]) -> Moment | None:
    if START not in fields:
        problems.append(
            f"{START} is missing, which NWB needs and dlcctr does not invent: give the manifest such a column "
            "(2026-03-05T14:22:10+01:00), or the step a `pattern` that finds it in the video's path"
        )
        return None
    try:
        return read_moment(fields[START], parameters, own_format=True)
    except ValueError as error:
        problems.append(f"{START}: {error}")
        return None


def _tried(read: Callable[[], T], problems: list[str]) -> T | None:
    try:
        return read()
    except ValueError as error:
        problems.append(str(error))
        return None


def _seconds(text: str) -> float | None:
    try:
        seconds = float(text.replace(",", ".")) if text else None
    except ValueError:
        seconds = math.nan
    if seconds is not None and not math.isfinite(seconds):
        raise ValueError(f"{VIDEO_START}: {text[:64]!r} is no number of seconds")
    return seconds


def _parts(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(";") if part.strip())


def _remarks(start: Moment, subjects: tuple[SubjectFacts, ...]) -> list[str]:
    remarks = []
    if not start.has_clock:
        remarks.append(f"{START} names no time of day: 00:00 was taken")
    if not subjects:
        return [*remarks, "nothing is known about the animal (subject_id, species, sex, age): archives ask for it"]
    missing = [
        name
        for name, is_there in (
            ("subject_id", all(each.subject_id for each in subjects)),
            ("species", all(each.species for each in subjects)),
            ("age or date_of_birth", all(each.age or each.date_of_birth for each in subjects)),
        )
        if not is_there
    ]
    if missing:
        remarks.append(f"not known about the animal: {', '.join(missing)}; archives ask for it")
    if odd := [each.species for each in subjects if each.species and not SPECIES.fullmatch(each.species)]:
        remarks.append(f"species is {odd[0][:64]!r}: archives ask for the Latin name, such as Mus musculus")
    return remarks
