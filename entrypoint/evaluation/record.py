"""What an evaluation found, as it is written to evaluation.json."""

from __future__ import annotations

from dataclasses import dataclass

NOW, BEFORE = "now", "before"
"""Names of the two models in figures and tables."""
TRAIN, TEST, FAIR, ADDED, ADDED_TRAIN, ADDED_TEST = (
    "train", "test", "test_new_to_both", "added", "added_train", "added_test",
)  # fmt: skip
"""Names of the sets of frames."""
ALL = ""
"""Body part of figures over all of them."""


@dataclass(frozen=True)
class Figure:
    """Errors of one model on one set of frames, for one body part or all.

    Parameters
    ----------
    model : str
        ``now`` or ``before``.
    frames : str
        Set of frames; see `TRAIN` and the others.
    bodypart : str
        Empty for all.
    n_frames : int
        Frames in the set, labelled or not.
    n : int
        Labelled points behind `error_px`.
    error_px, median_px : float or None
        Mean and median distance between label and prediction; what DeepLabCut calls RMSE is the mean.
    n_sure, error_sure_px : int, float or None
        The same for points whose likelihood reaches the p-cutoff.
    n_pck, pck : int, float or None
        Labelled points with a threshold, and the share of them within it, 0-1; one that was not found is not.
    """

    model: str
    frames: str
    bodypart: str
    n_frames: int
    n: int
    error_px: float | None
    median_px: float | None
    n_sure: int
    error_sure_px: float | None
    n_pck: int
    pck: float | None


@dataclass(frozen=True)
class Difference:
    """Error of the model less that of the model before, on the same points.

    Parameters
    ----------
    frames : str
        Set of frames.
    low_px, high_px : float or None
        95 % interval of `mean_px`, from drawing frames anew; None for a handful of frames.
    """

    frames: str
    n_frames: int
    n: int
    mean_px: float
    low_px: float | None
    high_px: float | None


@dataclass(frozen=True)
class Precision:
    """DeepLabCut's own figures of whole animals, by object keypoint similarity from 0.5 to 0.95.

    Parameters
    ----------
    model : str
        ``now`` or ``before``.
    frames : str
        ``train`` or ``test``.
    map_percent, mar_percent : float or None
        Mean average precision and mean average recall, 0 to 100, as it rounds them.
    """

    model: str
    frames: str
    map_percent: float | None
    mar_percent: float | None


@dataclass(frozen=True)
class ModelFacts:
    """Which model it is."""

    iteration: int
    shuffle: int
    train_fraction: float
    engine: str
    net_type: str
    snapshot: str
    id: str
    hash: str
    device: str


@dataclass(frozen=True)
class Counts:
    """Frames in the training set.

    Parameters
    ----------
    added : int or None
        Frames that the iteration of the model before did not have; None where that is not known.
    test_known_to_before : int or None
        Frames of the test set that the model before was trained on.
    """

    frames: int
    train: int
    test: int
    added: int | None = None
    added_test: int | None = None
    test_known_to_before: int | None = None


@dataclass(frozen=True)
class Evaluation:
    """All of it.

    Parameters
    ----------
    pck : str
        Threshold of PCK, for people.
    bodyparts : tuple of str
        Of the model, in its order; those that exist once come last.
    individuals : tuple of str
        Empty in a project of one animal.
    precisions : tuple of Precision
        Of projects of several animals.
    own_figures : dict
        DeepLabCut's own figures of the model, as it rounds them.
    notes : tuple of str
        What a reader has to know.
    """

    project: str
    now: ModelFacts
    before: ModelFacts | None
    bodyparts: tuple[str, ...]
    pcutoff: float
    pck: str
    counts: Counts
    figures: tuple[Figure, ...]
    differences: tuple[Difference, ...]
    own_figures: dict[str, float]
    notes: tuple[str, ...]
    individuals: tuple[str, ...] = ()
    precisions: tuple[Precision, ...] = ()

    def figure(self, model: str, frames: str, bodypart: str = ALL) -> Figure | None:
        """A figure; None where it was not made."""
        wanted = (model, frames, bodypart)
        return next((each for each in self.figures if (each.model, each.frames, each.bodypart) == wanted), None)

    def precision(self, model: str, frames: str) -> Precision | None:
        """Figures of whole animals; None where there are none."""
        return next((each for each in self.precisions if (each.model, each.frames) == (model, frames)), None)

    def has(self, frames: str) -> bool:
        """Whether a set of frames has any frame."""
        found = self.figure(NOW, frames)
        return found is not None and found.n_frames > 0
