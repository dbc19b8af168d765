"""Which network a file of weights belongs to, and whether that is the one that was asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dlcctr.errors import ModelError
from dlcctr.model.superanimal.animals import ANIMALS, Choice
from dlcctr.model.superanimal.tensors import read_shapes

Shapes = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class Marks:
    """How a network is recognised.

    Parameters
    ----------
    tensors : int
        Number of its tensors, normalisation included.
    last : str
        Name of the last layer's weights.
    outputs : int
        Which side of these is the number of body parts, of a network that finds them.
    first : str
        Name of the first layer's weights.
    megabytes : int
        Size of its file, about.
    """

    tensors: int
    last: str
    outputs: int
    first: str
    megabytes: int


_HEATMAP = "heads.bodypart.heatmap_head.deconv_layers.0.weight"
_BOXES = "model.roi_heads.box_predictor.cls_score.weight"
MARKS = {
    "hrnet_w32": Marks(1832, _HEATMAP, 1, "backbone.model.conv1.weight", 118),
    "resnet_50": Marks(163, _HEATMAP, 1, "backbone.model.conv1.weight", 103),
    "rtmpose_s": Marks(254, "heads.bodypart.final_layer.weight", 0, "backbone.stem.0.conv.weight", 24),
    "fasterrcnn_resnet50_fpn_v2": Marks(404, _BOXES, 0, "model.backbone.body.conv1.weight", 173),
    "fasterrcnn_mobilenet_v3_large_fpn": Marks(284, _BOXES, 0, "model.backbone.body.0.0.weight", 76),
    "ssdlite": Marks(
        476,
        "model.head.classification_head.module_list.5.1.weight",
        0,
        "model.backbone.features.0.0.0.weight",
        9,
    ),
}
"""Of the true networks, as DeepLabCut 3.0.2 builds them; a test compares them."""
NETWORKS = frozenset(name for animal in ANIMALS.values() for name in animal.networks)


def recognise(shapes: Shapes) -> str:
    """Name of the network or detector that has these tensors; empty for none of SuperAnimal's."""
    there = [
        name
        for name, marks in MARKS.items()
        if len(shapes) == marks.tensors and marks.first in shapes and marks.last in shapes
    ]
    return there[0] if there else ""


def check_weights(file: Path, choice: Choice, part: str) -> None:
    """Raise `ModelError` for a file that holds other weights than those of `part`, a network or detector of a choice.

    Only names and shapes are compared: weights of another training of the same network cannot be told apart.
    """
    shapes = read_shapes(file)
    found, marks = recognise(shapes), MARKS[part]
    if found != part:
        raise ModelError(
            f"{file}: holds {_describe(found, len(shapes))}, not {_describe(part)}", _advice(found, choice)
        )
    if part not in NETWORKS:
        return
    last = shapes[marks.last]
    n_parts = last[marks.outputs] if len(last) > marks.outputs else 0
    if n_parts != len(choice.animal.bodyparts):
        others = [name for name, animal in ANIMALS.items() if len(animal.bodyparts) == n_parts]
        theirs = f", as superanimal_{others[0]} has" if others else ""
        raise ModelError(
            f"{file}: its network has {n_parts} body parts{theirs}; {choice.animal.name} has "
            f"{len(choice.animal.bodyparts)}",
            f"give {choice.animal.file_name(part)}, or name the other model",
        )


def _describe(name: str, tensors: int = 0) -> str:
    if not name:
        return f"another network ({tensors:,} tensors)"
    return f"the {'network' if name in NETWORKS else 'detector'} {name}"


def _advice(found: str, choice: Choice) -> str:
    if found in choice.animal.networks:
        return f"if it was meant as the network, add --network {found}; detectors are given with --detector-weights"
    if found in choice.animal.detectors:
        return f"if it was meant as the detector, give it with --detector-weights and add --detector {found}"
    return f"give the files of {choice.animal.name}: {', '.join(map(choice.animal.file_name, choice.parts))}"
