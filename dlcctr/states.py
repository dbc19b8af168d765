"""The state of every row, as `check` finds it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from dlcctr.campaign import Campaign
from dlcctr.contract import ExitCode
from dlcctr.manifest import Row


class State(str, Enum):
    """What `check` says of a row."""

    WHOLE = "whole"
    DEGRADED = "degraded"
    FAILED = "failed"
    QUARANTINED = "quarantined"
    UNFINISHED = "unfinished"
    BROKEN = "broken"
    UNREADABLE = "unreadable"


@dataclass(frozen=True)
class RowResult:
    """One row's state, its cause (empty for whole ones), and notes that change nothing."""

    row: Row
    state: State
    cause: str = ""
    notes: tuple[str, ...] = ()
    folder: Path | None = None


@dataclass(frozen=True)
class CheckResult:
    """States of all rows, sorted by index, and notes about the results' root."""

    manifest: Path
    campaign: Campaign
    rows: list[RowResult]
    accept_degraded: bool = False
    notes: list[str] = field(default_factory=list)

    @property
    def totals(self) -> dict[str, int]:
        """Number of rows in each state, all states named."""
        counts = Counter(result.state for result in self.rows)
        return {state.value: counts[state] for state in State}

    @property
    def unwhole(self) -> list[RowResult]:
        """Rows that make `check` end with 20."""
        accepted = {State.WHOLE, State.DEGRADED} if self.accept_degraded else {State.WHOLE}
        return [result for result in self.rows if result.state not in accepted]

    @property
    def exit_code(self) -> ExitCode:
        """0 where all rows are whole (or accepted), else 20."""
        return ExitCode.UNFINISHED if self.unwhole else ExitCode.OK
