"""The pose prior that is at hand while a row is analysed."""

from __future__ import annotations

import contextlib
import functools
from pathlib import Path

from dlcctr.contract import PRIVATE_PREFIX
from dlcctr.errors import DlcctrError
from dlcctr.model.files import open_tree
from dlcctr.model.prior.make import prior_of_model
from dlcctr.model.prior.record import PRIORS

CAMPAIGN_PRIOR = f"{PRIVATE_PREFIX}pose-prior.json"
"""File below the model's folder of results; remove it, and the next `dlcctr quality` makes it again."""


@functools.cache
def known_prior(model: Path, model_id: str, bodyparts: tuple[str, ...], out: Path) -> str:
    """Text of the prior that a row can be judged with in its task: the model's, or the one that a campaign has kept.

    Empty where there is neither: `dlcctr quality` makes one of the campaign's confident frames later.
    """
    with contextlib.suppress(DlcctrError):
        if prior := prior_of_model(open_tree(model), bodyparts):
            return PRIORS.text(prior)
    with contextlib.suppress(DlcctrError):
        kept = PRIORS.find(out / model_id / CAMPAIGN_PRIOR)
        if kept and kept.bodyparts == bodyparts:
            return PRIORS.text(kept)
    return ""
