"""Projects that ask to run code in their snapshots: where they do, and that somebody has to agree."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dlcctr.errors import ModelError
from dlcctr.model.project.shuffles import CONFIG, Shuffle
from dlcctr.model.yaml.yaml12 import find_key

KEY = "load_weights_only"
"""What DeepLabCut passes to ``torch.load`` as ``weights_only``; true where it is not given."""
_FALSE = frozenset({"false", "0", "0.0", "no", "off", "n", "f"})
"""What DeepLabCut's configuration takes for false, in lower case."""
OPTION = "--trust-model"
UNASKED = f"{KEY} is false, so that code in the snapshot would run: analyses are refused without {OPTION}"
"""Message for campaigns with such a model."""


def find_unsafe_loading(found: Shuffle) -> str:
    """File and line that ask for it; empty where none does, and for a bundle, which is not asked."""
    if found.tree.listing is not None or found.engine != "pytorch":
        return ""
    for name, table in ((found.pose_file, found.pose), (CONFIG, found.config), (found.test_file, found.test)):
        if any(str(value).lower() in _FALSE for value in _values(table)):
            line = find_key(found.tree.text(name), KEY, _FALSE)
            return f"{found.tree.root / name}" + (f", line {line}" if line else "")
    return ""


def _values(table: Any) -> Iterator[Any]:
    """All values under `KEY`, however deep."""
    for key, value in table.items() if isinstance(table, dict) else enumerate(table):
        if key == KEY:
            yield value
        if isinstance(value, (dict, list)):
            yield from _values(value)


def require_trust(unsafe_loading: str, *, given: bool) -> None:
    """Raise `ModelError` for a model that asks for it where nobody agreed to that.

    Parameters
    ----------
    unsafe_loading : str
        As `dlcctr.model.inspection.ModelInfo.unsafe_loading`.
    given : bool
        Whether `OPTION` was.
    """
    if unsafe_loading and not given:
        raise ModelError(
            f"{unsafe_loading}: {KEY} is false, so that code in the snapshot would run when it is read",
            f"set it to true; only if you know who made the snapshot and it cannot be read that way, add {OPTION}",
        )
