"""A campaign's files on the remote host: which local file goes there under which name."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from dlcctr.campaign.config import Campaign
from dlcctr.campaign.hardware_times import split_cell
from dlcctr.campaign.rows import Row, row_settings
from dlcctr.campaign.spreadsheet import Sheet, format_line
from dlcctr.campaign.videos.fingerprint import fingerprint
from dlcctr.contract import SIF_NAME
from dlcctr.errors import ModelError
from dlcctr.model.bundles.bundle import LISTING
from dlcctr.model.files import open_tree
from dlcctr.model.inference_project import model_folders
from dlcctr.model.inspection import ModelInfo, inspect_model
from dlcctr.model.origin import ORIGIN_FILE
from dlcctr.model.yaml.yaml12 import read_yaml

VIDEOS = "videos"
MODELS = "models"
RESULTS = "results"


@dataclass(frozen=True)
class Item:
    """One file: its name below the campaign's folder there (POSIX), its path here, and its fingerprint."""

    name: str
    path: Path
    bytes: int
    fingerprint: str

    @classmethod
    def of(cls, name: str, path: Path) -> Item:
        """Describe a file of this machine; links are followed. Raises `OSError`."""
        found = fingerprint(path)
        return cls(name, path, int(found.split(":")[1]), found)


def video_items(campaign: Campaign, rows: Iterable[Row]) -> list[Item]:
    """Videos of rows and their hardware times; their paths below the video root stay. Raises `OSError`."""
    rows = list(rows)
    names = [row.video for row in rows] + [split_cell(row.times)[0] for row in rows if row.times]
    return [Item.of(f"{VIDEOS}/{name}", campaign.video_root / name) for name in dict.fromkeys(names)]


def image_items(image: Path | None) -> list[Item]:
    """The SIF, which is ``dlc.sif`` there. Raises `OSError`."""
    return [Item.of(SIF_NAME, image)] if image else []


def model_names(campaign: Campaign, rows: Iterable[Row]) -> dict[Path, str]:
    """Folder (or bundle file) of every model there: ``models/<its name>``, a digest behind it where two share a name.

    Names do not change when rows are added later.
    """
    models = [campaign.model, *(row_settings(row, campaign).model for row in rows)]
    names: dict[Path, str] = {}
    for model in dict.fromkeys(model for model in models if model):
        name = f"{MODELS}/{_project(model).name or 'model'}"
        if name in names.values():
            name += "-" + hashlib.sha256(os.fsencode(model)).hexdigest()[:8]
        names[model] = name
    return names


def model_items(campaign: Campaign, rows: Sequence[Row]) -> list[Item]:
    """Files of all models used by the rows.

    Raises
    ------
    ModelError
        A file cannot be read.
    """
    items = []
    for model, name in model_names(campaign, rows).items():
        try:
            project = _project(model)
            if project.is_file():
                items.append(Item.of(name, project))
                continue
            settings = [each for each in _settings(campaign, rows) if each.model == model]
            items += [
                Item.of(f"{name}/{file.as_posix()}", project / file) for file in _files(project, settings, campaign)
            ]
        except OSError as error:
            raise ModelError(
                f"{model}: cannot be read: {error}", "check the owner and permissions of its files"
            ) from error
    return items


def _project(model: Path) -> Path:
    return model.parent if model.name == "config.yaml" else model


def _settings(campaign: Campaign, rows: Iterable[Row]) -> Iterator[Campaign]:
    """Model, shuffle and snapshot of the campaign and of the rows that have their own, each once."""
    seen = {(campaign.model, campaign.shuffle, campaign.snapshot)}
    yield campaign
    for row in rows:
        each = row_settings(row, campaign)
        key = (each.model, each.shuffle, each.snapshot)
        if key not in seen:
            seen.add(key)
            yield each


def _files(model: Path, settings: Sequence[Campaign], campaign: Campaign) -> list[Path]:
    """Files of a project that are read, relative to it; all files of a bundle, which contains nothing else."""
    if listing := open_tree(model).listing:
        return [Path(LISTING), *(Path(entry.path) for entry in listing.files)]
    files: set[Path] = {Path("config.yaml")}
    for each in settings:
        info = inspect_model(model, shuffle=each.shuffle, trainset_index=each.trainset_index, snapshot=each.snapshot)
        files |= _project_files(info, all_snapshots=each is not campaign or each.snapshot != info.snapshot)
    return sorted(files)


def _project_files(info: ModelInfo, *, all_snapshots: bool) -> set[Path]:
    """Snapshot files to send: all of them if a snapshot is named by its position, else only those used."""
    project, train = info.project, info.project / info.folder / "train"
    weights = {*info.snapshot_files, *info.detector_files}
    if all_snapshots:
        patterns = ("snapshot*.pt",) if info.engine == "pytorch" else ("*.index", "*.data-*-of-*", "*.meta")
        weights.update(*(train.glob(pattern) for pattern in patterns))
    elif info.detector_files and read_yaml(project / "config.yaml").get("detector_snapshotindex") not in (None, -1):
        weights.update(train.glob("snapshot-detector*.pt"))
    weights |= {file.with_suffix(".meta") for file in info.snapshot_files if file.suffix == ".index"}
    if info.conditions:
        others = info.conditions.snapshot_file.parent.glob("snapshot*.pt") if info.conditions.by_place else ()
        weights.update((info.conditions.snapshot_file, *others))
    yaml = [file for folder in model_folders(info) for part in ("train", "test")
            for file in (project / folder / part).glob("*.yaml")]  # fmt: skip
    yaml += [project / ORIGIN_FILE] if info.origin else []
    yaml += project.glob(f"training-datasets/iteration-{info.iteration}/*/metadata.yaml")
    return {file.relative_to(project) for file in (*weights, *yaml) if file.is_file()}


def far_campaign(campaign: Campaign, folder: Path, names: dict[Path, str], out: str) -> Campaign:
    """Campaign as it is on the remote host, all in one folder with relative paths."""
    return replace(
        campaign,
        file=folder / campaign.file.name,
        model=folder / names[campaign.model] if campaign.model else None,
        video_root=folder / VIDEOS,
        out=folder / out,
        image=SIF_NAME,
    )


def far_manifest(sheet: Sheet, campaign: Campaign, names: dict[Path, str]) -> bytes:
    """Manifest as it is there: byte for byte, except for rows with their own model, whose path differs there."""
    if not any(record.cells.get("model", "").strip() for record in sheet.records):
        return sheet.data
    lines = [list(sheet.header)]
    for record in sheet.records:
        cells = dict(record.cells)
        if cells.get("model", "").strip():
            model = row_settings(Row(index=0, video=".", model=cells["model"].strip()), campaign).model
            cells["model"] = names[model] if model else ""
        lines.append([cells.get(name, "") for name in sheet.header])
    return "".join(format_line(line) + "\n" for line in lines).encode("utf-8")
