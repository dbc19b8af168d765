"""Send what a training needs of a project to another machine: labels, training sets, models; no videos."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from dlcctr.errors import CommandFailedError, ModelError, TryAgainError, UsageError
from dlcctr.model.files import open_tree
from dlcctr.model.prior.labels import LABELS_FOLDER
from dlcctr.model.project.shuffles import MODEL_FOLDERS, read_config
from dlcctr.model.yaml.yaml12 import decode, parse_yaml, read_text
from dlcctr.system import disk, locks
from dlcctr.system.files import absolute
from dlcctr.system.terminal.console import plural
from dlcctr.system.terminal.progress import Bar, no_bar
from dlcctr.training.paths import TrainingPaths
from dlcctr.training.record import TRAINING_FILENAME
from dlcctr.transfer.layout import Item, image_items
from dlcctr.transfer.remote import rsync
from dlcctr.transfer.remote.address import Remote
from dlcctr.transfer.remote.folder import RemoteFolder, open_remote_folder
from dlcctr.transfer.remote.sif import check_image
from dlcctr.transfer.training.hashes import is_hidden
from dlcctr.transfer.training.project_files import different_keys, merge_metadata, with_project_path

CONFIG = "config.yaml"
DATASETS = "training-datasets"
METADATA = "metadata.yaml"
SPARE_BYTES = 50_000_000
NAMED = 5


@dataclass(frozen=True)
class PushTraining:
    """What to send, and how.

    Parameters
    ----------
    previous : bool
        Also the models of the iteration before, to start from.
    image : Path or None
        SIF.
    """

    project: Path
    remote: Remote
    ssh: tuple[str, ...]
    image: Path | None = None
    previous: bool = False
    streams: int = 2
    limit_mb_s: float | None = None
    dry_run: bool = False


@dataclass(frozen=True)
class PushedTraining:
    """What was (or, in a dry run, would be) sent; `kept` are folders there that differ from those here and stay."""

    remote: Remote
    iteration: int
    sent: list[str]
    sent_bytes: int
    there: int
    kept: list[str] = field(default_factory=list)
    seconds: float = 0.0


def push_training(options: PushTraining, *, bar: Bar = no_bar) -> PushedTraining:
    """Send what is missing there, verify it, and write config.yaml last. Nothing that was trained there is touched.

    Raises
    ------
    DlcctrError
        Another project is there, or one that is further; or see `dlcctr.transfer.remote.ssh`. What has arrived stays,
        and the same command continues.
    """
    folder = absolute(options.project.parent if options.project.name == CONFIG else options.project)
    config = read_config(open_tree(folder))
    iteration = int(config["iteration"])
    if options.image is not None:
        check_image(options.image)
    items = project_items(folder, iteration, previous=options.previous)
    items += image_items(options.image)
    program = rsync.find_rsync()
    with (
        locks.transfer_lock(TrainingPaths(folder).transfer_lock, busy="another transfer of this project runs") as lock,
        open_remote_folder(options.remote, options.ssh, program, make=not options.dry_run, lock=lock) as far,
    ):
        if not far.place.writable:
            raise CommandFailedError(f"{far.remote}: no permission to write there", "check the folder's permissions")
        there = _check_there(far, config, iteration)
        missing, kept = _choose(far, items)
        texts = _texts(far, folder, iteration, there)
        done = PushedTraining(
            far.remote, iteration, [*(item.name for item in missing), *texts],
            sum(item.bytes for item in missing) + sum(map(len, texts.values())),
            there=len(items) - len(missing), kept=kept,
        )  # fmt: skip
        _check_space(far, done.sent_bytes)
        return done if options.dry_run else replace(done, seconds=_send(far, missing, texts, options, bar))


def project_items(folder: Path, iteration: int, *, previous: bool = False) -> list[Item]:
    """Files that a training reads, and what has been trained of this iteration; raises `ModelError`."""
    roots = [LABELS_FOLDER, f"{DATASETS}/iteration-{iteration}"]
    iterations = [iteration, iteration - 1] if previous and iteration else [iteration]
    roots += [f"{top}/iteration-{number}" for top in MODEL_FOLDERS.values() for number in iterations]
    items = []
    try:
        for root in roots:
            for path in _files(folder / root):
                if not is_hidden(path.relative_to(folder)) and path.name != METADATA:
                    items.append(Item.of(path.relative_to(folder).as_posix(), path))
    except OSError as error:
        raise ModelError(
            f"{folder}: cannot be read: {error}", "check the owner and permissions of its files"
        ) from error
    if not any(item.name.startswith(f"{LABELS_FOLDER}/") for item in items):
        raise ModelError(f"{folder / LABELS_FOLDER}: there are no labels", "push the project in which they are")
    return items


def _files(root: Path) -> list[Path]:
    """Files below a folder, also where a folder of labels is a link; a link that leads back is not followed."""
    real = Path(os.path.realpath(root))
    found, known = list[Path](), {str(folder) for folder in (real, *real.parents)}
    for top, folders, names in os.walk(root, followlinks=True):
        known.add(os.path.realpath(top))
        folders[:] = sorted(name for name in folders if os.path.realpath(Path(top, name)) not in known)
        found += [Path(top, name) for name in sorted(names) if Path(top, name).is_file()]
    return found


def _check_there(far: RemoteFolder, config: dict[str, object], iteration: int) -> bytes | None:
    """config.yaml there; refuses another project, and one whose iteration is ahead of this one's."""
    (text,) = far.read([CONFIG])
    if text is None:
        return None
    file = Path(f"{far.remote}/{CONFIG}")
    found = parse_yaml(decode(text, file), file)
    if keys := different_keys(config, found):
        raise UsageError(f"{far.remote}: another project is there ({', '.join(keys)})", "push to another folder")
    ahead = found.get("iteration")
    if isinstance(ahead, int) and ahead > iteration:
        raise UsageError(
            f"{far.remote}: the project there is in iteration {ahead}, this one in {iteration}",
            "push to another folder, or bring the labels of that one here first",
        )
    return text


def _choose(far: RemoteFolder, items: Sequence[Item]) -> tuple[list[Item], list[str]]:
    """Files to send, and folders of shuffles that stay as they are there.

    Labels there become those here. A shuffle is sent whole or not at all: never a file into one that has been trained
    there, or that differs.
    """
    shuffles: dict[str, list[Item]] = {}
    for item in items:
        if (group := _shuffle_folder(item.name)) is not None:
            shuffles.setdefault(group, []).append(item)
    states = [f"{group}/train/{TRAINING_FILENAME}" for group in shuffles]
    seen = far.look([*(item.name for item in items), *states])
    here = {item.name for item in items}
    kept = []
    for group, members in shuffles.items():
        differ = any(seen[item.name].fingerprint not in ("", item.fingerprint) for item in members)
        state = f"{group}/train/{TRAINING_FILENAME}"
        if differ or (seen[state].fingerprint and state not in here):
            kept.append(group)
    missing = [item for item in items if seen[item.name].fingerprint != item.fingerprint]
    missing = [item for item in missing if _shuffle_folder(item.name) not in kept]
    own = [item for item in missing if item.name.startswith(f"{DATASETS}/") and seen[item.name].fingerprint]
    kept += [item.name for item in own]
    return [item for item in missing if item not in own], kept


def _shuffle_folder(name: str) -> str | None:
    parts = name.split("/")
    return "/".join(parts[:3]) if parts[0] in MODEL_FOLDERS.values() and len(parts) > 3 else None


def _texts(far: RemoteFolder, folder: Path, iteration: int, config_there: bytes | None) -> dict[str, bytes]:
    """Small files that are changed on the way, config.yaml last; without those that are there already."""
    names = [path.relative_to(folder).as_posix()
             for path in sorted((folder / DATASETS / f"iteration-{iteration}").glob(f"*/{METADATA}"))]  # fmt: skip
    found: dict[str, bytes] = {}
    for name, theirs in zip(names, far.read(names) if names else [], strict=True):
        ours = read_text(folder / name)
        text = merge_metadata(decode(theirs, Path(name)), ours, Path(f"{far.remote}/{name}")) if theirs else ours
        if text.encode() != theirs:
            found[name] = text.encode()
    config = with_project_path(read_text(folder / CONFIG), far.remote.folder, folder / CONFIG).encode()
    if config_there is None or not _says_all(config_there, config, folder / CONFIG):
        found[CONFIG] = config
    return found


def _says_all(theirs: bytes, ours: bytes, file: Path) -> bool:
    """Whether config.yaml there has all that ours has; DeepLabCut fills in more."""
    there = parse_yaml(decode(theirs, file), file)
    return all(key in there and there[key] == value for key, value in parse_yaml(ours.decode(), file).items())


def _check_space(far: RemoteFolder, need: int) -> None:
    free = far.place.free_bytes
    if need and free is not None and (problem := disk.room_problem(str(far.remote), free, need + SPARE_BYTES)):
        raise CommandFailedError(problem, "free space there, or choose another folder")


def _send(
    far: RemoteFolder, missing: Sequence[Item], texts: dict[str, bytes], options: PushTraining, bar: Bar
) -> float:
    """Send files and then the small ones; returns how many seconds it took."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="dlcctr-push-") as name:
        stage = Path(name)
        for item in missing:
            (stage / item.name).parent.mkdir(parents=True, exist_ok=True)
            (stage / item.name).symlink_to(absolute(item.path))
        sizes = {item.name: item.bytes for item in missing}
        with bar("sending", sum(sizes.values())) as advance:
            far.send(stage, sizes, streams=options.streams, limit_mb_s=options.limit_mb_s, done=advance)
        _verify(far, missing)
        for text_name, data in texts.items():  # config.yaml last: whoever finds it finds all that it needs
            with disk.disk_errors(stage / text_name, "TMPDIR names another folder"):
                (stage / text_name).parent.mkdir(parents=True, exist_ok=True)
                (stage / text_name).write_bytes(data)
            far.send(stage, {text_name: len(data)})
    return time.monotonic() - began


def _verify(far: RemoteFolder, items: Iterable[Item]) -> None:
    items = list(items)
    seen = far.look([item.name for item in items])
    wrong = [item.name for item in items if seen[item.name].fingerprint != item.fingerprint]
    if wrong:
        raise TryAgainError(
            f"{far.remote}: {plural(len(wrong), 'file')} differ from those here: {', '.join(wrong[:NAMED])}",
            "run the same command again: these are sent again (they may have changed while they were sent)",
        )
