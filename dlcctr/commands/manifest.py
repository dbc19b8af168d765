"""The command `manifest`: a folder of videos in, a campaign out."""

from __future__ import annotations

import itertools
import shlex
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from dlcctr.campaign.config import Campaign
    from dlcctr.campaign.create import CampaignChanges, OwnModel
    from dlcctr.campaign.derive import ModelChoice
    from dlcctr.campaign.tracking import Tracking

SHOWN = 10
SHOWN_CHARS = 60


def add(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(manifest)


def manifest(
    videos: Annotated[
        list[str] | None, typer.Argument(help="Files, folders and patterns ('data/**/*.mp4'; quote them).")
    ] = None,
    *,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Manifest to write; campaign.toml comes beside it.")
    ] = Path("manifest.csv"),
    model: Annotated[
        Path | None,
        typer.Option(help="Trained DeepLabCut project folder, or a bundle of one."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Root of the results; `results` beside the manifest by default."),
    ] = None,
    like: Annotated[
        Path | None,
        typer.Option(metavar="MANIFEST", help="Take videos and settings of this campaign, for another --model."),
    ] = None,
    root: Annotated[
        Path | None,
        typer.Option(help="Folder that video names in the manifest are relative to; by default their common folder."),
    ] = None,
    shuffle: Annotated[
        str, typer.Option(metavar="N[,N]", help="DeepLabCut's shuffle; of several, each video gets a row for each.")
    ] = "1",
    trainset_index: Annotated[int, typer.Option(min=0, help="DeepLabCut's training set index.")] = 0,
    snapshot: Annotated[
        str,
        typer.Option(metavar="NAME[,NAME]", help="Snapshot name or index, or several; the project's own by default."),
    ] = "",
    crop: Annotated[
        str, typer.Option(metavar="X1,X2,Y1,Y2", help="Part of every picture to analyse, px from the top left.")
    ] = "",
    batch_size: Annotated[
        int | None,
        typer.Option(min=1, help="Frames per network call; the project's own by default."),
    ] = None,
    precision: Annotated[
        str,
        typer.Option(help="float32, as stock DeepLabCut; fp16 or bf16 compute faster and less exactly on many GPUs."),
    ] = "float32",
    individuals: Annotated[
        str, typer.Option(metavar="NAME,NAME", help="Several animals: their names in these videos.")
    ] = "",
    n_tracks: Annotated[
        int | None, typer.Option("--n-tracks", min=1, help="Several animals: how many are in these videos.")
    ] = None,
    tracker: Annotated[
        str, typer.Option(help="Several animals: ellipse, skeleton or box; the project's own by default.")
    ] = "",
    identity: Annotated[
        bool, typer.Option("--identity", help="Several animals: follow them by their learned identity only.")
    ] = False,
    no_csv: Annotated[bool, typer.Option("--no-csv", help="Write no .csv beside the .h5.")] = False,
    append: Annotated[bool, typer.Option("--append", help="Add new videos; existing rows never change.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing campaign.")] = False,
    jobs: Annotated[
        int | None,
        typer.Option(min=1, help="Number of videos to probe at once."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Find videos, probe them, and write the manifest and campaign.toml.

    The manifest has one row for each video; for several shuffles or snapshots it has one for each of them.
    With --like the videos and settings are those of another campaign, in another folder, and only the model is new.
    """
    from dlcctr.campaign.config import Campaign, campaign_file
    from dlcctr.campaign.create import CAMPAIGNS_MODEL, extend_campaign, make_campaign
    from dlcctr.campaign.rows import parse_crop_option, parse_precision
    from dlcctr.system.files import absolute
    from dlcctr.system.terminal.progress import progress

    videos = videos or []
    settings = (root, crop, batch_size, no_csv, individuals, n_tracks, tracker, identity, precision != "float32")
    chosen = (*settings, model, out, snapshot, overwrite, shuffle != "1", trainset_index, like)
    _check_videos(videos, like)
    if append:
        _check_append(any(chosen))
        made = extend_campaign(videos, output, jobs=jobs, progress=progress)
    elif like:
        from dlcctr.campaign.derive import campaign_like

        _check_like(model, any(settings))
        choice = _choice(model or like, shuffle, trainset_index, snapshot)
        made = campaign_like(like, output, choice, out=out, overwrite=overwrite)
    else:
        from dlcctr.campaign.derive import pin_model

        file = campaign_file(output)
        pairs = _pairs(shuffle, snapshot)
        campaign = Campaign(
            file=file,
            out=absolute(out) if out else file.parent / "results",
            csv=not no_csv,
            shuffle=pairs[0][0],
            trainset_index=trainset_index,
            snapshot=pairs[0][1],
            crop=parse_crop_option(crop),
            batch_size=batch_size,
            precision=parse_precision(precision),
            tracking=_tracking(individuals, n_tracks, tracker, identity or None),
        )
        campaign = pin_model(campaign, model) if model else campaign
        models = [CAMPAIGNS_MODEL, *_other_models(campaign, pairs[1:])]
        made = make_campaign(
            videos, output, campaign, root=root, models=models, overwrite=overwrite, jobs=jobs, progress=progress
        )
    _print(made, videos, append=append, as_json=as_json)


def _check_append(others: bool) -> None:
    from dlcctr.errors import UsageError

    if others:
        raise UsageError(
            "--append takes videos, -o and --jobs only: everything else is in campaign.toml",
            "leave the other options out; to change the model or the results' root, make a new campaign",
        )


def _check_videos(videos: list[str], like: Path | None) -> None:
    from dlcctr.errors import UsageError

    if like and videos:
        raise UsageError("--like takes the videos of that manifest, and no others", "leave the videos out")
    if not like and not videos:
        raise UsageError(
            "no videos are named", "name files, folders or patterns, or another campaign with --like m.csv"
        )


def _check_like(model: Path | None, others: bool) -> None:
    from dlcctr.errors import UsageError

    if model is None:
        raise UsageError("--like needs the new model", "add --model PROJECT")
    if others:
        raise UsageError(
            "--like takes --model, --shuffle, --snapshot, --trainset-index, --out, -o and --overwrite only",
            "leave the other options out: they stay as they are in the other campaign.toml",
        )


def _choice(model: Path, shuffle: str, trainset_index: int, snapshot: str) -> ModelChoice:
    from dlcctr.campaign.derive import ModelChoice
    from dlcctr.errors import UsageError

    pairs = _pairs(shuffle, snapshot)
    if len(pairs) > 1:
        raise UsageError("--like takes one model", "name one shuffle and one snapshot")
    return ModelChoice(model, pairs[0][0], trainset_index, pairs[0][1])


def _tracking(individuals: str, n_tracks: int | None, tracker: str, identity: bool | None) -> Tracking:
    from dlcctr.campaign.tracking import Tracking, parse_names
    from dlcctr.errors import UsageError

    try:
        return Tracking(parse_names(individuals), n_tracks, tracker, identity)
    except ValueError as error:
        raise UsageError(str(error), "see `dlcctr manifest --help`") from error


def _pairs(shuffles: str, snapshots: str) -> list[tuple[int, str]]:
    """Every shuffle with every snapshot."""
    from dlcctr.errors import UsageError
    from dlcctr.system.values.numbers import parse_whole

    numbers = []
    for word in shuffles.split(","):
        number = parse_whole(word.strip())
        if number is None:
            raise UsageError(
                f"--shuffle {shuffles[:SHOWN_CHARS]!r} is not a shuffle or a list of them",
                "for example --shuffle 1,2,3",
            )
        numbers.append(number)
    names = [name.strip() for name in snapshots.split(",")]
    pairs = list(itertools.product(numbers, names))
    if len(set(pairs)) < len(pairs) or (len(names) > 1 and "" in names):
        raise UsageError("--shuffle or --snapshot names something twice, or nothing", "name each of them once")
    return pairs


def _other_models(campaign: Campaign, pairs: list[tuple[int, str]]) -> list[OwnModel]:
    """Further shuffles and snapshots of the campaign's project, pinned by the snapshots' names."""
    from dlcctr.campaign.create import OwnModel
    from dlcctr.errors import UsageError
    from dlcctr.model.inspection import inspect_model

    if pairs and campaign.model is None:
        raise UsageError("several shuffles or snapshots need a model to look at", "add --model PROJECT")
    known = {(campaign.shuffle, campaign.snapshot)}
    models = []
    for shuffle, snapshot in pairs:
        assert campaign.model is not None
        info = inspect_model(campaign.model, shuffle=shuffle, trainset_index=campaign.trainset_index, snapshot=snapshot)
        if (info.shuffle, info.snapshot) in known:
            raise UsageError(
                f"shuffle {info.shuffle}, {info.snapshot} is named twice", "name each shuffle and snapshot once"
            )
        known.add((info.shuffle, info.snapshot))
        models.append(OwnModel("", info.shuffle, info.snapshot))
    return models


def _print(made: CampaignChanges, videos: list[str], *, append: bool, as_json: bool) -> None:
    from dlcctr.system.terminal.console import print_json, print_lines, warn

    for row in made.unreadable:
        warn(f"warning: row {row.index}, {row.video}: {row.error}")
    for line in _first([f"warning: row {row.index}, {row.video}: {note}" for row, note in made.notes], "warnings"):
        warn(line)
    if as_json:
        print_json(
            "manifest",
            manifest=str(made.manifest),
            campaign=str(made.campaign.file),
            video_root=str(made.campaign.video_root),
            rows=[{k: v for k, v in asdict(row).items() if k not in ("own", "first")} for row in made.rows],
            skipped=[{"path": str(item.path), "reason": item.reason} for item in made.skipped],
            notes=[{"index": row.index, "video": row.video, "note": note} for row, note in made.notes],
        )
    else:
        print_lines(_summary(made, videos, append=append))


def _summary(made: CampaignChanges, videos: list[str], *, append: bool) -> list[str]:
    from dlcctr.commands.in_image import here
    from dlcctr.system.terminal.console import duration, plural

    videos_once = {row.video: row.duration_s or 0 for row in made.rows}
    each = "" if len(videos_once) == len(made.rows) else f" for {plural(len(videos_once), 'video')}"
    lines = [
        f"{'added' if append else 'wrote'} {plural(len(made.rows), 'row')}{each}, "
        f"{duration(sum(videos_once.values()))} of video: {made.manifest}"
    ]
    if not append:
        lines.append(f"videos are below {made.campaign.video_root}, results go below {made.campaign.out}")
    if made.unreadable:
        lines.append(f"{len(made.unreadable)} of them cannot be read; they have a row with the cause in `error`")
    lines += _first([f"left out {item.path}: {item.reason}" for item in made.skipped], "left out")
    twins = [f"row {a.index}, {a.video}: same content as row {b.index}, {b.video}" for a, b in made.same_content]
    lines += _first(twins, "of the same content")
    name = shlex.quote(str(made.manifest))
    if not made.campaign.model:
        next_step = f"next, before anything can be analysed, name the trained model: {_with_a_model(videos)}"
        return [*lines, here(next_step)]
    return [*lines, here(f"next: dlcctr validate {name}"), here(_then(made))]


def _then(made: CampaignChanges) -> str:
    """What brings results, by where the campaign's rows are worked on."""
    from dlcctr.slurm.whereabouts import Work, find_whereabouts

    name = shlex.quote(str(made.manifest))
    return {
        Work.HERE: f"then: dlcctr run {name}; on a cluster: dlcctr submit {name}",
        Work.SLURM: f"then: dlcctr submit {name}",
        Work.ELSEWHERE: f"then: dlcctr push {name}",
    }[find_whereabouts(made.manifest, made.campaign).work]


def _with_a_model(videos: list[str]) -> str:
    """The command that was typed, with all of its options and a model; a very long list of videos is not repeated."""
    given = sys.argv[sys.argv.index("manifest") + 1 :] if "manifest" in sys.argv else []
    others = [word for word in given if word not in (*videos, "--overwrite", "--append", "--json")]
    shown = shlex.join(videos) if len(videos) <= SHOWN else "VIDEOS"
    return f"dlcctr manifest {shown} {shlex.join([*others, '--model'])} PROJECT --overwrite"


def _first(lines: list[str], what: str) -> list[str]:
    more = len(lines) - SHOWN
    return [*lines[:SHOWN], f"… and {more} more {what} (--json lists all)"] if more > 0 else lines
