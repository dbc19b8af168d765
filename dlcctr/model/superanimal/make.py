"""From a SuperAnimal's published weights to a bundle, by way of an ordinary project of a top-down model."""

from __future__ import annotations

import tempfile
from pathlib import Path, PurePosixPath
from typing import Any

from dlcctr.errors import UsageError
from dlcctr.model.bundles.bundle import Listing
from dlcctr.model.bundles.pack import pack_model
from dlcctr.model.files import ProjectFolder
from dlcctr.model.origin import ORIGIN_FILE, Origin, PublishedFile, origin_text
from dlcctr.model.superanimal.animals import CITATION, LICENCE, Choice
from dlcctr.model.superanimal.networks import detector_table, pose_table
from dlcctr.model.superanimal.weights import check_weights
from dlcctr.model.yaml.yaml12 import dump_yaml
from dlcctr.system.disk import output_error

TRACKER = "ellipse"
"""DeepLabCut's own choice for new projects of several animals."""
PCUTOFF = 0.1
"""Likelihood from which `video_inference_superanimal` draws a body part; it changes no result."""
FRACTION = 0.95
SNAPSHOT, DETECTOR_SNAPSHOT = "snapshot-000.pt", "snapshot-detector-000.pt"
"""Published weights have no epoch of anybody's project."""


def make_bundle(
    choice: Choice,
    network_file: Path,
    detector_file: Path,
    output: Path,
    *,
    as_folder: bool = False,
    overwrite: bool = False,
) -> tuple[Listing, Origin]:
    """Make a bundle of published weights; the same files give the same bytes.

    Parameters
    ----------
    network_file, detector_file : Path
        Weights as `dlcctr.model.superanimal.find` finds them. They are checked before anything is written.
    as_folder, overwrite : bool
        As in `dlcctr.model.bundles.pack.pack_model`.

    Raises
    ------
    ModelError
        A file is not what it should be.
    OutputError
        The bundle cannot be written.
    UsageError
        It exists already.
    """
    if output.exists() and not (overwrite and output.is_file()):
        hint = "choose another place" + (", or replace a file with --overwrite" if output.is_file() else "")
        raise UsageError(f"{output}: already exists", hint)
    files = (network_file.absolute(), detector_file.absolute())
    for file, part in zip(files, choice.parts, strict=True):
        check_weights(file, choice, part)
    origin = _origin(choice, files)
    try:
        with tempfile.TemporaryDirectory(prefix="dlcctr-superanimal-", ignore_cleanup_errors=True) as folder:
            project = Path(folder) / choice.animal.name
            write_project(choice, *files, project)
            (project / ORIGIN_FILE).write_text(origin_text(origin), encoding="utf-8")
            return pack_model(project, output, as_folder=as_folder, overwrite=overwrite), origin
    except OSError as error:
        raise output_error(error, output) from error


def _origin(choice: Choice, files: tuple[Path, Path]) -> Origin:
    published = []
    for file, part in zip(files, choice.parts, strict=True):
        tree, name = ProjectFolder(file.parent), PurePosixPath(file.name)
        published.append(PublishedFile(choice.animal.file_name(part), tree.size(name), tree.sha256(name)))
    return Origin(choice.animal.name, LICENCE, choice.animal.card, CITATION, tuple(published))


def write_project(choice: Choice, network_file: Path, detector_file: Path, project: Path) -> None:
    """Write a project as DeepLabCut has them, whose weights are links; raises `OSError`."""
    config, pose = config_table(choice), pose_config(choice)
    folder = project / "dlc-models-pytorch" / "iteration-0" / _folder_name(config)
    (folder / "train").mkdir(parents=True)
    (folder / "test").mkdir()
    (folder / "train" / SNAPSHOT).symlink_to(network_file)
    (folder / "train" / DETECTOR_SNAPSHOT).symlink_to(detector_file)
    tables = {
        project / "config.yaml": config,
        folder / "train" / "pytorch_config.yaml": pose,
        folder / "test" / "pose_cfg.yaml": _test_table(choice),
    }
    for file, table in tables.items():
        file.write_text(dump_yaml(table), encoding="utf-8")


def _folder_name(config: dict[str, Any]) -> str:
    return f"{config['Task']}{config['date']}-trainset{int(FRACTION * 100)}shuffle1"


def animal_names(choice: Choice) -> list[str]:
    """Names of the individuals, as SuperAnimal numbers them."""
    return [f"animal{number}" for number in range(choice.individuals)]


def config_table(choice: Choice) -> dict[str, Any]:
    """Content of config.yaml: a single-animal project for one individual, else a multi-animal one."""
    parts, multi = list(choice.animal.bodyparts), choice.individuals > 1
    return {
        "Task": choice.animal.name,
        "scorer": "SuperAnimal",
        "date": f"-{choice.network}",  # where others have a day: together they name the model's folder
        "multianimalproject": multi,
        "identity": False,
        "project_path": ".",
        "engine": "pytorch",
        "video_sets": {},
        "bodyparts": "MULTI!" if multi else parts,
        "individuals": animal_names(choice),
        "uniquebodyparts": [],
        "multianimalbodyparts": parts if multi else [],
        "skeleton": [],
        "pcutoff": PCUTOFF,
        "TrainingFraction": [FRACTION],
        "iteration": 0,
        "default_net_type": choice.network,
        "default_track_method": TRACKER if multi else None,
        "snapshotindex": -1,
        "detector_snapshotindex": -1,
        "batch_size": 1,
        "detector_batch_size": 1,
        "cropping": False,
    }


def pose_config(choice: Choice) -> dict[str, Any]:
    """Content of pytorch_config.yaml."""
    model, data = pose_table(choice.network, len(choice.animal.bodyparts))
    return {
        "net_type": choice.network,
        "method": "td",
        "device": "auto",
        "metadata": {
            "project_path": ".",
            "pose_config_path": "pytorch_config.yaml",
            "bodyparts": list(choice.animal.bodyparts),
            "unique_bodyparts": [],
            "individuals": animal_names(choice),
            "with_identity": False,
        },
        "model": model,
        "data": data,
        "detector": detector_table(choice.detector),
        "runner": {"type": "PoseTrainingRunner"},
        "train_settings": {},
    }


def _test_table(choice: Choice) -> dict[str, Any]:
    """Content of test/pose_cfg.yaml, which DeepLabCut reads to write and to track poses."""
    parts = list(choice.animal.bodyparts)
    return {
        "dataset": ".",
        "dataset_type": "multi-animal-imgaug",
        "num_joints": len(parts),
        "all_joints": [[number] for number in range(len(parts))],
        "all_joints_names": parts,
        "net_type": choice.network,
        "global_scale": 1.0,
        "scoremap_dir": "test",
    }
