"""The run through the cases: each within the time, its errors noted, and all that is known written after each."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from tests.gpu.budget import TimeIsOver
from tests.gpu.cases import Case
from tests.gpu.context import Context, Outcome
from tests.gpu.page import WORDS

SHOWN_CHARS = 4000


def new_record(case: Case) -> dict[str, Any]:
    """What results.json holds of a case that was not begun."""
    return {"name": case.name, "title": case.title, "must": case.must, "state": "pending", "seconds": 0.0, "why": ""}


def run_cases(
    cases: Sequence[Case],
    records: list[dict[str, Any]],
    context: Context,
    write: Callable[[], None],
    tell: Callable[[str], None],
) -> None:
    """Run cases one after the other.

    Parameters
    ----------
    records : list of dict
        One of each case, by `new_record`; they are filled in.
    write : callable
        Writes JSON, page and plot; called before and after each case.
    tell : callable
        Gets a line of text on each case that is over.
    """
    for case, record in zip(cases, records, strict=True):
        refusal = context.budget.refusal(case.needs_s)
        if refusal:
            record.update(state="skipped", why=refusal)
            tell(f"{case.name}: {refusal}")
            continue
        record["state"] = "running"
        write()
        start = time.monotonic()
        try:
            record.update(record_of(case.run(context)))
        except TimeIsOver as why:
            record.update(state="skipped", why=f"cut short: {why}")
        except Exception as error:
            traceback.print_exc()
            record.update(state="failed", why=f"{type(error).__name__}: {error}"[:SHOWN_CHARS])
        finally:
            context.end_case()
        record["seconds"] = time.monotonic() - start
        write()
        tell(": ".join([case.name, WORDS[record["state"]], *record["why"].splitlines()[:1]]))


def record_of(outcome: Outcome) -> dict[str, Any]:
    """Fields of a record, from what a case found."""
    wrong = [*outcome.problems, *(f"{each.what}: {each.why}" for each in outcome.comparisons if not each.equal)]
    return {
        "state": "done" if outcome.holds else "differs",
        "why": "; ".join(wrong) or outcome.remark,
        "comparisons": [asdict(each) for each in outcome.comparisons],
        "lines": outcome.lines,
        "speed": outcome.speed,
        "grid": outcome.grid,
        "facts": outcome.facts,
    }
