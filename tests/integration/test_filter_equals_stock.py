"""The step `filter` gives the numbers of DeepLabCut's `filterpredictions`, in every option, on tables of both kinds."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = Path(__file__).parent / "support" / "filters_beside_stock.py"
COMPARISONS = 36
SETTINGS = {"DLClight": "True", "MPLBACKEND": "Agg", "CUDA_VISIBLE_DEVICES": "-1", "OMP_NUM_THREADS": "1"}


@pytest.mark.full
@pytest.mark.parametrize("engine", ["pytorch", "tensorflow"])
def test_every_option_on_every_kind_of_table(engine: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    python: Path = request.getfixturevalue(f"native_{engine}")
    command = [str(python), str(SCRIPT), str(ROOT), str(tmp_path), engine]
    done = subprocess.run(
        command, env={**os.environ, **SETTINGS}, capture_output=True, text=True, check=False, timeout=900
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, "\n".join(line for line in said.splitlines() if "differs" in line) or said[-3000:]
    assert done.stdout.count("equal:") == COMPARISONS, said[-3000:]
