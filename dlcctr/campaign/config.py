"""campaign.toml: everything that decides a campaign's results, beside its manifest."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from dlcctr.campaign.precision import FLOAT32, precision_problem
from dlcctr.campaign.steps.spec import StepError, StepSpec, parse_steps, steps_text
from dlcctr.campaign.tracking import PROJECTS_OWN, Tracking
from dlcctr.contract import CAMPAIGN_FILENAME, CONTRACT_VERSION, READABLE_CONTRACTS
from dlcctr.errors import ContractError, ManifestError
from dlcctr.system.files import read_text_bounded, write_text_atomic
from dlcctr.system.values.names import check_name, check_path
from dlcctr.system.values.toml import parse_toml, toml_value

KEYS = {
    "contract": (),
    "model": ("path", "hash", "id", "engine", "bodyparts", "individuals", "unique_bodyparts"),
    "videos": ("root",),
    "output": ("root", "csv"),
    "analysis": ("shuffle", "trainset_index", "snapshot", "crop", "batch_size", "precision"),
    "tracking": ("individuals", "n_tracks", "tracker", "identity"),
    "image": ("name",),
    "remote": ("host", "folder", "transfer_host", "program"),
}
"""Sections and keys of campaign.toml, but for its tables of steps."""
STEPS = "steps"
MAX_BYTES = 4 << 20
"""Names of ten thousand body parts fit in."""


_REMAKE = "make the campaign again"


@dataclass(frozen=True)
class Campaign:
    """What `analyze`, `check` and `run` need beside the manifest.

    Parameters
    ----------
    model : Path or None
        DeepLabCut project folder, or a bundle of one (absolute once read).
    model_hash, model_id : str
        Hash and id of the model when the campaign was made (`dlcctr.model.inspection`); empty where not known.
    bodyparts, individuals, unique_bodyparts : tuple of str
        Names of the model's parts, in its order; `check` compares the results' columns with them.
    video_root : Path
        Folder that the manifest's `video` column is relative to.
    out : Path
        Root of the results.
    csv : bool
        Also write DeepLabCut's .csv.
    shuffle, trainset_index : int
        Shuffle and training set index, as DeepLabCut counts them.
    snapshot : str
        Snapshot name (``snapshot-200``), index, or empty for what the project's config.yaml says.
    crop : tuple of int or None
        ``(x1, x2, y1, y2)`` in px, origin at the top left, as in DeepLabCut's own `cropping`.
    batch_size : int or None
        Frames per network call; None for the project's own.
    precision : str
        One of `PRECISIONS`.
    tracking : Tracking
        The animals of all videos and how they are tracked, where that differs from the project.
    steps : tuple of StepSpec
        What follows the analysis of each row, in order.
    image : str
        Name of the image that the campaign is meant for; a note for people.
    remote_host, remote_folder : str
        Host and folder that `dlcctr push` sent it to and `dlcctr fetch` reads from; empty if nothing was pushed.
    transfer_host : str
        Host that the files go through, where that is not `remote_host`.
    remote_program : str
        Command that runs dlcctr on `remote_host`; empty for ``dlcctr``.
    is_pinned : bool
        The file was written for this project: a crop that it does not name is none, whatever the project says by now.
    """

    file: Path
    model: Path | None = None
    model_hash: str = ""
    model_id: str = ""
    engine: str = ""
    bodyparts: tuple[str, ...] = ()
    individuals: tuple[str, ...] = ()
    unique_bodyparts: tuple[str, ...] = ()
    video_root: Path = Path()
    out: Path = Path()
    csv: bool = True
    shuffle: int = 1
    trainset_index: int = 0
    snapshot: str = ""
    crop: tuple[int, int, int, int] | None = None
    batch_size: int | None = None
    precision: str = FLOAT32
    tracking: Tracking = PROJECTS_OWN
    steps: tuple[StepSpec, ...] = ()
    image: str = ""
    remote_host: str = ""
    remote_folder: str = ""
    transfer_host: str = ""
    remote_program: str = ""
    is_pinned: bool = field(default=False, compare=False)

    @property
    def folder(self) -> Path:
        """Folder of the manifest and of campaign.toml."""
        return self.file.parent

    def crop_in_force(self, own: tuple[int, int, int, int] | None) -> tuple[int, int, int, int] | None:
        """Crop of the analyses: the campaign's or the row's, else that of a project which the file does not pin."""
        return self.crop or (None if self.is_pinned else own)

    def elsewhere(self, *, out: Path | None, video_root: Path | None) -> Campaign:
        """Copy with other roots of results and videos, where they are given."""
        return replace(
            self,
            out=out.absolute() if out else self.out,
            video_root=video_root.absolute() if video_root else self.video_root,
        )

    def without_model_facts(self) -> Campaign:
        """Copy that keeps only the model's path, for a row with its own model, shuffle or snapshot."""
        return replace(self, model_hash="", model_id="", engine="", bodyparts=(), individuals=(), unique_bodyparts=())


def campaign_file(manifest: Path) -> Path:
    """Path of the campaign.toml that belongs to a manifest: the one beside it."""
    return manifest.resolve().parent / CAMPAIGN_FILENAME


def read_campaign(manifest: Path) -> Campaign:
    """Read the campaign beside a manifest; defaults where there is none.

    Relative paths in the file are relative to its folder. Without a file, videos are looked up beside the
    manifest and results go to ``results`` beside it.

    Raises
    ------
    ManifestError
        The file is not TOML, or a value has the wrong type; the message names file and key.
    ContractError
        It was written by another contract version.
    """
    file = campaign_file(manifest)
    try:
        text = read_text_bounded(file, MAX_BYTES)
    except FileNotFoundError:
        return _default(file)
    except OSError as error:
        raise ManifestError(
            f"{file}: cannot be read: {error.strerror}", "check the owner and permissions of the file and its folder"
        ) from error
    except UnicodeDecodeError as error:
        raise ManifestError(f"{file}: not UTF-8 text", "save it as UTF-8 in a text editor") from error
    if text is None:
        raise ManifestError(f"{file}: too long for a campaign.toml (more than {MAX_BYTES:,} bytes)", _REMAKE)
    return parse_campaign(text, file)


def _default(file: Path) -> Campaign:
    return Campaign(file=file, video_root=file.parent, out=file.parent / "results")


def _not_toml(file: Path, error: Exception) -> ManifestError:
    return ManifestError(f"{file}: not valid TOML: {error}", f"fix that line, or {_REMAKE}")


def parse_campaign(text: str, file: Path) -> Campaign:
    """Read the text of a campaign.toml that lies in `file`, here or on another machine; raises as `read_campaign`."""
    default = _default(file)
    try:
        table = parse_toml(text)
    except ValueError as error:
        raise _not_toml(file, error) from error
    version = table.get("contract", CONTRACT_VERSION)
    if type(version) is not int or version not in READABLE_CONTRACTS:
        raise ContractError(
            f"{file}: written for contract version {version}; this program has version {CONTRACT_VERSION}",
            "use the image and the dlcctr of the same version for one campaign",
        )
    _check_keys(default, table)
    return _from_table(default, table, text)


def _from_table(default: Campaign, table: dict[str, Any], text: str) -> Campaign:
    model, videos = _section(default, table, "model"), _section(default, table, "videos")
    output, analysis = _section(default, table, "output"), _section(default, table, "analysis")
    image, remote = _section(default, table, "image"), _section(default, table, "remote")
    path = _value(default, model, "model.path", str, "")
    return replace(
        default,
        model=_absolute(default, path) if path else None,
        model_hash=_value(default, model, "model.hash", str, ""),
        model_id=_value(default, model, "model.id", str, ""),
        engine=_value(default, model, "model.engine", str, ""),
        bodyparts=_names(default, model, "model.bodyparts"),
        individuals=_names(default, model, "model.individuals"),
        unique_bodyparts=_names(default, model, "model.unique_bodyparts"),
        video_root=_absolute(default, _value(default, videos, "videos.root", str, ".")),
        out=_absolute(default, _value(default, output, "output.root", str, "results")),
        csv=_value(default, output, "output.csv", bool, True),
        shuffle=_value(default, analysis, "analysis.shuffle", int, 1),
        trainset_index=_value(default, analysis, "analysis.trainset_index", int, 0),
        snapshot=str(analysis.get("snapshot", "")),
        crop=_crop(default, analysis),
        batch_size=_batch_size(default, analysis),
        precision=_precision(default, analysis),
        tracking=_tracking(default, _section(default, table, "tracking")),
        steps=_steps(default, table.get(STEPS, []), text),
        image=_value(default, image, "image.name", str, ""),
        remote_host=_value(default, remote, "remote.host", str, ""),
        remote_folder=_value(default, remote, "remote.folder", str, ""),
        transfer_host=_value(default, remote, "remote.transfer_host", str, ""),
        remote_program=_value(default, remote, "remote.program", str, ""),
        is_pinned=bool(model.get("hash")),
    )


def _crop(campaign: Campaign, analysis: dict[str, Any]) -> tuple[int, int, int, int] | None:
    crop = _value(campaign, analysis, "analysis.crop", list, None)
    if crop is None:
        return None
    if len(crop) == 4 and all(type(x) is int for x in crop) and 0 <= crop[0] < crop[1] and 0 <= crop[2] < crop[3]:
        return crop[0], crop[1], crop[2], crop[3]
    raise ManifestError(
        f"{campaign.file}: analysis.crop is {crop}; it must be [x1, x2, y1, y2] in px with x1 < x2 and y1 < y2",
        "fix it, or remove the line to analyse the whole picture",
    )


def _batch_size(campaign: Campaign, analysis: dict[str, Any]) -> int | None:
    size: int | None = _value(campaign, analysis, "analysis.batch_size", int, None)
    if size is not None and size < 1:
        raise ManifestError(f"{campaign.file}: analysis.batch_size is {size}; it must be 1 or more", "fix that line")
    return size


def _precision(campaign: Campaign, analysis: dict[str, Any]) -> str:
    name: str = _value(campaign, analysis, "analysis.precision", str, FLOAT32)
    if problem := precision_problem(name):
        raise ManifestError(f"{campaign.file}: analysis.precision is {problem}", "fix that line, or remove it")
    return name


def _tracking(campaign: Campaign, section: dict[str, Any]) -> Tracking:
    values = {
        "individuals": _names(campaign, section, "tracking.individuals"),
        "n_tracks": _value(campaign, section, "tracking.n_tracks", int, None),
        "tracker": _value(campaign, section, "tracking.tracker", str, ""),
        "identity": _value(campaign, section, "tracking.identity", bool, None),
    }
    try:
        return Tracking(**values)
    except ValueError as error:
        raise ManifestError(f"{campaign.file}: [tracking]: {error}", "correct that section") from error


def _steps(campaign: Campaign, tables: object, text: str) -> tuple[StepSpec, ...]:
    try:
        return parse_steps(tables)
    except ValueError as error:
        line = _line_of_step(text, error.number) if isinstance(error, StepError) else ""
        raise ManifestError(
            f"{campaign.file}{line}: {error}", "correct that step in the file; what there is: dlcctr steps kinds"
        ) from error


def _line_of_step(text: str, number: int) -> str:
    """Where a step begins, for a message; empty where the steps are not written as tables of their own."""
    starts = [n for n, line in enumerate(text.splitlines(), 1) if re.match(rf"\s*\[\[\s*{STEPS}\s*\]\]", line)]
    return f", line {starts[number - 1]}" if number <= len(starts) else ""


def _check_keys(campaign: Campaign, table: dict[str, Any]) -> None:
    """A misspelt key would silently change nothing."""
    for name, section in table.items():
        if name == STEPS:
            continue
        if name not in KEYS:
            raise ManifestError(
                f"{campaign.file}: [{name}] is not known", f"known sections: {', '.join([*KEYS, STEPS])}"
            )
        for key in section if isinstance(section, dict) else ():
            if key not in KEYS[name]:
                raise ManifestError(
                    f"{campaign.file}: {name}.{key} is not known", f"[{name}] can have: {', '.join(KEYS[name])}"
                )


def _absolute(campaign: Campaign, text: str) -> Path:
    try:
        path = Path(text).expanduser()
    except RuntimeError as error:  # ~nobody
        raise ManifestError(
            f"{campaign.file}: the home folder of {text!r} is not known", "give the absolute path"
        ) from error
    return path if path.is_absolute() else (campaign.folder / path).resolve()


def _section(campaign: Campaign, table: dict[str, Any], name: str) -> dict[str, Any]:
    section = table.get(name, {})
    if not isinstance(section, dict):
        raise ManifestError(f"{campaign.file}: [{name}] must be a table", f"write [{name}] on its own line")
    return section


def _value(campaign: Campaign, section: dict[str, Any], name: str, kind: type, default: Any) -> Any:
    value = section.get(name.rpartition(".")[2], default)
    if value is default:
        return value
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise ManifestError(
            f"{campaign.file}: {name} must be of type {kind.__name__}, not {value!r}", "correct that line"
        )
    if isinstance(value, str):
        _check(campaign, name, value)
    return value


def _check(campaign: Campaign, name: str, text: str) -> None:
    try:
        check_name(text, "a folder of results") if name == "model.id" and text else check_path(text)
    except ValueError as error:
        raise ManifestError(f"{campaign.file}: {name}: {error}", "correct that line") from error


def _names(campaign: Campaign, section: dict[str, Any], name: str) -> tuple[str, ...]:
    names = _value(campaign, section, name, list, [])
    if not all(isinstance(item, str) for item in names):
        raise ManifestError(
            f"{campaign.file}: {name} must be a list of names",
            f'for example: {name.rpartition(".")[2]} = ["snout", "tail"]',
        )
    for item in names:
        _check(campaign, name, str(item))
    return tuple(names)


def write_campaign(campaign: Campaign) -> None:
    """Write campaign.toml for people to read. Paths below its folder are written relative, so that both can move."""
    write_text_atomic(campaign.file, campaign_text(campaign), keep=True)


def campaign_text(campaign: Campaign) -> str:
    """Text of a campaign.toml."""
    lines = [
        "# Made by `dlcctr manifest`. Everything that decides this campaign's results is in this file.",
        f"contract = {CONTRACT_VERSION}",
        "",
        "[model]",
        f"path = {toml_value(_path(campaign, campaign.model))}  # DeepLabCut project folder, or a bundle of one",
        f"hash = {toml_value(campaign.model_hash)}",
        f"id = {toml_value(campaign.model_id)}",
        f"engine = {toml_value(campaign.engine)}",
        f"bodyparts = {toml_value(campaign.bodyparts)}",
        f"individuals = {toml_value(campaign.individuals)}",
        f"unique_bodyparts = {toml_value(campaign.unique_bodyparts)}",
        "",
        "[videos]",
        f"root = {toml_value(_path(campaign, campaign.video_root))}  "
        "# the manifest's `video` column is relative to this",
        "",
        "[output]",
        f"root = {toml_value(_path(campaign, campaign.out))}",
        f"csv = {toml_value(campaign.csv)}  # also write DeepLabCut's .csv",
        "",
        "[analysis]",
        f"shuffle = {campaign.shuffle}",
        f"trainset_index = {campaign.trainset_index}",
        f"snapshot = {toml_value(campaign.snapshot)}  # empty: what the project's config.yaml says",
    ]
    if campaign.crop:
        lines.append(f"crop = {toml_value(campaign.crop)}  # x1, x2, y1, y2 in px from the top left corner")
    if campaign.batch_size:
        lines.append(f"batch_size = {campaign.batch_size}")
    if campaign.precision != FLOAT32:
        lines.append(f"precision = {toml_value(campaign.precision)}")
    tracking = asdict(campaign.tracking)
    if given := [f"{key} = {toml_value(value)}" for key, value in tracking.items() if value not in ((), None, "")]:
        lines += ["", "[tracking]", *given]
    if campaign.image:
        lines += ["", "[image]", f"name = {toml_value(campaign.image)}"]
    return "\n".join([*lines, *steps_text(campaign.steps)]) + "\n"


def _path(campaign: Campaign, path: Path | None) -> str:
    if path is None:
        return ""
    return path.relative_to(campaign.folder).as_posix() if path.is_relative_to(campaign.folder) else str(path)
