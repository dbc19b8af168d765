"""Parameters of the step `tracks`."""

from __future__ import annotations

from dataclasses import dataclass

from dlcctr.campaign.tracking import Tracking

LEAST_LENGTH = 3
"""DeepLabCut's own limit of `min_length`."""
LEAST_WINDOW = 2_000


@dataclass(frozen=True)
class TracksParameters:
    """How the step `tracks` works. The names are those of DeepLabCut's functions and of its `inference_cfg.yaml`.

    Parameters
    ----------
    tracker : str
        ``ellipse``, ``box`` or ``skeleton``; empty for the campaign's or the project's own.
    individuals : tuple of str
        Names of the animals in the video; empty for the campaign's or the project's own.
    n_tracks : int or None
        Number of animals; None as for `individuals`.
    identity : bool or None
        Follow animals by the identity that the network sees, and by nothing else (DeepLabCut's `identity_only`).
    pcutoff, iou_threshold : float or None
        Least likelihood of a body part (PyTorch); least overlap with a tracklet, 0-1. None, here and in the next ones:
        what the model's inference_cfg.yaml says.
    max_age : int or None
        Frames that a lost tracklet is waited for.
    min_hits : int or None
        Frames in succession after which an animal has a tracklet.
    boundingboxslack : float or None
        What boxes are made larger by on each side, in px.
    ignore_bodyparts : tuple of str
        Body parts that the tracker does not look at.
    min_length : int
        Frames of a tracklet that takes part in stitching; shorter ones fill gaps afterwards.
    split_tracklets : bool
        Divide tracklets where a frame is missing.
    prestitch_residuals : bool
        Join short tracklets with each other before they fill gaps.
    max_gap : int
        Frames between two tracklets that may be one track; 0 lets DeepLabCut choose.
    window : int
        Frames that are stitched at once; a longer video is stitched window by window.

    Raises
    ------
    ValueError
        A value that DeepLabCut cannot take, or two that contradict each other.
    """

    tracker: str = ""
    individuals: tuple[str, ...] = ()
    n_tracks: int | None = None
    identity: bool | None = None
    pcutoff: float | None = None
    iou_threshold: float | None = None
    max_age: int | None = None
    min_hits: int | None = None
    boundingboxslack: float | None = None
    ignore_bodyparts: tuple[str, ...] = ()
    min_length: int = 10
    split_tracklets: bool = True
    prestitch_residuals: bool = True
    max_gap: int = 0
    window: int = 20_000

    def __post_init__(self) -> None:
        _ = self.tracking
        for name in ("pcutoff", "iou_threshold"):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= 1:
                raise ValueError(f"{name} is {value}; it must be 0 to 1")
        for name, least in (
            *(("max_age", 0), ("min_hits", 0), ("boundingboxslack", 0), ("max_gap", 0)),
            *(("min_length", LEAST_LENGTH), ("window", LEAST_WINDOW)),
        ):
            value = getattr(self, name)
            if value is not None and value < least:
                raise ValueError(f"{name} is {value}; it must be {least:,} or more")

    @property
    def tracking(self) -> Tracking:
        """Animals and tracker, as the campaign has them."""
        return Tracking(self.individuals, self.n_tracks, self.tracker, self.identity)
