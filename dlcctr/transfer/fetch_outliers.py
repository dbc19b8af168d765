"""`fetch --outliers`: frames that `outliers` took on the cluster, folder by folder; nothing that is here is touched."""

from __future__ import annotations

import posixpath
import shutil
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from dlcctr.campaign.config import read_campaign
from dlcctr.campaign.paths import CampaignPaths, incoming_folder
from dlcctr.errors import OutputError, UsageError
from dlcctr.model.prior.labels import LABELS_FOLDER
from dlcctr.outliers.written import MAX_BYTES, NAME, pictures_in
from dlcctr.system import disk, locks
from dlcctr.system.files import read_text_bounded, write_bytes_atomic
from dlcctr.system.terminal.console import plural
from dlcctr.transfer.remote import rsync
from dlcctr.transfer.remote.address import Remote
from dlcctr.transfer.remote.folder import RemoteFolder, open_remote_folder

LIST_FILTERS = ("--include=/outliers*.csv", "--include=/outliers*.html", "--include=/outliers*.txt", "--exclude=*")


@dataclass
class OutliersFetched:
    """What came.

    Parameters
    ----------
    folder : Path
        Folder here that has `labeled-data`.
    taken, here : list of str
        Folders of pictures that were fetched, and those that are here already, whatever has become of them.
    pictures : int
        Number of pictures that were fetched.
    pages : list of Path
        Pages that show them.
    """

    remote: Remote
    folder: Path
    taken: list[str] = field(default_factory=list)
    here: list[str] = field(default_factory=list)
    pictures: int = 0
    pages: list[Path] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def fetch_outliers(manifest: Path, remote: Remote, ssh: tuple[str, ...], name: str) -> OutliersFetched:
    """Fetch the frames of all rounds that lie in a folder of the cluster, a new one or a project.

    Parameters
    ----------
    name : str
        Folder there, the `-o` of `outliers`: absolute, or as seen from the campaign's folder. Here it gets the same
        last name, beside the manifest.

    Raises
    ------
    UsageError
        There is no such folder, or `outliers` has written nothing into it.
    OutputError
        A folder did not arrive whole; those before it are here, and the same command continues.
    DlcctrError
        The connection failed (see `dlcctr.transfer.remote.ssh`).
    """
    last = PurePosixPath(posixpath.normpath(name)).name
    if last in ("", ".", ".."):
        raise UsageError(f"--outliers {name!r} is no folder's name", "give the folder that -o of `outliers` had")
    paths, campaign = CampaignPaths.of(manifest), read_campaign(manifest)
    private = incoming_folder(campaign) / "outliers"
    program = rsync.find_rsync()
    with (
        locks.transfer_lock(paths.fetch_lock) as lock,
        open_remote_folder(remote, ssh, program, make=False, lock=lock) as far,
    ):
        done = OutliersFetched(far.remote, paths.manifest.parent / last)
        there = far.path(posixpath.normpath(name))
        if not far.place.exists or far.read([there])[0] is None:
            raise UsageError(f"{far.remote.host}:{there}: there is no such folder", "give the folder that -o had there")
        with disk.disk_errors(done.folder):
            far.mirror(there, private / "lists", LIST_FILTERS)
            lists = sorted(file for file in (private / "lists").iterdir() if NAME.fullmatch(file.name))
            wanted = _wanted(lists, there)
            _take(far, there, private / "folders", wanted, done)
            _place_lists(lists, done)
            shutil.rmtree(private, ignore_errors=True)
    return done


def _wanted(lists: list[Path], there: str) -> dict[str, list[str]]:
    """Pictures by folder, of all rounds."""
    wanted: dict[str, list[str]] = {}
    for file in lists:
        if file.suffix != ".csv":
            continue
        try:
            text = read_text_bounded(file, MAX_BYTES)
            if text is None:
                raise ValueError(f"larger than {MAX_BYTES} bytes")
            for folder, pictures in pictures_in(text).items():
                wanted.setdefault(folder, []).extend(pictures)
        except ValueError as error:
            hint = "if somebody has edited it, take it away there; else pick frames again"
            raise OutputError(f"{there}/{file.name}: not a list of picked frames: {error}", hint) from error
    if not wanted:
        raise UsageError(f"{there}: `outliers` has written nothing there", "give the folder that its -o had")
    return wanted


def _take(far: RemoteFolder, there: str, private: Path, wanted: dict[str, list[str]], done: OutliersFetched) -> None:
    target = done.folder / LABELS_FOLDER
    done.here = [folder for folder in wanted if (target / folder).exists()]
    missing = [folder for folder in wanted if folder not in done.here]
    if not missing:
        return
    private.mkdir(parents=True, exist_ok=True)
    far.take_folders(f"{there}/{LABELS_FOLDER}", missing, private)
    target.mkdir(parents=True, exist_ok=True)
    for folder in missing:
        absent = [each for each in wanted[folder] if not (private / folder / each).is_file()]
        if absent:
            raise OutputError(
                f"{there}/{LABELS_FOLDER}/{folder}: {absent[0]} is not there, which its list names",
                "look at it there; the folders before it are here",
            )
        (private / folder).rename(target / folder)
        done.taken.append(folder)
        done.pictures += len(wanted[folder])


def _place_lists(lists: list[Path], done: OutliersFetched) -> None:
    for file in lists:
        target, data = done.folder / file.name, file.read_bytes()
        if not target.exists():
            write_bytes_atomic(target, data)
        elif target.read_bytes() != data:
            done.notes.append(f"{target} is of other frames, and stays as it is")
            continue
        if file.suffix == ".html":
            done.pages.append(target)
    if done.here:
        done.notes.append(f"{plural(len(done.here), 'folder')} of frames were here and stay as they are")
