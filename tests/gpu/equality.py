"""Two results of the same video, compared frame by frame."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.gpu.tolerance import Tolerance


@dataclass(frozen=True)
class Comparison:
    """What the comparison of two results gave.

    Parameters
    ----------
    what : str
        The model, and the two sides.
    rows : int
        Frames that were compared.
    values : int
        Numbers that both have; the others are empty in both, or are a difference.
    max_px, max_likelihood : float or None
        Largest differences, in px and 0-1; None where index, columns or empty values are not the same.
    beyond : float or None
        Share of the values, 0-1, that are further apart than the tolerance.
    shift_px : float or None
        What the largest difference in px would be with one side a frame late; None where values are empty elsewhere.
    shift_seen : bool
        Whether a shift by a frame would have been found here.
    equal : bool
        Same index, columns and number types, all values within the tolerance, and not all of them empty.
    why : str
        What is not equal; empty for equal ones.
    """

    what: str
    rows: int
    values: int
    max_px: float | None
    max_likelihood: float | None
    beyond: float | None
    shift_px: float | None
    shift_seen: bool
    equal: bool
    why: str


def compare_files(what: str, ours: Path, others: Path, tolerance: Tolerance) -> Comparison:
    """Compare two .h5 files."""
    import pandas

    return compare_tables(what, pandas.read_hdf(ours), pandas.read_hdf(others), tolerance)


def compare_tables(what: str, ours: Any, others: Any, tolerance: Tolerance) -> Comparison:
    """Compare two tables as DeepLabCut writes them."""
    from tests.integration.support.compare_h5 import compare, tamper

    found = compare(ours, others)
    wrong = [name for name in ("index", "columns", "dtypes") if not found[name]]
    if "max_px" not in found:
        why = f"not the same {' and '.join(wrong)} ({ours.shape[0]} and {others.shape[0]} rows)"
        return Comparison(what, len(ours), 0, None, None, None, None, False, False, why)
    px, likelihood = float(str(found["max_px"])), float(str(found["max_likelihood"]))
    shifted = float(str(compare(tamper(ours, "shift"), others)["max_px"]))
    if not tolerance.holds(px, likelihood):
        wrong.append(f"values (allowed: {tolerance.px:g} px, {tolerance.likelihood:g} in likelihood)")
    values = int((ours.notna().to_numpy() & others.notna().to_numpy()).sum())
    if not values:
        wrong.append("anything: no value is there in both")
    return Comparison(
        what, len(ours), values, _number(px), _number(likelihood), _share_beyond(ours, others, tolerance),
        _number(shifted), not tolerance.holds(shifted, 0),
        not wrong, f"not the same {' and '.join(wrong)}" if wrong else "",
    )  # fmt: skip


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value


def _share_beyond(ours: Any, others: Any, tolerance: Tolerance) -> float:
    import numpy

    a, b = ours.to_numpy(dtype=float), others.to_numpy(dtype=float)
    limits = numpy.array(
        [tolerance.likelihood if column[-1] == "likelihood" else tolerance.px for column in ours.columns]
    )
    close = (numpy.abs(a - b) <= limits) | (numpy.isnan(a) & numpy.isnan(b))
    return float(1 - close.mean()) if close.size else 0.0
