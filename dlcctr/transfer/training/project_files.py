"""The two files of a project that both machines write: config.yaml, and the list of shuffles in metadata.yaml. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dlcctr.errors import ModelError
from dlcctr.model.project.shuffles import is_on
from dlcctr.model.yaml.yaml12 import parse_yaml

SAME = ("Task", "date", "scorer")
"""Keys of config.yaml that are the same in every copy of a project."""
SINGLE, SEVERAL = ("bodyparts",), ("multianimalbodyparts", "individuals", "uniquebodyparts")
"""Keys by which labels and models of copies fit each other. DeepLabCut fills in those of the other kind by itself."""
PROJECT_PATH = re.compile(r"^project_path:.*(?:\n[ \t]+\S.*)*", re.MULTILINE)


def different_keys(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """Keys by which two config.yaml are of different projects."""
    kinds = [is_on(each.get("multianimalproject")) for each in (one, other)]
    if kinds[0] != kinds[1]:
        return ["multianimalproject"]
    keys = (*SAME, *(SEVERAL if kinds[0] else SINGLE))
    return [key for key in keys if (one.get(key) or None) != (other.get(key) or None)]


def with_project_path(text: str, folder: str, file: Path) -> str:
    """config.yaml of the copy in another folder; everything else in it stays as it is.

    DeepLabCut corrects project_path itself when it reads the file. But several tasks that start at once would all write
    the file at once. Where that line cannot be changed without changing more, the text is left to DeepLabCut; a file
    that is not YAML raises `ModelError`.
    """
    line = f"project_path: {json.dumps(folder, ensure_ascii=False)}"
    changed = PROJECT_PATH.sub(lambda _: line, text, count=1)
    wanted = {**parse_yaml(text, file), "project_path": folder}
    try:
        is_right = parse_yaml(changed, file) == wanted
    except ModelError:
        is_right = False
    return changed if is_right else text


def merge_metadata(ours: str, theirs: str, file: Path) -> str:
    """metadata.yaml with the shuffles of both; where both have one, ours stays.

    Parameters
    ----------
    file : Path
        Ours, for messages.

    Raises
    ------
    ModelError
        One of them is no such file.
    """
    table, other = parse_yaml(ours, file), parse_yaml(theirs, file)
    known, more = table.get("shuffles") or {}, other.get("shuffles") or {}
    if not isinstance(known, dict) or not isinstance(more, dict):
        raise ModelError(f"{file}: `shuffles` is not a table", "restore it from a copy of the project")
    merged = {**more, **known}
    if merged == known:
        return ours
    head = [line for line in ours.split("\n") if line.startswith("#")]
    lines = [*head, "shuffles:"]
    try:
        for name, entry in sorted(merged.items(), key=_place):
            lines.append(f"  {json.dumps(str(name), ensure_ascii=False)}:")
            lines += [f"    {key}: {json.dumps(value, ensure_ascii=False)}" for key, value in entry.items()]
        lines += [
            f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in table.items() if key != "shuffles"
        ]
        text = "\n".join(lines) + "\n"
        if parse_yaml(text, file) == {**table, "shuffles": merged}:
            return text
    except (TypeError, ValueError, AttributeError) as error:
        raise ModelError(f"{file}: cannot be merged ({error})", "restore it from a copy of the project") from error
    raise ModelError(f"{file}: cannot be merged with the one of the other machine", "restore it from a copy")


def _place(item: tuple[str, Any]) -> tuple[float, int, str]:
    """DeepLabCut's order: by training fraction, then by number."""
    name, entry = item
    return float(entry.get("train_fraction", 0)), int(entry.get("index", 0)), str(name)
