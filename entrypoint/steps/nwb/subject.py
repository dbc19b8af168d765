"""What is said about the animals, in the forms that NWB asks for."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime

from dlcctr.campaign.steps.nwb import SUBJECT_FIELDS, NwbParameters
from entrypoint.steps.nwb.moments import read_moment

SEXES = {
    "m": "M", "male": "M", "f": "F", "female": "F", "o": "O", "other": "O", "u": "U", "unknown": "U",
    "xo": "XO", "xx": "XX", "♂": "M", "♀": "F",
}  # fmt: skip
"""XO and XX are for nematodes."""
DURATION = re.compile(
    r"P(?=.)(\d+(\.\d+)?Y)?(\d+(\.\d+)?M)?(\d+(\.\d+)?W)?(\d+(\.\d+)?D)?(T(?=.)(\d+H)?(\d+M)?(\d+(\.\d+)?S)?)?"
)
POSTNATAL = re.compile(r"P(\d+)", re.IGNORECASE)
ONE_UNIT = re.compile(r"P(\d+(?:\.\d+)?)([YMWD])")
AGE = re.compile(r"(\d+(?:[.,]\d+)?)\s*(d|days?|w|wks?|weeks?|mo|months?|y|years?)", re.IGNORECASE)
WEIGHT = re.compile(r"(\d+(?:[.,]\d+)?|\.\d+)\s*(kg|g|mg|ug|μg|ng|pg)")
SEPARATOR = ";"


@dataclass(frozen=True)
class SubjectFacts:
    """An animal; empty or None where nothing is known.

    Parameters
    ----------
    subject_id, species, sex, age, genotype, strain, weight, description : str
        As NWB writes them: sex is one of M, F, O and U, the age a duration of ISO 8601, the weight has a unit.
    date_of_birth : datetime or None
        With a time zone.
    """

    subject_id: str = ""
    species: str = ""
    sex: str = ""
    age: str = ""
    genotype: str = ""
    strain: str = ""
    weight: str = ""
    description: str = ""
    date_of_birth: datetime | None = None

    @property
    def sentence(self) -> str:
        """All of it in one line."""
        born = f"born {self.date_of_birth:%Y-%m-%d}" if self.date_of_birth else ""
        parts = (self.subject_id, self.species, self.strain, self.genotype, self.sex, self.age, born, self.weight)
        return ", ".join(part for part in (*parts, self.description) if part)


def read_subjects(fields: dict[str, str], animals: int, parameters: NwbParameters) -> tuple[SubjectFacts, ...]:
    """The animals of a row: none where nothing is said about any, one, or as many as the table has.

    Parameters
    ----------
    fields : dict of str to str
        Text of each field. With several animals a text may hold as many values, with semicolons between them.
    animals : int
        Individuals of the table, without the unique body parts.

    Raises
    ------
    ValueError
        Values cannot be, or their number is neither one nor that of the animals; the message names all of them.
    """
    texts = {name: fields[name] for name in SUBJECT_FIELDS if name in fields}
    if not texts:
        return ()
    values: dict[str, list[str]] = {}
    problems: list[str] = []
    for name, text in texts.items():
        parts = [part.strip() for part in text.split(SEPARATOR)] if animals > 1 else [text]
        if len(parts) not in (1, animals):
            problems.append(f"{name}: {len(parts)} values ({text[:64]!r}) for {animals} animals")
            continue
        values[name] = parts
    count = max(map(len, values.values()), default=0)
    found = tuple(
        _subject({name: parts[min(n, len(parts) - 1)] for name, parts in values.items()}, parameters, problems)
        for n in range(count)
    )
    if problems:
        raise ValueError("; ".join(dict.fromkeys(problems)))
    return found


def in_one(subjects: tuple[SubjectFacts, ...], individuals: tuple[str, ...]) -> SubjectFacts:
    """What holds for all of them: NWB has room for one subject only. The rest is in the description."""
    if len(subjects) == 1:
        return subjects[0]
    first = subjects[0]
    common = {
        name: getattr(first, name)
        for name in ("species", "sex", "age", "genotype", "strain", "weight", "date_of_birth")
        if len({getattr(each, name) for each in subjects}) == 1
    }
    common.setdefault("age", _range([each.age for each in subjects]))
    lines = [f"{who}: {each.sentence}" for who, each in zip(individuals, subjects, strict=True)]
    together = replace(SubjectFacts(sex="U"), **common)
    return replace(
        together,
        subject_id="_".join(dict.fromkeys(each.subject_id for each in subjects if each.subject_id)),
        description=f"{len(subjects)} animals. " + "; ".join(lines),
    )


def _range(ages: list[str]) -> str:
    """From the youngest to the oldest, where all ages count in one unit; empty otherwise."""
    found = [ONE_UNIT.fullmatch(age) for age in ages]
    units = {each[2] for each in found if each}
    if not all(found) or len(units) != 1:
        return ""
    ordered = sorted((each[1] for each in found if each), key=float)
    return f"P{ordered[0]}{(unit := units.pop())}/P{ordered[-1]}{unit}"


def _subject(texts: dict[str, str], parameters: NwbParameters, problems: list[str]) -> SubjectFacts:
    """One animal; what is wrong with a value is added to `problems`, and the value left out."""
    read = {"sex": read_sex, "age": read_age, "weight": read_weight}
    found = {name: texts.get(name, "") for name in ("subject_id", "species", "genotype", "strain")}
    if "/" in found["subject_id"]:
        problems.append(f"subject_id: {found['subject_id'][:64]!r} holds a slash, which archives of NWB files refuse")
    for name, reader in read.items():
        try:
            found[name] = reader(texts.get(name, ""))
        except ValueError as error:
            problems.append(str(error))
    born = texts.get("date_of_birth", "")
    try:
        moment = read_moment(born, parameters, own_format=False) if born else None
    except ValueError as error:
        moment = None
        problems.append(f"date_of_birth: {error}")
    return SubjectFacts(
        **found, description=texts.get("subject_description", ""), date_of_birth=moment.at if moment else None
    )


def read_sex(text: str) -> str:
    """One of NWB's letters, ``U`` where nothing is said; raises ValueError."""
    if text.lower() not in ("", *SEXES):
        raise ValueError(f"sex: {text[:64]!r} is none of M, F, O (other) and U (unknown)")
    return SEXES[text.lower()] if text else "U"


def read_age(text: str) -> str:
    """A duration of ISO 8601, or a range of two; P90 is postnatal day 90. Raises ValueError."""
    ends = [_age(part.strip()) if part.strip() else "" for part in text.split("/")] if text else [""]
    if len(ends) > 2 or (len(ends) == 2 and not ends[0]):
        raise ValueError(f"age: {text[:64]!r} is no range such as P90D/P100D")
    return "/".join(ends)


def _age(text: str) -> str:
    if found := POSTNATAL.fullmatch(text):
        return f"P{found[1]}D"
    if DURATION.fullmatch(text.upper()):
        return text.upper()
    if found := AGE.fullmatch(text):
        return f"P{found[1].replace(',', '.')}{found[2][0].upper()}"
    raise ValueError(f"age: {text[:64]!r} cannot be read: write P90D, 90 days or 12 weeks")


def read_weight(text: str) -> str:
    """A number, a blank and a unit; raises ValueError."""
    if not text:
        return ""
    if found := WEIGHT.fullmatch(text):
        return f"{found[1].replace(',', '.')} {found[2]}"
    raise ValueError(f"weight: {text[:64]!r} is no number with its unit, such as 23.5 g")
