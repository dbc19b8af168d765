"""Which predicted animal is which labelled one, by DeepLabCut's own functions. Runs where DeepLabCut is imported."""

from __future__ import annotations

from typing import Any

SMALLEST_OKS = 1e-6
"""Object keypoint similarity from which on DeepLabCut's RMSE takes two animals for the same."""
SIGMA = 0.1


def match_animals(label: Any, predicted: Any) -> Any:
    """Give each labelled animal of a picture the pose that DeepLabCut compares it with.

    Parameters
    ----------
    label : ndarray (n_animals, n_bodyparts, 2)
        px; NaN where a part is not labelled.
    predicted : ndarray (n_predicted, n_bodyparts, 3)
        px, px, likelihood; NaN, or a likelihood below 0, where a part was not found.

    Returns
    -------
    ndarray (n_animals, n_bodyparts, 3)
        NaN for an animal that no pose was matched to.
    """
    import numpy
    from deeplabcut.core.metrics.api import prepare_evaluation_data
    from deeplabcut.core.metrics.distance_metrics import compute_oks_matrix
    from deeplabcut.core.metrics.matching import match_greedy_oks

    found = numpy.full((*label.shape[:2], 3), numpy.nan)
    there = numpy.isfinite(label).all(axis=2)
    visible = numpy.where(there, 2.0, 0.0)[..., None]
    truth = numpy.concatenate([numpy.where(there[..., None], label, 0.0), visible], axis=2)
    ((kept, poses),) = prepare_evaluation_data({"": truth}, {"": predicted})
    animals = numpy.flatnonzero(there.any(axis=1))  # those that it keeps, in their order
    similar = compute_oks_matrix(kept[:, :, :2], poses[:, :, :2], oks_sigma=SIGMA)
    for match in match_greedy_oks(kept, poses, oks_matrix=similar, oks_threshold=SMALLEST_OKS):
        if match.gt is not None:
            (place, *_) = (n for n, each in enumerate(kept) if numpy.shares_memory(each, match.gt))
            found[animals[place]] = match.pose
    return found


def match_frames(label: Any, predicted: Any, *, n_animals: int, n_bodyparts: int) -> Any:
    """Give each labelled point of all pictures its prediction.

    Parameters
    ----------
    label : ndarray (n_frames, n_points, 2)
        px; all body parts of the first animal, then the next one's, then those that exist once.
    predicted : ndarray (n_frames, n_points, 3)
        px, px, likelihood, in the same order; which animal is which is not known.

    n_bodyparts : int
        Of one animal.

    Returns
    -------
    ndarray (n_frames, n_points, 3)
    """
    import numpy

    found, last = numpy.where(predicted[..., 2:] < 0, numpy.nan, predicted), n_animals * n_bodyparts
    for n, (own, poses) in enumerate(zip(label[:, :last], predicted[:, :last], strict=True)):
        matched = match_animals(own.reshape(n_animals, n_bodyparts, 2), poses.reshape(n_animals, n_bodyparts, 3))
        found[n, :last] = matched.reshape(-1, 3)
    return found
