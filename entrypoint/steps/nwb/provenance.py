"""What an NWB file says about where its positions come from."""

from __future__ import annotations

from dataclasses import dataclass

from dlcctr import __version__
from dlcctr.campaign.rows import Row
from dlcctr.results.receipt import Receipt
from entrypoint.steps.base import RowSource
from entrypoint.video.pixels import stock_box

PYTORCH = "pytorch"


@dataclass(frozen=True)
class Provenance:
    """Texts for an NWB file.

    Parameters
    ----------
    description : str
        Of the positions: model, software and parameters.
    software_version : str
        DeepLabCut's; empty where the receipt does not say it.
    generated_by : tuple of (str, str)
        Programs and their versions.
    reference_frame : str
        What (0, 0) is.
    corner : tuple of int
        x and y in px that were added to all positions.
    """

    description: str
    software_version: str
    generated_by: tuple[tuple[str, str], ...]
    reference_frame: str
    corner: tuple[int, int]


def describe_source(source: RowSource) -> Provenance:
    """Texts about a row's positions."""
    receipt = source.receipt
    version = receipt.software.get("deeplabcut", "")
    corner = crop_corner(receipt, source.row)
    return Provenance(
        description=_description(source, version),
        software_version=version,
        generated_by=(*((("DeepLabCut", version),) if version else ()), ("dlcctr", __version__)),
        reference_frame=_reference_frame(receipt, corner),
        corner=corner,
    )


def crop_corner(receipt: Receipt, row: Row) -> tuple[int, int]:
    """Corner that the positions count from, in px of the whole picture."""
    crop = receipt.parameters.crop
    if not crop:
        return 0, 0
    if receipt.model.engine == PYTORCH and row.width and row.height:
        # DeepLabCut's own reader may begin a pixel before the corner that it was given
        x1, _, y1, _ = stock_box(list(crop), row.width, row.height) or (crop[0], 0, crop[2], 0)
        return x1, y1
    return crop[0], crop[2]


def _reference_frame(receipt: Receipt, corner: tuple[int, int]) -> str:
    text = "(0, 0) is the top left corner of the video's picture, x to the right, y down, in px"
    if crop := receipt.parameters.crop:
        x1, x2, y1, y2 = crop
        text += (
            f". Only the part x {x1}-{x2}, y {y1}-{y2} was analysed; its corner ({corner[0]}, {corner[1]}) is added "
            "to DeepLabCut's positions, which count from there"
        )
    return text


def _description(source: RowSource, version: str) -> str:
    receipt, model = source.receipt, source.receipt.model
    step = source.positions.below
    image, used = receipt.image, receipt.parameters
    facts = {
        "positions": f"of the step {step.rpartition('/')[2]}" if step else "as the analysis gave them",
        "model": f"{model.id} (hash {model.hash})",
        "snapshot": model.snapshot,
        "detector": model.detector_snapshot,
        "conditions": model.conditions,
        "engine": model.engine,
        "DeepLabCut": version,
        "dlcctr": __version__,
        "image": " ".join(part for part in (image.name, image.digest) if part),
        "contract": str(receipt.contract),
        "path": receipt.path,
        "shuffle": _text(used.shuffle),
        "training set": _text(used.trainset_index),
        "crop": ",".join(map(str, used.crop or ())),
        "precision": used.precision,
        "tracker": used.tracking.tracker,
        "video": f"{receipt.row.video} (fingerprint {receipt.row.fingerprint})",
        "analysed": receipt.finished,
        "frames that did not decode": _text(sum(stop - first for first, stop in receipt.frames.missing))
        if receipt.frames and receipt.frames.missing
        else "",
    }
    return "Positions by DeepLabCut. " + "; ".join(f"{name}: {text}" for name, text in facts.items() if text)


def _text(number: int | None) -> str:
    return "" if number is None else str(number)
