"""Detectors are built without a download: the snapshot replaces what it would bring (DeepLabCut#1828, #2985).

A detector's configuration says what its training began with, COCO's or ImageNet's weights. torchvision fetches these
when the network is built, also for an analysis. What the configuration says stays, since it decides more than the
weights: the layers of SSDLite's tail, and whether normalisation is frozen.
"""

from __future__ import annotations

import functools
from typing import Any


class NotFetched(dict[str, Any]):
    """Weights that were not fetched; loading them changes nothing."""


@functools.cache
def fetch_no_weights() -> None:
    """Let torchvision's constructors continue without the weights that they request, in this process."""
    import torch
    from torchvision.models import WeightsEnum

    load = torch.nn.Module.load_state_dict

    def load_state_dict(module: Any, state_dict: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(state_dict, NotFetched):
            return None
        return load(module, state_dict, *args, **kwargs)

    def get_state_dict(weights: Any, *args: Any, **kwargs: Any) -> NotFetched:
        return NotFetched()

    torch.nn.Module.load_state_dict = load_state_dict  # type: ignore[method-assign, unused-ignore]
    WeightsEnum.get_state_dict = get_state_dict
