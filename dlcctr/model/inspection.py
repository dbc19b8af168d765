"""What is in a trained DeepLabCut project: engine, snapshot, body parts, and a hash of all that decides results."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

from dlcctr.errors import ModelError
from dlcctr.model.files import ModelTree, open_tree
from dlcctr.model.model_hash import hash_model
from dlcctr.model.origin import Origin, find_origin
from dlcctr.model.project.conditions import Conditions, ConditionsInfo, find_conditions
from dlcctr.model.project.scorer import scorer_name
from dlcctr.model.project.shuffles import CONFIG, Shuffle, find_shuffle, is_on, names_of, read_config
from dlcctr.model.project.snapshots import choose_snapshot, list_snapshots, weight_files
from dlcctr.model.project.trust import find_unsafe_loading
from dlcctr.system.values.records import to_table

COORDS = ("x", "y", "likelihood")
MAX_COLUMNS = 100_000
"""Most columns of a result, which DeepLabCut writes as one table."""
SHOWN_CHARS = 60


@dataclass(frozen=True)
class ModelInfo:
    """One trained model: one shuffle of a project with one snapshot.

    Parameters
    ----------
    project : Path
        Project folder, or the file of a bundle.
    id : str
        Folder name of its results: ``<Task><date>-shuffle<N>-<snapshot>-<first 8 digits of hash>``.
    hash : str
        SHA-256 over weights and configuration, independent of where the project is.
    snapshot : str
        File name without its ending, ``snapshot-best-120``.
    snapshot_files, detector_files : tuple of Path
        Below `project`, which may be a file: read them with `dlcctr.model.files.open_tree`.
    bodyparts, individuals, unique_bodyparts : tuple of str
        Names in the model's order; the last two are empty for single-animal projects.
    batch_size : int or None
        Batch size of the project's config.yaml.
    crop : tuple of int or None
        The project's own ``(x1, x2, y1, y2)`` in px, where its `cropping` is on.
    folder : Path
        Model folder, relative to the project.
    num_outputs : int
        Points per body part (TensorFlow only); 1 but for exotic projects.
    identity : bool
        The network tells animals apart.
    scorer : str
        What DeepLabCut adds to a video's name in its output files; empty for a network that it cannot name.
    unsafe_loading : str
        File and line that ask for code in the snapshot to be run; empty where none does (`dlcctr.model.project.trust`).
    tracker : str
        The project's own `default_track_method`; empty for none.
    conditions : ConditionsInfo or None
        The bottom-up model whose poses it starts from; only for conditional top-down models.
    origin : Origin or None
        Who published the weights, and under which licence; None where their own people trained them.
    """

    project: Path
    engine: str
    id: str
    hash: str
    task: str
    date: str
    iteration: int
    snapshot: str
    snapshot_files: tuple[Path, ...]
    detector_snapshot: str
    detector_files: tuple[Path, ...]
    multianimal: bool
    top_down: bool
    bodyparts: tuple[str, ...]
    individuals: tuple[str, ...]
    unique_bodyparts: tuple[str, ...]
    shuffle: int
    trainset_index: int
    train_fraction: float
    batch_size: int | None
    crop: tuple[int, int, int, int] | None
    net_type: str
    folder: Path
    num_outputs: int = 1
    identity: bool = False
    scorer: str = ""
    unsafe_loading: str = ""
    tracker: str = ""
    conditions: ConditionsInfo | None = None
    origin: Origin | None = None

    def columns(self, individuals: tuple[str, ...]) -> list[tuple[str, ...]]:
        """Columns of an .h5 with these animals, in order and without the scorer: (animal,) body part, coordinate."""
        if not self.multianimal:
            coords = [c + ("" if n == 0 else str(n + 1)) for n in range(self.num_outputs) for c in COORDS]
            return [(part, coord) for part in self.bodyparts for coord in coords]
        tracked: list[tuple[str, ...]] = [
            (who, part, coord) for who in individuals for part in self.bodyparts for coord in COORDS
        ]
        return tracked + [("single", part, coord) for part in self.unique_bodyparts for coord in COORDS]


def inspect_model(
    project: Path,
    *,
    shuffle: int = 1,
    trainset_index: int = 0,
    snapshot: str = "",
    instead: Mapping[str, Any] | None = None,
) -> ModelInfo:
    """Read a trained project without importing DeepLabCut and without unpickling anything.

    Parameters
    ----------
    project : Path
        Project folder, or its config.yaml, or a bundle of `dlcctr model pack`. A bundle holds one shuffle, which is
        meant where none is named (1 and 0 being none).
    snapshot : str
        Name (``snapshot-200``), number of iterations or epochs (``200``), ``best``, or an index as in
        DeepLabCut's `snapshotindex`, in this order; empty for what config.yaml says.
    instead : mapping of str, optional
        Values that take the place of config.yaml's own: another iteration, say.

    Raises
    ------
    ModelError
        Something is missing or inconsistent; the message names the file and the remedy.
    """
    found = choose_shuffle(open_tree(project), shuffle=shuffle, trainset_index=trainset_index, instead=instead)
    chosen, detector = choose_weights(found, snapshot)
    return _describe(found, chosen, detector, find_conditions(found))


def choose_shuffle(
    tree: ModelTree, *, shuffle: int, trainset_index: int, instead: Mapping[str, Any] | None = None
) -> Shuffle:
    """Find and read a shuffle; parameters and errors are those of `inspect_model`."""
    config = {**read_config(tree), **(instead or {})}
    if tree.listing and (shuffle, trainset_index) == (1, 0):
        shuffle, trainset_index = tree.listing.choice
    return find_shuffle(tree, config, shuffle=shuffle, trainset_index=trainset_index)


def choose_weights(found: Shuffle, snapshot: str) -> tuple[str, str]:
    """Names of the snapshot and of its detector's, which is empty but for top-down models; raises `ModelError`."""
    train, names = found.tree.root / found.train, found.tree.names(found.train)
    chosen = choose_snapshot(train, list_snapshots(names, found.engine), snapshot, found.config.get("snapshotindex"))
    if not found.top_down:
        return chosen, ""
    detectors = list_snapshots(names, found.engine, detector=True)
    configured = found.config.get("detector_snapshotindex")
    return chosen, choose_snapshot(train, detectors, "", configured, what="detector snapshot")


def _describe(found: Shuffle, snapshot: str, detector: str, conditions: Conditions | None) -> ModelInfo:
    config, tree = found.config, found.tree
    models = [found, conditions.model] if conditions else [found]
    for model in models:
        check_parts(model)
    names = tree.names(found.train)
    weights = {
        name: tuple(found.train / file for file in weight_files(tree.root / found.train, names, found.engine, name))
        for name in (snapshot, detector)
        if name
    }
    digest = hash_model(found, weights, conditions)
    label = f"{config['Task']}{config['date']}-shuffle{found.shuffle}-{snapshot}-{digest[:8]}"
    several = found.test.get("num_outputs") if found.engine == "tensorflow" and not found.multianimal else None
    check_column_number(found, several)
    return ModelInfo(
        project=tree.root,
        engine=found.engine,
        id=re.sub(r"[^A-Za-z0-9._-]+", "_", label).lstrip(".-"),
        hash=digest,
        task=str(config["Task"]),
        date=str(config["date"]),
        iteration=int(config["iteration"]),
        snapshot=snapshot,
        snapshot_files=tuple(tree.root / file for file in weights[snapshot]),
        detector_snapshot=detector,
        detector_files=tuple(tree.root / file for file in weights.get(detector, ())),
        multianimal=found.multianimal,
        top_down=found.top_down,
        bodyparts=found.bodyparts,
        individuals=names_of(config.get("individuals")) if found.multianimal else (),
        unique_bodyparts=found.unique_bodyparts,
        shuffle=found.shuffle,
        trainset_index=found.trainset_index,
        train_fraction=found.fraction,
        batch_size=config.get("batch_size"),
        crop=own_crop(config),
        net_type=str(found.pose.get("net_type", "")),
        folder=Path(found.folder),
        num_outputs=int(several or 1),
        identity=found.multianimal and is_on(config.get("identity")),
        scorer=scorer_name(
            config, found.pose, engine=found.engine, shuffle=found.shuffle, snapshot=snapshot, detector=detector
        ),
        unsafe_loading=next(filter(None, map(find_unsafe_loading, models)), ""),
        tracker=str(config.get("default_track_method") or "") if found.multianimal else "",
        conditions=conditions.info if conditions else None,
        origin=find_origin(tree),
    )


def check_parts(found: Shuffle) -> None:
    """Compare config.yaml's body parts with the trained network's; `ModelError` with both lists if they differ."""
    wanted = found.bodyparts + found.unique_bodyparts
    for file, names in found.trained_parts.items():
        if names != wanted:
            raise ModelError(
                f"body parts differ: {found.tree.root / CONFIG} has {', '.join(wanted) or 'none'}; "
                f"the trained model in {found.tree.root / file} has {', '.join(names) or 'none'}\n"
                + "\n".join(side_by_side(wanted, names, CONFIG.name, file.name)),
                "make config.yaml's list equal to the model's, in the model's order (or train a new shuffle)",
            )


def check_column_number(found: Shuffle, num_outputs: Any) -> None:
    """Raise `ModelError` for a model whose results would have more columns than any table can."""
    file = found.tree.root / (found.test_file if num_outputs else CONFIG)
    if num_outputs is not None and (type(num_outputs) is not int or num_outputs < 0):
        raise ModelError(
            f"{file}: num_outputs is not a number of points: {str(num_outputs)[:SHOWN_CHARS]}", "remove it"
        )
    animals = len(names_of(found.config.get("individuals"))) if found.multianimal else 1
    count = len(COORDS) * (animals * len(found.bodyparts) * (num_outputs or 1) + len(found.unique_bodyparts))
    if count > MAX_COLUMNS:
        raise ModelError(
            f"{file}: its results would have {count:,} columns; at most {MAX_COLUMNS:,} are possible",
            "copy the file again from the trained project",
        )


def side_by_side(ours: Sequence[str], theirs: Sequence[str], *titles: str) -> list[str]:
    """Lines of two lists beside each other; those that differ are marked."""
    pairs = list(zip_longest(ours, theirs, fillvalue="-"))
    width = max(len(text) for text in (titles[0], *(pair[0] for pair in pairs)))
    lines = [f"  {'':3}  {titles[0].ljust(width)}  {titles[1]}"]
    for place, (mine, other) in enumerate(pairs, start=1):
        lines.append(f"  {place:3}  {mine.ljust(width)}  {other}{'' if mine == other else '   <-'}")
    return lines


def own_crop(config: dict[str, Any]) -> tuple[int, int, int, int] | None:
    """The project's own crop ``(x1, x2, y1, y2)`` in px; None where `cropping` is off."""
    if not is_on(config.get("cropping")):
        return None
    try:
        return int(config["x1"]), int(config["x2"]), int(config["y1"]), int(config["y2"])
    except (KeyError, OverflowError, TypeError, ValueError):
        raise ModelError(
            "config.yaml: cropping is on, but x1, x2, y1, y2 are not all set", "set them, or cropping: false"
        ) from None


_LEFT_OUT = (
    "project", "scorer", "snapshot_files", "detector_files", "folder", "identity", "unsafe_loading", "tracker",
    "conditions", "origin",
)  # fmt: skip


def model_facts(info: ModelInfo) -> dict[str, Any]:
    """Facts about a model for its listing; all of them can be derived again from its files."""
    facts = asdict(info)
    for name in _LEFT_OUT:
        del facts[name]
    if info.conditions:
        facts["conditions"] = info.conditions.reference
    if info.origin:
        facts["origin"] = to_table(info.origin)
    return {name: list(value) if isinstance(value, tuple) else value for name, value in facts.items()}
