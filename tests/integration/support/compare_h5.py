"""Compare two DeepLabCut .h5 files; runs wherever pandas and PyTables are, and prints one JSON line.

Usage: compare_h5.py OURS STOCK [OURS STOCK ...]. ``unnoticed`` names the ways in which OURS was damaged in memory and
still compared equal: none, where the comparison can fail.
"""

import json
import sys

import numpy as np
import pandas as pd

MAX_PX = 0.01
MAX_LIKELIHOOD = 1e-4
WAYS = ("shift", "swap", "value")


def compare(ours: pd.DataFrame, stock: pd.DataFrame) -> dict[str, object]:
    """Index, columns, dtypes and all values: ``equal`` is true only if every one of them agrees."""
    found: dict[str, object] = {
        "rows": len(ours),
        "index": bool(ours.index.equals(stock.index)),
        "columns": list(ours.columns) == list(stock.columns) and ours.columns.names == stock.columns.names,
        "dtypes": list(map(str, ours.dtypes)) == list(map(str, stock.dtypes)),
    }
    if not (found["index"] and found["columns"]):
        return {**found, "equal": False}
    a, b = ours.to_numpy(dtype=float), stock.to_numpy(dtype=float)
    likelihood = np.array([column[-1] == "likelihood" for column in ours.columns])
    both_nan = np.isnan(a) & np.isnan(b)
    distance = np.where(both_nan, 0.0, np.abs(a - b))
    found["max_px"] = float(distance[:, ~likelihood].max(initial=0))
    found["max_likelihood"] = float(distance[:, likelihood].max(initial=0))
    close = found["max_px"] <= MAX_PX and found["max_likelihood"] <= MAX_LIKELIHOOD  # false where one side is NaN
    return {**found, "equal": bool(found["dtypes"] and close)}


def tamper(frame: pd.DataFrame, how: str) -> pd.DataFrame:
    """Damage a result the ways that must never pass: a one-frame shift, two body parts swapped, one value edited."""
    values = frame.to_numpy().copy()
    if how == "shift":
        values = np.roll(values, 1, axis=0)
    elif how == "swap":
        values[:, :6] = values[:, [3, 4, 5, 0, 1, 2]]
    else:
        values[len(values) // 2, 0] += 0.02
    return pd.DataFrame(values, index=frame.index, columns=frame.columns)


def main() -> None:
    for files in zip(sys.argv[1::2], sys.argv[2::2], strict=True):
        ours, stock = map(pd.read_hdf, files)
        unnoticed = [how for how in WAYS if compare(tamper(ours, how), stock)["equal"]]
        print(json.dumps({**compare(ours, stock), "unnoticed": unnoticed}))


if __name__ == "__main__":
    main()
