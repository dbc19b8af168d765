"""Which animals are in a multi-animal video and how they are tracked, for a campaign or for a row."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dlcctr.model.inspection import ModelInfo

TRACKERS = ("ellipse", "skeleton", "box")
"""DeepLabCut's trackers, as in `default_track_method`."""
NOT_OFFERED = "ctd"
"""What DeepLabCut calls it where a conditional top-down model follows its own poses from frame to frame; stock
`analyze_videos` ends with an error unless its caller asks for that as well."""
MAX_TRACKS = 1_000
UNIQUE_OWNER = "single"
"""Individual that DeepLabCut files the unique body parts of a multi-animal project under."""


@dataclass(frozen=True, slots=True)
class Tracking:
    """What DeepLabCut is told about the animals; empty or None where the project's own settings hold.

    Parameters
    ----------
    individuals : tuple of str
        Names of the animals in this video, in the order of the results' columns.
    n_tracks : int or None
        Number of animals; the number of names where these are given.
    tracker : str
        ``ellipse``, ``skeleton`` or ``box``.
    identity : bool or None
        Follow animals by the identity that the network sees, and by nothing else (DeepLabCut's `identity_only`).

    Raises
    ------
    ValueError
        A value that DeepLabCut cannot take, or two that contradict each other.
    """

    individuals: tuple[str, ...] = ()
    n_tracks: int | None = None
    tracker: str = ""
    identity: bool | None = None

    def __post_init__(self) -> None:
        names = self.individuals
        if "" in names or len(set(names)) != len(names) or UNIQUE_OWNER in names:
            raise ValueError(
                f"individuals are {', '.join(map(repr, names))}: each needs its own name, and none may be 'single'"
            )
        if self.n_tracks is not None and not 1 <= self.n_tracks <= MAX_TRACKS:
            raise ValueError(f"n_tracks is {self.n_tracks}; it must be 1 to {MAX_TRACKS:,}")
        if names and self.n_tracks not in (None, len(names)):
            raise ValueError(f"n_tracks is {self.n_tracks}, but {len(names)} individuals are named")
        if self.tracker and self.tracker not in TRACKERS:
            raise ValueError(f"tracker is {self.tracker!r}; it must be one of {', '.join(TRACKERS)}")

    def over(self, other: Tracking) -> Tracking:
        """These values, and the other's where these are unset. Names and their number go together."""
        animals = self if self.individuals or self.n_tracks else other
        return Tracking(
            animals.individuals,
            animals.n_tracks,
            self.tracker or other.tracker,
            other.identity if self.identity is None else self.identity,
        )

    def names(self, project: tuple[str, ...]) -> tuple[str, ...]:
        """Names of the animals in the results, as DeepLabCut gives them.

        Parameters
        ----------
        project : tuple of str
            The project's own individuals; empty for a project with one animal.
        """
        if not project or self.individuals:
            return self.individuals if project else ()
        if self.n_tracks is None or self.n_tracks <= len(project):
            return project[: self.n_tracks]
        return tuple(f"ind{number}" for number in range(1, self.n_tracks + 1))


PROJECTS_OWN = Tracking()
TRACKING_HINT = "correct these columns of the manifest, or [tracking] in campaign.toml"


def tracking_problem(tracking: Tracking, model: ModelInfo) -> str:
    """Why a model cannot be used with these values; empty where it can."""
    if model.tracker == NOT_OFFERED and not tracking.tracker:
        return (
            f"config.yaml's default_track_method is {NOT_OFFERED}, DeepLabCut's conditional tracking, which is not "
            f"supported; choose {' or '.join(TRACKERS)} with `manifest --tracker` or in the column `tracker`"
        )
    if tracking == PROJECTS_OWN:
        return ""
    if not model.multianimal:
        return "individuals, n_tracks, tracker and identity are for multi-animal projects; this one has one animal"
    if tracking.identity and not model.identity:
        return "identity was requested, but the model was trained without it (config.yaml: `identity: false`)"
    return ""


def parse_names(text: str) -> tuple[str, ...]:
    """Names with semicolons or commas between them; ``""`` gives none."""
    return tuple(name.strip() for name in re.split(r"[;,]", text)) if text.strip() else ()


def parse_yes(text: str) -> bool | None:
    """``yes`` or ``no``, also as spreadsheets write it (TRUE, 0); None for an empty cell.

    Raises
    ------
    ValueError
        The cell is neither yes nor no.
    """
    word = text.strip().lower()
    known = {"": None, "yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}
    if word not in known:
        raise ValueError(f"{text.strip()!r} is neither yes nor no")
    return known[word]
