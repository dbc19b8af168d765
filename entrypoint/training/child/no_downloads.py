"""Downloads are refused while training: compute nodes have no internet, and results must not depend on it."""

from __future__ import annotations

import functools
from typing import Any

from dlcctr.errors import ModelError
from entrypoint.training.child.find_weights import WEIGHTS_VARIABLE


@functools.cache
def refuse_downloads() -> None:
    """Let the ways by which DeepLabCut and its libraries fetch files raise `ModelError`, in this process."""
    import urllib.request

    import torch

    urllib.request.urlopen = _refuse
    urllib.request.urlretrieve = _refuse
    torch.hub.download_url_to_file = _refuse


def _refuse(url: Any, *_: Any, **__: Any) -> Any:
    raise ModelError(
        f"something would be downloaded: {getattr(url, 'full_url', url)}; nothing is while training",
        f"fetch it where there is internet, and name its folder with --weights or {WEIGHTS_VARIABLE}",
    )
