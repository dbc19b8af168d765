"""The lines that DeepLabCut draws between body parts; they change no result."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dlcctr.errors import ModelError
from dlcctr.model.files import open_tree
from dlcctr.model.project.shuffles import names_of, read_config

Pairs = tuple[tuple[str, str], ...]


def read_skeleton(project: Path) -> Pairs:
    """Pairs of body parts in the `skeleton` of a project's or bundle's config.yaml; none where it cannot be read."""
    try:
        return skeleton_pairs(read_config(open_tree(project)).get("skeleton"))
    except ModelError:
        return ()


def skeleton_pairs(value: Any) -> Pairs:
    """Pairs in a `skeleton` of config.yaml, each once; what is no pair is left out."""
    entries = map(names_of, value) if isinstance(value, list) else ()
    return tuple(dict.fromkeys((each[0], each[1]) for each in entries if len(each) == 2 and each[0] != each[1]))
