"""Compare pairs of DeepLabCut .h5 files; prints one JSON line. Runs in an environment that has pandas and PyTables.

Usage: compare_many.py PAIRS. PAIRS is a JSON list of ``[ours, stock, lost]``: the rows ``lost`` must be NaN with
likelihood 0 in ours and are compared no further. Beside each result of `compare_h5.compare` stands ``shifted``: the
result with ours one frame late, which must not be equal.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any


def main() -> None:
    sys.path.insert(0, str(Path(__file__).resolve().parent))
    import numpy
    import pandas
    from compare_h5 import compare, tamper

    found: list[dict[str, Any]] = []
    for ours_file, stock_file, lost in json.loads(sys.argv[1]):
        ours, stock = pandas.read_hdf(ours_file), pandas.read_hdf(stock_file)
        likelihood = ours.columns.get_level_values("coords") == "likelihood"
        gone = ours.loc[lost]
        in_place = gone.loc[:, ~likelihood].isna().all(axis=None) and (gone.loc[:, likelihood] == 0).all(axis=None)
        nan_rows = numpy.flatnonzero(ours.isna().any(axis=1)).tolist()
        shifted = tamper(ours, "shift")
        for table in (ours, shifted):
            table.loc[lost] = stock.loc[lost]
        result = compare(ours, stock)
        result |= {"lost_in_place": bool(in_place) and nan_rows == lost, "key": keys(ours_file) == keys(stock_file)}
        found.append({**result, "shifted": compare(shifted, stock)["equal"]})
    print(json.dumps(found))


def keys(file: str) -> list[str]:
    import pandas

    with pandas.HDFStore(file, "r") as store:
        return list(store.keys())


if __name__ == "__main__":
    main()
