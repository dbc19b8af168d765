"""The steps of a campaign: read from the tables ``[[steps]]`` of campaign.toml, and written back."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

from dlcctr.campaign.steps.kinds import KINDS, Gives, StepKind
from dlcctr.system.values.records import RecordError, from_table, to_table
from dlcctr.system.values.toml import toml_value

ANALYSIS = "analysis"
"""What a step takes its positions from unless it names an earlier step."""
ROWS = "rows"
"""In place of a step's name: the other rows of the same video."""
OWN_KEYS = ("name", "kind", "of")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


@dataclass(frozen=True)
class StepSpec:
    """One step of a campaign.

    Parameters
    ----------
    name : str
        Its own name in the campaign, and that of its folder in every row.
    kind : str
        One of `dlcctr.campaign.steps.kinds.KINDS`.
    of : str
        Whose positions it takes: ``analysis``, or the name of an earlier step.
    parameters : object
        Of the kind's own class.

    Raises
    ------
    ValueError
        The name cannot be that of a step, or there is no such kind.
    """

    name: str
    kind: str
    of: str = ANALYSIS
    parameters: Any = None

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name) or self.name in (ANALYSIS, ROWS):
            raise ValueError(
                f"{self.name[:80]!r} cannot be the name of a step: letters, digits, - and _, at most 64, and neither "
                f"{ANALYSIS!r} nor {ROWS!r}"
            )
        if self.kind not in KINDS:
            raise ValueError(f"{self.kind[:80]!r} is no kind of step; there are {', '.join(KINDS)}")
        if self.parameters is None:
            object.__setattr__(self, "parameters", KINDS[self.kind].parameters())

    @property
    def about(self) -> StepKind:
        """What its kind is."""
        return KINDS[self.kind]

    @property
    def needs(self) -> tuple[str, ...]:
        """Names of the steps whose results it reads."""
        beside = str(getattr(self.parameters, "beside", ""))
        return tuple(dict.fromkeys(name for name in (self.of, beside) if name not in ("", ANALYSIS, ROWS)))

    @property
    def last_row(self) -> bool:
        """Whether it reads all rows of one video, and so belongs to the last of them only."""
        return self.about.last_row or getattr(self.parameters, "beside", "") == ROWS

    @property
    def held(self) -> dict[str, Any]:
        """All its parameters as JSON and TOML hold them, defaults included."""
        return {each.name: to_table(getattr(self.parameters, each.name)) for each in fields(self.parameters)}


class StepError(ValueError):
    """What is wrong with one step of campaign.toml.

    Parameters
    ----------
    number : int
        Which step it is, from 1 on, in the file's order.
    """

    def __init__(self, message: str, number: int) -> None:
        super().__init__(message)
        self.number = number


def parse_step(table: object) -> StepSpec:
    """Make a step from a table of campaign.toml.

    Raises
    ------
    ValueError
        A key is unknown or its value does not fit; the message names it.
    """
    if not isinstance(table, dict):
        raise ValueError("must be a table")
    name = table.get("name")
    kind = table.get("kind", name)
    of = table.get("of", ANALYSIS)
    for key, value in (("name", name), ("kind", kind), ("of", of)):
        if not isinstance(value, str):
            raise ValueError(f"{key} must be text" if key in table else f"has no {key}")
    step = StepSpec(str(name), str(kind), str(of))
    given = {key: value for key, value in table.items() if key not in OWN_KEYS}
    known = [each.name for each in fields(step.about.parameters)]
    if unknown := [key for key in given if key not in known]:
        raise ValueError(f"has no parameter {unknown[0][:64]!r}; {step.kind} has: {', '.join(known) or 'none'}")
    try:
        return StepSpec(step.name, step.kind, step.of, from_table(step.about.parameters, given))
    except RecordError as error:
        raise ValueError(str(error)) from error


def parse_steps(tables: object) -> tuple[StepSpec, ...]:
    """Make a campaign's steps, in their order.

    Raises
    ------
    ValueError
        A table is not a step (`StepError`), two have one name, or one is of a step that does not come before it or
        gives no positions.
    """
    if not isinstance(tables, list):
        raise ValueError("[[steps]]: each step must be a table of its own")
    steps: list[StepSpec] = []
    for number, table in enumerate(tables, 1):
        try:
            steps.append(parse_step(table))
        except ValueError as error:
            shown = table.get("name") if isinstance(table, dict) else None
            which = f"step {shown[:64]!r}" if isinstance(shown, str) else f"step number {number}"
            raise StepError(f"[[steps]]: {which}: {error}", number) from error
    check_order(steps)
    return tuple(steps)


def check_order(steps: Sequence[StepSpec]) -> None:
    """Check that names differ and that each step takes what an earlier one gives; raises ValueError."""
    before: dict[str, StepSpec] = {}
    for step in steps:
        if step.name in before:
            raise ValueError(f"[[steps]]: two steps are called {step.name!r}")
        for name in step.needs:
            how = "is of" if name == step.of else "shows beside it"
            if name not in before:
                raise ValueError(f"[[steps]]: step {step.name!r} {how} {name[:64]!r}, which is no step before it")
            if before[name].about.gives is not Gives.POSITIONS:
                raise ValueError(f"[[steps]]: step {step.name!r} {how} {name!r}, which gives no positions")
        before[step.name] = step


def steps_text(steps: Sequence[StepSpec]) -> list[str]:
    """Lines of campaign.toml for these steps; parameters with their default value are left out."""
    lines: list[str] = []
    for step in steps:
        lines += ["", "[[steps]]", f"name = {toml_value(step.name)}"]
        if step.kind != step.name:
            lines.append(f"kind = {toml_value(step.kind)}")
        if step.of != ANALYSIS:
            lines.append(f"of = {toml_value(step.of)}  # the step whose positions it takes")
        default = KINDS[step.kind].parameters()
        for each in fields(step.parameters):
            value = getattr(step.parameters, each.name)
            if value != getattr(default, each.name):
                held = to_table(value)
                lines.append(f"{each.name} = {toml_value(tuple(held) if isinstance(held, list) else held)}")
    return lines
