"""What decides the tracks of a row: the step's parameters, the analysis, and the model's inference_cfg.yaml."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from dlcctr.campaign.steps.tracks import TracksParameters
from dlcctr.errors import ModelError, OutputError
from dlcctr.model.files import open_tree
from dlcctr.model.inspection import ModelInfo
from dlcctr.model.project.shuffles import read_table
from entrypoint.steps.base import StepInput

SHORT_NAMES = {"ellipse": "el", "box": "bx", "skeleton": "sk"}
"""How DeepLabCut names a tracker in files."""
DEEPLABCUT = {"pcutoff": 0.1, "iou_threshold": 0.6, "max_age": 1, "min_hits": 1, "boundingboxslack": 0.0}
"""Its own inference_cfg.yaml, for models without one."""
POINT_SLACK = 40.0
"""What DeepLabCut means boxes of animals with a single body part to be larger by, in px."""


@dataclass(frozen=True)
class TrackSettings:
    """All that decides the tracks.

    Parameters
    ----------
    engine : str
        ``pytorch`` or ``tensorflow``: their functions treat poses of low likelihood differently.
    names : tuple of str
        Animals, in the order of the results' columns.
    tracker : str
        ``ellipse``, ``box`` or ``skeleton``.
    topktoretain : int
        Most animals in a frame, in DeepLabCut's words; where it is 1 nothing is tracked.
    kept_parts : tuple of int
        Numbers of the body parts that the tracker looks at.
    """

    engine: str
    scorer: str
    names: tuple[str, ...]
    bodyparts: tuple[str, ...]
    unique: tuple[str, ...]
    frames: int
    tracker: str
    identity: bool
    topktoretain: int
    pcutoff: float
    iou_threshold: float
    max_age: int
    min_hits: int
    boundingboxslack: float
    kept_parts: tuple[int, ...]

    def facts(self) -> dict[str, float]:
        """Those that may come from the model, for the receipt."""
        names = ("pcutoff", "iou_threshold", "max_age", "min_hits", "boundingboxslack")
        return {"animals": float(len(self.names)), **{name: float(getattr(self, name)) for name in names}}


def find_settings(given: StepInput) -> TrackSettings:
    """Put together what the step, the row, the campaign and the model say.

    Raises
    ------
    OutputError
        The row is none of several animals, or its model is no longer there.
    ModelError
        The model's inference_cfg.yaml cannot be read, or it lacks what is asked for.
    """
    parameters, receipt, model = given.parameters, given.source.receipt, given.model
    assert isinstance(parameters, TracksParameters)
    used = receipt.model
    if used is None or receipt.frames is None or not used.individuals:
        raise OutputError(
            "this row has one animal: there is nothing to track",
            "the step `tracks` is for multi-animal projects; remove it: dlcctr steps remove m.csv tracks",
        )
    if model is None:
        raise OutputError(
            "the model is not there, and its inference_cfg.yaml decides how animals are tracked",
            "put the model back to where campaign.toml says it is",
        )
    tracking = parameters.tracking.over(given.campaign.tracking)
    if tracking.identity and not model.identity:
        raise ModelError(
            "identity was requested, but the model was trained without it", "remove `identity` from the step"
        )
    unknown = set(parameters.ignore_bodyparts) - set(used.bodyparts)
    kept = tuple(n for n, part in enumerate(used.bodyparts) if part not in parameters.ignore_bodyparts)
    if unknown or not kept:
        raise ModelError(
            f"ignore_bodyparts names {', '.join(sorted(unknown)) or 'all body parts'}",
            f"the body parts are {', '.join(used.bodyparts)}",
        )
    names = tracking.names(model.individuals)
    table = _inference(model)
    tracker, slack = tracking.tracker or model.tracker or "ellipse", _number(table, parameters, "boundingboxslack")
    if tracker not in SHORT_NAMES:
        raise ModelError(
            f"the tracker {tracker!r} of the project's config.yaml cannot be used here",
            'choose one: tracker = "ellipse", "box" or "skeleton"',
        )
    if len(used.bodyparts) == 1 and tracker != "box":
        tracker, slack = "box", max(slack, POINT_SLACK)
    return TrackSettings(
        engine=used.engine,
        scorer=used.scorer,
        names=names,
        bodyparts=tuple(used.bodyparts),
        unique=tuple(used.unique_bodyparts),
        frames=receipt.frames.stream,
        tracker=tracker,
        identity=bool(tracking.identity),
        topktoretain=int(_found(table, "topktoretain", len(model.individuals))),
        pcutoff=_number(table, parameters, "pcutoff"),
        iou_threshold=_number(table, parameters, "iou_threshold"),
        max_age=int(_number(table, parameters, "max_age")),
        min_hits=int(_number(table, parameters, "min_hits")),
        boundingboxslack=slack,
        kept_parts=kept,
    )


def _inference(model: ModelInfo) -> dict[str, Any]:
    tree = open_tree(model.project)
    name = PurePosixPath(model.folder / "test" / "inference_cfg.yaml")
    return dict(read_table(tree, name)) if tree.is_file(name) else {}


def _number(table: dict[str, Any], parameters: TracksParameters, name: str) -> float:
    own = getattr(parameters, name)
    return float(own) if own is not None else _found(table, name, DEEPLABCUT[name])


def _found(table: dict[str, Any], name: str, default: float) -> float:
    value = table.get(name, default)
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number) or number < 0:
        raise ModelError(
            f"inference_cfg.yaml: {name} is {str(value)[:40]!r}, which is no such number",
            "correct it there, or give it as a parameter of the step",
        )
    return number
