"""Weights from the hub where they are published, by the standard library alone: hosts have no PyTorch."""

from __future__ import annotations

import contextlib
import http.client
import os
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from dlcctr.errors import CommandFailedError, UsageError
from dlcctr.model.superanimal.animals import HUB, Choice
from dlcctr.model.superanimal.weights import check_weights
from dlcctr.system.disk import output_error
from dlcctr.system.files import CHUNK_BYTES, fsync_path
from dlcctr.system.terminal.progress import Bar, transfer_bar

HUB_VARIABLE = "HF_ENDPOINT"
"""Hugging Face's own variable for a mirror of its hub."""
TIMEOUT_S = 60.0
ELSEWHERE = (
    "`dlcctr model superanimal quadruped` (or topviewmouse) prints commands for a machine with internet; copy the "
    "files from there, and give their folder with --weights"
)


def find_hub() -> str:
    """Address of the hub, or of the mirror that the user's environment names; `UsageError` for one that is not http."""
    hub = os.environ.get(HUB_VARIABLE, "").rstrip("/") or HUB
    if urlsplit(hub).scheme not in ("http", "https"):
        raise UsageError(f"{HUB_VARIABLE} is {hub!r}, which is no address of a web server", "unset it, or correct it")
    return hub


def download(choice: Choice, folder: Path, bar: Bar = transfer_bar) -> list[Path]:
    """Download what is not there yet, and check it before it gets its name. Returns the files that were downloaded.

    Raises
    ------
    CommandFailedError
        The hub cannot be reached, refuses, or breaks off.
    ModelError
        What came is not what was asked for.
    OutputError
        It cannot be written.
    """
    hub, done = find_hub(), []
    for part in choice.parts:
        target = folder / choice.animal.file_name(part)
        if target.is_file():
            continue
        url = choice.animal.url(part, hub)
        with _under_another_name(target) as place:
            _fetch(url, place, bar)
            check_weights(place, choice, part)
        done.append(target)
    return done


@contextlib.contextmanager
def _under_another_name(target: Path) -> Iterator[Path]:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".download-", dir=target.parent, ignore_cleanup_errors=True) as folder:
            place = Path(folder) / target.name
            yield place
            fsync_path(place)
            place.replace(target)
            fsync_path(target.parent)
    except OSError as error:
        raise output_error(error, target) from error


def _fetch(url: str, place: Path, bar: Bar) -> None:
    try:
        answer: Any = urllib.request.urlopen(url, timeout=TIMEOUT_S)
    except urllib.error.HTTPError as error:
        error.close()
        raise _failed(url, f"{error.code} {error.reason}") from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise _failed(url, error) from error
    with answer, place.open("xb") as stream:
        total = int(answer.headers.get("Content-Length") or 0)
        held = 0
        with bar(f"downloading {place.name}", total) as update:
            while chunk := _next(answer, url):
                held += stream.write(chunk)
                update(held)
    if total and held != total:
        raise _failed(url, f"it broke off after {held:,} of {total:,} bytes")


def _next(answer: Any, url: str) -> bytes:
    """Next bytes; an error of the network, and never one of the disk that they go to."""
    try:
        return bytes(answer.read(CHUNK_BYTES))
    except (OSError, http.client.HTTPException) as error:
        raise _failed(url, error) from error


def _failed(url: str, why: object) -> CommandFailedError:
    reason = why.reason if isinstance(why, urllib.error.URLError) else why
    return CommandFailedError(f"{url}: cannot be downloaded: {reason}", ELSEWHERE)
