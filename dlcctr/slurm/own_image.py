"""The image that this program runs in, which tasks can run in, too."""

from __future__ import annotations

import os
from pathlib import Path

from dlcctr.system.files import absolute

CONTAINER_VARIABLES = ("APPTAINER_CONTAINER", "SINGULARITY_CONTAINER")
"""Variable with the host path of the SIF that this program runs in."""
HOW_TO_NAME = "name the SIF with --image (make it with `make sif`, or see docs/sif.md)"
"""Remedy where no SIF is found."""


def find_own_sif() -> Path | None:
    """SIF that this program runs in, by its path on the host; None outside of one."""
    return next((absolute(os.environ[name]) for name in CONTAINER_VARIABLES if os.environ.get(name)), None)
