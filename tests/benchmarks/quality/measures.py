"""AUROC, F1, and DeepLabCut's rules for outliers on the same frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

EPSILON_PX, P_BOUND = 20.0, 0.01
"""Defaults of DeepLabCut's extract_outlier_frames: displacement in px, and likelihood."""


def auroc(scores: Any, truth: Any) -> float:
    """Area under the ROC curve; equal scores count half."""
    _, places, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[places]
    n_true = int(truth.sum())
    n_false = len(truth) - n_true
    if not n_true or not n_false:
        return float("nan")
    return float((ranks[truth].sum() - n_true * (n_true + 1) / 2) / (n_true * n_false))


def displacement(positions: Any) -> Any:
    """Displacement of each part from the frame before, in px: what the rule `jump` looks at."""
    found = np.zeros(positions.shape[:2])
    found[1:] = np.hypot(*np.moveaxis(np.diff(positions[..., :2], axis=0), 2, 0))
    return found


@dataclass(frozen=True)
class Found:
    """How well a yes-or-no rule does."""

    recall: float
    false_alarms: float
    precision: float

    @property
    def f1(self) -> float:
        return 2 * self.recall * self.precision / max(self.recall + self.precision, 1e-12)

    @classmethod
    def of(cls, said: Any, truth: Any) -> Found:
        said, truth = np.asarray(said, bool), np.asarray(truth, bool)
        hit = float((said & truth).sum())
        return cls(
            hit / max(int(truth.sum()), 1), float((said & ~truth).sum()) / max(int((~truth).sum()), 1),
            hit / max(int(said.sum()), 1),
        )  # fmt: skip


def fit_logistic(terms: Any, truth: Any, rounds: int = 30) -> Any:
    """Coefficients of a logistic regression, by Newton's method with a little shrinkage."""
    weights = np.zeros(terms.shape[1])
    for _ in range(rounds):
        expected = 1 / (1 + np.exp(-np.clip(terms @ weights, -30, 30)))
        slope = terms.T @ (expected - truth) + weights
        spread = np.maximum(expected * (1 - expected), 1e-6)
        weights -= np.linalg.solve((terms * spread[:, None]).T @ terms + np.eye(len(weights)), slope)
    return weights
