"""From a trained project to a bundle, and from a bundle to a project that stock DeepLabCut can use."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

from dlcctr.errors import ModelError, UsageError
from dlcctr.model.bundles.bundle import LISTING, Entry, Listing, listing_text, write_tar
from dlcctr.model.curve.losses import LOSSES_FILENAME, losses_text
from dlcctr.model.curve.of_model import curve_of, thinned
from dlcctr.model.files import ModelTree, open_tree
from dlcctr.model.inference_project import (
    WEIGHTS_ONLY,
    config_values,
    make_project,
    metadata_name,
    metadata_text,
    pose_values,
    weight_names,
    yaml_names,
)
from dlcctr.model.inspection import ModelInfo, inspect_model, model_facts
from dlcctr.model.model_hash import CONFIG_KEYS, DETECTOR_KEYS, PATH_KEYS, POSE_KEYS
from dlcctr.model.origin import ORIGIN_FILE, origin_text
from dlcctr.model.prior.make import prior_of_model, prior_text
from dlcctr.model.prior.record import PRIOR_FILENAME
from dlcctr.model.project.shuffles import CONFIG, read_table
from dlcctr.model.project.snapshots import check_without_code
from dlcctr.model.yaml.yaml12 import dump_yaml, is_absolute, set_value
from dlcctr.system.disk import output_error
from dlcctr.system.files import CHUNK_BYTES, fsync_path

HERE = PurePosixPath()
CURVE_ROWS = 500
"""Most points of the loss curve that a bundle keeps."""


def pack_model(
    project: Path,
    output: Path,
    *,
    shuffle: int = 1,
    trainset_index: int = 0,
    snapshot: str = "",
    as_folder: bool = False,
    overwrite: bool = False,
) -> Listing:
    """Pack what inference needs of a trained project: one shuffle, one snapshot, its YAML files.

    And, for people and for `dlcctr quality`, its loss curve and its pose prior.

    The same project gives the same bytes wherever it is. Results of the bundle are results of the project: both
    have the same model id and hash, which is checked before the bundle appears.

    Parameters
    ----------
    shuffle, trainset_index, snapshot
        As in `dlcctr.model.inspection.inspect_model`.
    as_folder : bool
        Write a folder with the same files instead of one file.

    Raises
    ------
    ModelError
        The project is incomplete or inconsistent, or its weights cannot be read without running code.
    OutputError
        The bundle cannot be written.
    UsageError
        The output already exists, or the project is a bundle already.
    """
    if project.is_file() and project.name != CONFIG.name:
        raise UsageError(f"{project}: is a packed bundle already", "give the DeepLabCut project's folder")
    info = inspect_model(project, shuffle=shuffle, trainset_index=trainset_index, snapshot=snapshot)
    tree = open_tree(info.project)
    for name in weight_names(info):
        if name.suffix == ".pt":
            check_without_code(info.project / name)
    texts = _texts(info, tree)
    entries = [Entry(str(name), len(text), hashlib.sha256(text).hexdigest()) for name, text in texts.items()]
    entries += [Entry(str(name), tree.size(name), tree.sha256(name)) for name in weight_names(info)]
    files = tuple(sorted(entries, key=lambda entry: entry.path))
    listing = Listing(source=info.project.name, model=model_facts(info), files=files)
    contents = (_contents(tree, texts, PurePosixPath(entry.path)) for entry in files)
    with _appearing(output, overwrite=overwrite) as place:
        if as_folder:
            _write_folder(place, listing, contents)
        else:
            with place.open("xb") as stream:
                write_tar(stream, listing, contents)
        _check_same_model(inspect_model(place), info)
    return listing


def _check_same_model(packed: ModelInfo, info: ModelInfo) -> None:
    if packed.hash != info.hash or packed.id != info.id:
        raise ModelError(
            f"{info.project}: its bundle would be a different model ({packed.hash[:8]}, not {info.hash[:8]})",
            "did the project change just now? If packing fails again, please report it with the YAML files",
        )


def unpack_model(bundle: Path, folder: Path) -> Path:
    """Make a project from a bundle, with paths that fit its new place. Returns its config.yaml.

    Raises
    ------
    ModelError
        It is not a bundle, or not what was packed.
    UsageError
        The folder already exists.
    """
    from dlcctr.model.bundles.verify import require_whole

    require_whole(bundle)
    info = inspect_model(bundle)
    with _appearing(folder) as place:
        make_project(info, place, folder.absolute())
        if info.origin:  # so that the licence comes along where the project is packed or pushed again
            (place / ORIGIN_FILE).write_text(origin_text(info.origin), encoding="utf-8")
    return folder / CONFIG


def _texts(info: ModelInfo, tree: ModelTree) -> dict[PurePosixPath, bytes]:
    """The bundle's YAML files, with relative paths and without the places of its videos; loss curve, prior, origin."""
    config = read_table(tree, CONFIG)
    config["video_sets"] = {}
    for keys, value in config_values(".").items():
        config[keys[0]] = value
    tables = {CONFIG: _scrub(config, CONFIG_KEYS)}
    for name in yaml_names(info, tree):
        table = read_table(tree, name)
        for keys, value in pose_values(info, HERE, name).items():
            set_value(table, keys, value, add=False)
        for keys, value in WEIGHTS_ONLY.items():
            set_value(table, keys, value, add=True)
        tables[name] = _scrub_pose(table, name, info.engine)
    texts = {name: dump_yaml(table) for name, table in tables.items()}
    texts[metadata_name(info)] = metadata_text(info)
    if prior := prior_of_model(tree, info.bodyparts, str(config.get("scorer") or "")):
        texts[PurePosixPath(PRIOR_FILENAME)] = prior_text(prior)
    train = PurePosixPath(info.folder) / "train"
    if rows := curve_of(tree, train):
        texts[train / LOSSES_FILENAME] = losses_text(thinned(rows, CURVE_ROWS))
    if info.origin:
        texts[ORIGIN_FILE] = origin_text(info.origin)
    return {name: text.encode("utf-8") for name, text in texts.items()}


def _scrub_pose(table: dict[str, Any], name: PurePosixPath, engine: str) -> dict[str, Any]:
    if name.parent.name == "test":
        return _scrub(table, [key for key in table if key not in PATH_KEYS])
    if engine == "tensorflow":
        return _scrub(table, ())
    detector = table.get("detector")
    kept = _scrub(table, (*POSE_KEYS, "detector"))
    return {**kept, "detector": _scrub(detector, DETECTOR_KEYS)} if isinstance(detector, dict) else kept


def _scrub(table: dict[str, Any], kept: Iterable[str]) -> dict[str, Any]:
    """Remove absolute paths, except in keys that are part of the model's hash."""
    return {key: value if key in kept else _without_places(value) for key, value in table.items()}


def _without_places(value: Any) -> Any:
    """Keep only the last name of absolute paths: they reveal somebody's computer and do not exist here."""
    if isinstance(value, dict):
        return {key: _without_places(each) for key, each in value.items() if not is_absolute(str(key))}
    if isinstance(value, list):
        return [_without_places(each) for each in value]
    if isinstance(value, str) and is_absolute(value):
        return re.split(r"[\\/]", value.rstrip("\\/"))[-1]
    return value


def _contents(tree: ModelTree, texts: dict[PurePosixPath, bytes], name: PurePosixPath) -> Iterable[bytes]:
    if name in texts:
        yield texts[name]
        return
    with (tree.root / name).open("rb") as stream:
        while chunk := stream.read(CHUNK_BYTES):
            yield chunk


def _write_folder(root: Path, listing: Listing, contents: Iterable[Iterable[bytes]]) -> None:
    for entry, chunks in zip(listing.files, contents, strict=True):
        file = root / entry.path
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("xb") as stream:
            for chunk in chunks:
                stream.write(chunk)
    (root / LISTING).write_text(listing_text(listing), encoding="utf-8")


@contextmanager
def _appearing(target: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Yield a name to write to, which becomes `target` in one step on success and is removed on failure."""
    target = target.absolute()
    is_new = not os.path.lexists(target)
    if not is_new and not (overwrite and target.is_file()):
        hint = "choose another place" + (", or replace a file with --overwrite" if target.is_file() else "")
        raise UsageError(f"{target}: already exists", hint)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        start = f".{target.name[:40]}."
        with tempfile.TemporaryDirectory(prefix=start, dir=target.parent, ignore_cleanup_errors=True) as temporary:
            place = Path(temporary) / target.name
            yield place
            for path in (*sorted(place.rglob("*"), reverse=True), place):
                fsync_path(path)
            place.replace(target)
            try:
                fsync_path(target.parent)
            except OSError:
                if is_new:  # or the same command would be told that it already exists
                    _take_away(target, place)
                raise
    except OSError as error:
        raise output_error(error, target) from error


def _take_away(target: Path, place: Path) -> None:
    """Remove a file; a folder gets its private name again, so that no part of it is ever seen."""
    if target.is_dir():
        target.rename(place)
    else:
        target.unlink()
