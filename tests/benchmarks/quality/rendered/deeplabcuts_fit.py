"""DeepLabCut's own rule `fitting` on some results: ``python -m …deeplabcuts_fit OUT H5…`` in the native environment.

An ARIMA model of each coordinate of each body part, with DeepLabCut's defaults.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import numpy as np

P_BOUND, ALPHA, AR_DEGREE, MA_DEGREE = 0.01, 0.01, 3, 1
"""Defaults of extract_outlier_frames."""


def fit(out: Path, tables: list[Path]) -> None:
    """Distances from the fit: of points (n, p), and of frames (n,) as DeepLabCut takes their mean; and its CPU time."""
    from entrypoint.engines.torchvision_ops import declare_missing

    declare_missing()
    import pandas as pd
    from deeplabcut.refine_training_dataset.outlier_frames import compute_deviations

    for file in tables:
        target = out / f"{file.parent.name}.npz"
        if target.exists():
            continue
        table = pd.read_hdf(file)
        start = time.process_time()
        with tempfile.TemporaryDirectory() as folder:
            name = str(Path(folder) / "fit.h5")
            frames, _, data = compute_deviations(table, name, P_BOUND, ALPHA, AR_DEGREE, MA_DEGREE, storeoutput="full")
        seconds = time.process_time() - start
        points = data.xs("distance", axis=1, level=-1).to_numpy()
        with target.open("wb") as stream:
            np.savez(stream, points=points, frames=frames, seconds=seconds)
        print(f"{target.name}: {seconds:.1f} s", flush=True)


if __name__ == "__main__":
    fit(Path(sys.argv[1]), [Path(name) for name in sys.argv[2:]])
