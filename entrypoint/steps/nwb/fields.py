"""The text of each field of an NWB file: from the manifest's cells, the video's path, or the step's parameters."""

from __future__ import annotations

import re
from collections.abc import Callable

from dlcctr.campaign.steps.nwb import FIELDS, NwbParameters
from dlcctr.errors import ManifestError

TakeCell = Callable[[str], "str | None"]
"""Gives a cell of the row; None where the manifest has no such column."""


def find_fields(parameters: NwbParameters, video: str, take_cell: TakeCell, where: str) -> dict[str, str]:
    """Text of each field that is given; a cell comes before the pattern, and that before the parameters.

    Parameters
    ----------
    video : str
        Path of the video, as in the manifest.
    where : str
        The manifest and its line, for messages.

    Raises
    ------
    ManifestError
        The parameters name a column that the manifest does not have, or the pattern does not fit the video's path.
    """
    told = {name: getattr(parameters, name) for name in FIELDS}
    found = {name: "" if value is None else str(value).strip() for name, value in told.items()}
    if parameters.pattern:
        match = re.search(parameters.pattern, video)
        if match is None:
            raise ManifestError(
                f"{where}: the pattern of the step does not fit the path {video!r}",
                "correct `pattern` in campaign.toml, or leave it out and use columns of the manifest",
            )
        found |= {name: text.strip() for name, text in match.groupdict().items() if text and text.strip()}
    for name, column in parameters.column_of.items():
        cell = take_cell(column)
        if cell is None and column in parameters.named_columns:
            raise ManifestError(
                f"{where}: the manifest has no column `{column}`, which the step takes {name} from",
                "add that column, or correct `columns` in campaign.toml",
            )
        if cell and cell.strip():
            found[name] = cell.strip()
    return {name: text for name, text in found.items() if text}
