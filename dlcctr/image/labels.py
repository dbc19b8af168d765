"""What an image's labels say: its version, engine and contract."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dlcctr.contract import CONTRACT_VERSION, LABEL_PREFIX
from dlcctr.errors import ContractError


def check_contract(what: str, labels: Mapping[str, Any]) -> None:
    """Compare an image's contract label with this program's; a `ContractError` where they differ."""
    version = labels.get(f"{LABEL_PREFIX}contract")
    if version is None:
        raise ContractError(f"{what} has no label {LABEL_PREFIX}contract: it is no dlcctr image", "see `make image`")
    if str(version) != str(CONTRACT_VERSION):
        raise ContractError(
            f"{what} speaks contract {version}, this dlcctr speaks {CONTRACT_VERSION}",
            "use the image and the dlcctr of the same version",
        )
