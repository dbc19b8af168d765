"""The kinds of flags: what each one says in a few words, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class FlagKind:
    """One kind of flag.

    Parameters
    ----------
    name : str
        As in `quality.json`.
    says : str
        What is wrong, for a table's head or a tooltip.
    advice : str
        What to do about it, one sentence.
    """

    name: str
    says: str
    advice: str


_KINDS = (
    FlagKind(
        "low-likelihood", "the network is unsure in many frames",
        "Look at the worst stretches; if it is unlike the labelled videos, label some frames and train again.",
    ),
    FlagKind(
        "jumps", "body parts jump farther than an animal can",
        "Look at the worst stretches; filter short ones, and label frames from long ones.",
    ),
    FlagKind(
        "odd-pose", "poses are unlike those that were labelled",
        "Look whether the points are on the animal; if so, label frames of this posture, if not, of this scene.",
    ),
    FlagKind(
        "odd-distance", "distances between body parts are impossible",
        "Compare model, body parts and zoom with the campaign's other videos; another scale needs labels of its own.",
    ),
    FlagKind(
        "swapped-sides", "left and right are exchanged",
        "If it is all of the video, flip it and analyse again; otherwise label frames where sides swap.",
    ),
    FlagKind(
        "frozen-points", "positions stand still while time goes on",
        "Look whether the picture stands still too (frozen-camera), or the points sit on a thing that is no animal.",
    ),
    FlagKind(
        "outside-picture", "points lie outside of the picture or of the arena",
        "Check crop and arena of this row against the video's size; points outside of the picture are no measurements.",
    ),
    FlagKind(
        "dark", "the picture is much darker or brighter than it should be",
        "Check lamp and exposure of that day; brighten a copy of the video and analyse it, or leave the video out.",
    ),
    FlagKind(
        "blurred", "the picture is much less sharp than it should be",
        "Check focus and lens of this camera; small parts cannot be trusted: leave them out, or label blurred frames.",
    ),
    FlagKind(
        "frozen-camera", "the same picture again and again",
        "The recording stalled: leave these frames out, and check disk and cable of the recording machine.",
    ),
    FlagKind(
        "scene-changed", "the scene changes within the video",
        "Camera or arena was moved, or the light changed: cut the video there and judge its parts on their own.",
    ),
    FlagKind(
        "dropped-frames", "frames are missing in time",
        "Use the times of frame-times.csv.gz rather than frame numbers, and check the recording machine.",
    ),
    FlagKind(
        "camera-differs", "the video is unlike the others of its camera",
        "Compare its picture with another video of this camera: was it moved, turned, mirrored? Another arena?",
    ),
    FlagKind(
        "parts-reordered", "body parts are exchanged with each other",
        "Compare the model's body parts with the labels' order; analyse again with the right model.",
    ),
    FlagKind(
        "no-animal", "there seems to be no animal",
        "Look at a picture: if the arena is empty, leave the video out; if not, the model does not know this scene.",
    ),
    FlagKind(
        "missing-individuals", "fewer animals were tracked than there should be",
        "Check the number of animals of this row, and look where the missing ones are.",
    ),
    FlagKind(
        "exchanged-identities", "tracks change places between animals",
        "Do not compare animals across these frames; split or correct the tracks there.",
    ),
    FlagKind(
        "track-breaks", "tracks break often",
        "Try the other tracker, or correct the tracks by hand before measures per animal are taken.",
    ),
)  # fmt: skip
FLAG_KINDS = {kind.name: kind for kind in _KINDS}
"""Every kind of flag by its name."""


def advice_for(name: str) -> str:
    """What to do about a flag; empty for a kind that this version does not know."""
    kind = FLAG_KINDS.get(name)
    return kind.advice if kind else ""
