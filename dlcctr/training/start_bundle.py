"""A bundle that a training starts from: `--weights mouse.dlcmodel`."""

from __future__ import annotations

from pathlib import Path

from dlcctr.errors import ModelError
from dlcctr.model.bundles.bundle import is_bundle
from dlcctr.model.engines import ENGINES
from dlcctr.model.files import ModelTree, open_tree


def find_start_bundle(weights: str, engine: str) -> ModelTree | None:
    """Files of the bundle that `--weights` names; None where it names something else.

    Parameters
    ----------
    engine : str
        Of the shuffle that is to be trained.

    Raises
    ------
    ModelError
        It is damaged, or a model of another engine.
    """
    if not weights or not is_bundle(Path(weights)):
        return None
    tree = open_tree(Path(weights))
    own = str(tree.listing.model.get("engine")) if tree.listing else ""
    if own != engine:
        title = ENGINES[own].title if own in ENGINES else own[:20]
        raise ModelError(
            f"{weights}: a bundle of a {title} model, and this project is trained with {ENGINES[engine].title}",
            "name a bundle or a project of the same engine, or leave --weights out for published weights",
        )
    return tree
