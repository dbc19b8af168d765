"""Settings of a new training set beside those of the training before: DeepLabCut gives each new set its defaults.

What people wrote into `pytorch_config.yaml` or `pose_cfg.yaml` of one iteration (epochs, learning rates, augmentation)
does not hold for the next one; DeepLabCut does not say so.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dlcctr.errors import ModelError, UsageError
from dlcctr.model.engines import ENGINES
from dlcctr.model.files import open_tree
from dlcctr.model.project.shuffles import list_shuffles, read_config, table_of
from dlcctr.model.project.snapshots import list_snapshots
from dlcctr.model.yaml.yaml12 import dump_yaml, parse_yaml, read_text, set_value
from dlcctr.system.files import write_text_atomic
from dlcctr.training.start_bundle import find_start_bundle
from entrypoint.training.child.weights_of import find_asked
from entrypoint.training.events import Order

PYTORCH_PARTS = ("data", "runner", "train_settings")
"""Tables of `pytorch_config.yaml`, and of its `detector`, that say how a network is trained; others say what it is."""
PYTORCH_OWN = {"data.inference", "runner.snapshot_prefix", "train_settings.seed", "train_settings.weight_init"}
TENSORFLOW_OWN = {
    "all_joints", "all_joints_names", "dataset", "dataset_type", "display_iters", "engine", "init_weights",
    "metadataset", "multi_stage", "net_type", "num_idchannel", "num_joints", "num_limbs", "partaffinityfield_graph",
    "project_path", "save_iters", "snapshot_prefix",
}  # fmt: skip
"""What belongs to one training set, or is given anew with each training."""


@dataclass(frozen=True)
class Difference:
    """A setting that the training before had otherwise.

    Parameters
    ----------
    keys : tuple of str
        Where it is in the configuration.
    before, now : object
        Its values; None also where the new configuration has no such key.
    """

    keys: tuple[str, ...]
    before: Any
    now: Any

    def shown(self, *, taken: bool) -> str:
        """As a line says it, of a setting that was taken over and of one that was not."""
        name = ".".join(map(str, self.keys))
        return f"{name} {self.before} (not {self.now})" if taken else f"{name} {self.now} (before: {self.before})"


def find_before(order: Order, train: Path) -> Path | None:
    """Configuration of the training before: the project's that `--weights` names, or the same shuffle's.

    Of the same shuffle that of the newest earlier iteration which has snapshots. None where there is neither.

    Parameters
    ----------
    train : Path
        Folder of the snapshots that will be made.

    Raises
    ------
    ModelError
        `--weights` names nothing that can be used.
    """
    name = ENGINES[order.engine].pose_file
    if find_start_bundle(order.weights, order.engine) is None:  # else weights would be unpacked for this
        asked = find_asked(order, train)
        if asked.kind == "project" and asked.file is not None:
            return asked.file.parent / name
    project = Path(order.config).parent
    tree = open_tree(project)
    iteration, found = int(read_config(tree)["iteration"]), None
    for each in sorted(list_shuffles(tree), key=lambda each: each.iteration):
        folder = project / each.folder / "train"
        if each.engine != order.engine or each.shuffle != order.shuffle or each.iteration >= iteration:
            continue
        if list_snapshots([file.name for file in folder.iterdir()] if folder.is_dir() else [], order.engine):
            found = folder / name
    return found


def differences(before: dict[str, Any], now: dict[str, Any], engine: str) -> list[Difference]:
    """Settings of two configurations that differ, of the same network; none of two networks.

    Keys that only the new one has came with a newer DeepLabCut.
    """
    if before.get("net_type") != now.get("net_type"):
        return []
    if engine == "tensorflow":
        return [each for each in _walk(before, now, ()) if each.keys[0] not in TENSORFLOW_OWN]
    parts = [(part,) for part in PYTORCH_PARTS] + [("detector", part) for part in PYTORCH_PARTS]
    found = [each for part in parts for each in _walk(_part(before, part), _part(now, part), part)]
    return [each for each in found if not any(_is_below(each.keys, own) for own in PYTORCH_OWN)]


def still_other(order: Order, train: Path) -> list[Difference]:
    """Settings of a set that the training before had otherwise; none where one of the two is not there."""
    source, file = find_before(order, train), train / ENGINES[order.engine].pose_file
    if source is None or not (source.is_file() and file.is_file()):
        return []
    return differences(_read(source, order.engine), _read(file, order.engine), order.engine)


def _read(file: Path, engine: str) -> dict[str, Any]:
    return parse_yaml(read_text(file), file, version_1_1=engine == "tensorflow")


def _walk(before: dict[str, Any], now: dict[str, Any], above: tuple[str, ...]) -> Iterator[Difference]:
    for key, value in before.items():
        other = now.get(key)
        if isinstance(value, dict) and isinstance(other, dict):
            yield from _walk(value, other, (*above, key))
        elif value != other:
            yield Difference((*above, key), value, other)


def _part(table: dict[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    for key in keys:
        table = table_of(table.get(key))
    return table


def _is_below(keys: tuple[str, ...], own: str) -> bool:
    name = ".".join(map(str, keys)).removeprefix("detector.")
    return name == own or name.startswith(f"{own}.")


def take_over(order: Order, train: Path, *, made: bool) -> list[Difference]:
    """Give a training set the settings of the training before, where `order` says so.

    Parameters
    ----------
    train : Path
        Folder of the set's configuration.
    made : bool
        Whether the set was made just now.

    Returns
    -------
    list of Difference
        Settings that differ: those that were taken over; else, of a set that was made just now, those that were not.

    Raises
    ------
    UsageError, ModelError
        They are wanted, but there is no training before, or it is of another network or cannot be read.
    """
    if not order.same_settings:
        try:
            return still_other(order, train) if made else []
        except ModelError:  # what cannot be read of an earlier training hinders none that asks nothing of it
            return []
    source, file = find_before(order, train), train / ENGINES[order.engine].pose_file
    if source is None or not source.is_file():
        raise UsageError(
            f"{Path(order.config).parent}: no training before that --same-settings could mean",
            "name the project of one with --weights, or leave --same-settings out",
        )
    before, now = (_read(each, order.engine) for each in (source, file))
    networks = now.get("net_type"), before.get("net_type")
    if networks[0] != networks[1]:
        raise UsageError(
            f"{file}: is for {networks[0]}, and the training before was of {networks[1]} ({source})",
            "leave --same-settings out, or train another --shuffle with the --net-type of the training before",
        )
    found = differences(before, now, order.engine)
    for each in found:
        set_value(now, each.keys, each.before, add=True)
    if found:
        write_text_atomic(file, dump_yaml(now))
    return found
