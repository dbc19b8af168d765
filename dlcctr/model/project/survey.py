"""All that is in a trained project, what an analysis would use and why, and what is wrong with it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from dlcctr.errors import ModelError
from dlcctr.model.files import ModelTree, open_tree
from dlcctr.model.inspection import ModelInfo, choose_shuffle, choose_weights, inspect_model
from dlcctr.model.project.checks import Finding, find_all, find_in_conditions, weight_findings
from dlcctr.model.project.conditions import KEYS, Conditions, find_conditions
from dlcctr.model.project.evaluation import RecordedErrors, recorded_errors
from dlcctr.model.project.shuffles import (
    CONFIG,
    ModelFolder,
    Shuffle,
    is_on,
    list_shuffles,
    names_of,
    read_config,
    table_of,
)
from dlcctr.model.project.snapshots import list_snapshots


@dataclass(frozen=True)
class Choice:
    """One thing that an analysis would use, and the option, or file and key, that decides it."""

    what: str
    value: str
    why: str


@dataclass(frozen=True)
class SnapshotFacts:
    """One snapshot on disk."""

    name: str
    bytes: int
    detector: bool
    errors: tuple[RecordedErrors, ...]
    used: bool = False


@dataclass(frozen=True)
class ShuffleFacts:
    """One model folder with its snapshots."""

    folder: str
    engine: str
    iteration: int
    percent: int
    shuffle: int
    snapshots: tuple[SnapshotFacts, ...]


@dataclass(frozen=True)
class Asked:
    """Options as a person gave them; 1, 0 and an empty text where they gave none."""

    shuffle: int = 1
    trainset_index: int = 0
    snapshot: str = ""


@dataclass(frozen=True)
class Survey:
    """What `survey_model` found.

    Parameters
    ----------
    model : ModelInfo or None
        Model that an analysis would use; None where it could use none, and then an error among `findings` says why.
    skeleton : tuple
        Pairs of body parts that DeepLabCut draws lines between; it changes no result.
    """

    project: Path
    multianimal: bool
    bodyparts: tuple[str, ...]
    individuals: tuple[str, ...]
    unique_bodyparts: tuple[str, ...]
    skeleton: tuple[tuple[str, ...], ...]
    shuffles: tuple[ShuffleFacts, ...]
    choices: tuple[Choice, ...] = ()
    findings: tuple[Finding, ...] = ()
    model: ModelInfo | None = None

    def as_fields(self) -> dict[str, Any]:
        """Body of the JSON output."""
        fields = asdict(replace(self, model=None))
        found = self.model
        return {
            **fields,
            "project": str(self.project),
            "model": None if found is None else {
                "id": found.id, "hash": found.hash, "engine": found.engine, "net_type": found.net_type,
                "shuffle": found.shuffle, "trainset_index": found.trainset_index, "snapshot": found.snapshot,
                "detector_snapshot": found.detector_snapshot, "top_down": found.top_down, "crop": found.crop,
                "batch_size": found.batch_size,
                "conditions": found.conditions.reference if found.conditions else None,
            },
        }  # fmt: skip


def survey_model(project: Path, *, shuffle: int = 1, trainset_index: int = 0, snapshot: str = "") -> Survey:
    """Look into a trained project of any DeepLabCut from 2.1 on, or into a bundle, without running any of it.

    Raises
    ------
    ModelError
        There is no config.yaml, or it cannot be read, so nothing is known about the project.
    """
    tree, asked = open_tree(project), Asked(shuffle, trainset_index, snapshot)
    config = read_config(tree)
    multianimal = is_on(config.get("multianimalproject"))
    shuffles = tuple(_facts(tree, each) for each in list_shuffles(tree))
    skeleton = config.get("skeleton")
    survey = Survey(
        project=tree.root,
        multianimal=multianimal,
        bodyparts=names_of(config.get("multianimalbodyparts" if multianimal else "bodyparts")),
        individuals=names_of(config.get("individuals")) if multianimal else (),
        unique_bodyparts=names_of(config.get("uniquebodyparts")) if multianimal else (),
        skeleton=tuple(map(names_of, skeleton)) if isinstance(skeleton, list) else (),
        shuffles=shuffles,
    )
    try:
        found = choose_shuffle(tree, shuffle=shuffle, trainset_index=trainset_index)
    except ModelError as error:
        return replace(survey, findings=(_finding(error),))
    return _with_choice(survey, found, asked)


def _facts(tree: ModelTree, shuffle: ModelFolder) -> ShuffleFacts:
    train = shuffle.folder / "train"
    names, errors = tree.names(train), recorded_errors(tree, shuffle)
    snapshots = []
    for detector in (False, True) if shuffle.engine == "pytorch" else (False,):
        for name in list_snapshots(names, shuffle.engine, detector=detector):
            size = sum(tree.size(train / file) for file in names if file.rpartition(".")[0] == name)
            numbers = () if detector else tuple(errors.get(int(name.rpartition("-")[2]), ()))
            snapshots.append(SnapshotFacts(name, size, detector, numbers))
    return ShuffleFacts(
        str(shuffle.folder), shuffle.engine, shuffle.iteration, shuffle.percent, shuffle.shuffle, tuple(snapshots)
    )


def _with_choice(survey: Survey, found: Shuffle, asked: Asked) -> Survey:
    findings, model, chosen, conditions = find_all(found), None, ("", ""), None
    try:
        chosen = choose_weights(found, asked.snapshot)
        conditions = find_conditions(found)
        findings += find_in_conditions(conditions.model) if conditions else []
        if not any(finding.error for finding in findings):
            model = inspect_model(
                survey.project, shuffle=found.shuffle, trainset_index=found.trainset_index, snapshot=asked.snapshot
            )
    except ModelError as error:
        findings.insert(0, _finding(error))
    files = [found.train / f"{name}.pt" for name in chosen if name and found.engine == "pytorch"]
    files += [conditions.file] if conditions else []
    findings += weight_findings(found.tree, files)
    used = {str(found.folder): chosen} | ({str(conditions.model.folder): (conditions.snapshot,)} if conditions else {})
    shuffles = tuple(_marked(each, used.get(each.folder, ())) for each in survey.shuffles)
    choices = (*_choices(found, asked), *_snapshot_choices(found, asked, chosen, model), *_conditions(conditions))
    return replace(survey, shuffles=shuffles, choices=choices, findings=tuple(findings), model=model)


def _finding(error: ModelError) -> Finding:
    return Finding(True, "", error.message.splitlines()[0], error.hint)


def _marked(shuffle: ShuffleFacts, chosen: tuple[str, ...]) -> ShuffleFacts:
    return replace(shuffle, snapshots=tuple(replace(each, used=each.name in chosen) for each in shuffle.snapshots))


def _choices(found: Shuffle, asked: Asked) -> list[Choice]:
    bundled = found.tree.listing is not None and (asked.shuffle, asked.trainset_index) == (1, 0)
    default = "the only one in the bundle" if bundled else "the first, since none was requested"
    by_shuffle = "--shuffle" if asked.shuffle != 1 else default
    by_index = "--trainset-index" if asked.trainset_index else default
    return [
        Choice("engine", found.engine, found.engine_reason),
        _network(found),
        Choice("iteration", str(found.config["iteration"]), f"{CONFIG}: `iteration`"),
        Choice("training set", f"{found.trainset_index} ({found.fraction:g})",
               f"{by_index}; {CONFIG}: `TrainingFraction`"),
        Choice("shuffle", str(found.shuffle), by_shuffle),
    ]  # fmt: skip


def _network(found: Shuffle) -> Choice:
    value, keys = str(found.pose.get("net_type", "")), ["net_type"]
    backbone = table_of(found.pose.get("model")).get("backbone") if found.engine == "pytorch" else None
    if isinstance(backbone, dict) and backbone.get("model_name"):
        value, keys = f"{value}, backbone {backbone['model_name']}", [*keys, "model.backbone.model_name"]
    if found.top_down or found.conditional:
        value, keys = f"{value}, {'conditional ' if found.conditional else ''}top-down", [*keys, "method"]
    return Choice("network", value, f"{found.pose_file}: {', '.join(f'`{key}`' for key in keys)}")


def _snapshot_choices(found: Shuffle, asked: Asked, chosen: tuple[str, str], model: ModelInfo | None) -> list[Choice]:
    names = found.tree.names(found.train)
    choices = []
    for name, key, wanted in ((chosen[0], "snapshotindex", asked.snapshot), (chosen[1], "detector_snapshotindex", "")):
        if name:
            count = len(list_snapshots(names, found.engine, detector=key != "snapshotindex"))
            why = (
                f"--snapshot {wanted}"
                if wanted
                else f"{CONFIG}: `{key}: {found.config.get(key, -1)}` of {count}, the best one last"
            )
            choices.append(Choice("detector" if key != "snapshotindex" else "snapshot", name, why))
    if is_on(found.config.get("cropping")):
        crop = ", ".join(map(str, model.crop)) if model and model.crop else "?"
        choices.append(Choice("crop", f"{crop} px", f"{CONFIG}: `cropping: true`, `x1`, `x2`, `y1`, `y2`"))
    else:
        choices.append(Choice("crop", "none", f"{CONFIG}: `cropping`"))
    choices.append(Choice("batch size", str(found.config.get("batch_size", "")), f"{CONFIG}: `batch_size`"))
    return choices


def _conditions(found: Conditions | None) -> list[Choice]:
    if found is None:
        return []
    model = found.model
    why = f"{model.pose_file.name} of the model: `{'.'.join(KEYS)}`"
    return [Choice("conditions", f"{model.folder}, {found.snapshot}, {model.pose.get('net_type', '')}", why)]
