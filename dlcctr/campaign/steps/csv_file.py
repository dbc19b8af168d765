"""Parameters of the step `csv`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class CsvParameters:
    """How the step `csv` works.

    Parameters
    ----------
    sleap : bool
        Also write SLEAP's analysis file, which sleap-io and movement read where they do not read DeepLabCut's own.
    """

    sleap: bool = True
