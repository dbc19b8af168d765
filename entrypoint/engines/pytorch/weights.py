"""How snapshots are read: as numbers only, whatever a project's files, the environment or DeepLabCut's code say."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from entrypoint.protocol import Job


@contextmanager
def reading(job: Job) -> Iterator[None]:
    """Within this context `torch.load` reads weights only, unless the job is trusted.

    All that DeepLabCut loads goes through that function: poses, detectors, parts of networks that name a file.
    """
    import torch

    if job.trusted:
        yield
        return
    before = torch.load

    def load(*args: Any, **options: Any) -> Any:
        return before(*args, **{**options, "weights_only": True})

    torch.load = load
    try:
        yield
    finally:
        torch.load = before
