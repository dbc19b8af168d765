"""What people say of the videos, here and there: each person's newest word on each row is carried, none is lost."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dlcctr.campaign.paths import CampaignPaths
from dlcctr.campaign.rows import Row
from dlcctr.errors import DlcctrError, ManifestError
from dlcctr.quality.ratings.table import (
    MAX_BYTES,
    Rating,
    decode_ratings,
    fitting_ratings,
    merge_ratings,
    ratings_in,
    ratings_text,
    write_ratings,
)
from dlcctr.system.locks import campaign_lock
from dlcctr.system.terminal.console import plural
from dlcctr.transfer.remote.folder import RemoteFolder


def take_ratings_there(remote_folder: RemoteFolder, paths: CampaignPaths, rows: Sequence[Row]) -> list[str]:
    """Put the ratings there to those here.

    Returns
    -------
    list of str
        Remarks. A table that is wrong, on either side, stays as it is, and harms nothing else.
    """
    try:
        theirs, problems = _there(_read(remote_folder, paths), remote_folder, paths, rows)
        if not theirs:
            return problems
        with campaign_lock(paths.ratings_lock):
            mine, wrong = fitting_ratings(paths.ratings, rows)
            if wrong:
                return [*problems, f"ratings were not taken: {wrong[0]}"]
            merged = merge_ratings(mine, theirs)
            new = set(merged) - set(mine)
            if new:
                write_ratings(paths.ratings, merged)
    except DlcctrError as error:  # rows were taken, and are more than that
        return [f"ratings were not taken: {error.message}"]
    return [*problems, *([f"{plural(len(new), 'new rating')} in {paths.ratings.name}"] if new else [])]


def ratings_to_send(
    remote_folder: RemoteFolder, paths: CampaignPaths, rows: Sequence[Row]
) -> tuple[dict[str, bytes], list[str]]:
    """The table that shall be there: what is said there, and what is said here.

    Returns
    -------
    texts : dict
        Name and content; empty where there is nothing new to send.
    notes : list of str
        Remarks, as of `take_ratings_there`.
    """
    try:
        mine, wrong = fitting_ratings(paths.ratings, rows)
        if not mine or wrong:
            return {}, [f"ratings were not sent: {problem}" for problem in wrong[:1]]
        there = _read(remote_folder, paths)
        theirs, problems = _there(there, remote_folder, paths, rows)
    except ManifestError as error:
        return {}, [f"ratings were not sent: {error.message}"]
    if problems:  # a line that nobody here understands must not get lost there
        return {}, [f"ratings were not sent: {problems[0]}"]
    merged = merge_ratings(theirs, mine)
    data = ratings_text(merged).encode("utf-8")
    return ({paths.ratings.name: data} if set(merged) - set(theirs) else {}), []


def _read(remote_folder: RemoteFolder, paths: CampaignPaths) -> bytes | None:
    return remote_folder.read([paths.ratings.name])[0]


def _there(
    data: bytes | None, remote_folder: RemoteFolder, paths: CampaignPaths, rows: Sequence[Row]
) -> tuple[list[Rating], list[str]]:
    if not data:
        return [], []
    name = Path(f"{remote_folder.remote}/{paths.ratings.name}")
    if len(data) > MAX_BYTES:
        raise ManifestError(f"{name}: too long for ratings", "look at it there")
    found, problems = ratings_in(decode_ratings(name, data), name, rows)
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return found, [f"{problems[0]}{more}"] if problems else []
