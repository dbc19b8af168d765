"""An opened campaign folder on the remote host: inspect files there, send to it, fetch from it."""

from __future__ import annotations

import contextlib
import os
import posixpath
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from dlcctr.contract import PRIVATE_PREFIX
from dlcctr.transfer.remote import rsync
from dlcctr.transfer.remote import shell as remote_shell
from dlcctr.transfer.remote.address import Remote
from dlcctr.transfer.remote.shell import FolderInfo, RemoteFile
from dlcctr.transfer.remote.ssh import THIS_MACHINE, Login, log_in

Done = Callable[[int], None]
SHARE_OF_ASK = 5000
"""Most names in one request."""
PRIVATE = f"{PRIVATE_PREFIX}*"
"""rsync filters that leave out running attempts and partial files."""


@dataclass(frozen=True)
class RemoteFolder:
    """An opened folder.

    Parameters
    ----------
    remote : Remote
        The remote host, with the absolute folder.
    login, data : Login
        Logins for commands and for files; the same where the site has no data transfer host.
    program : str
        Path of rsync here.
    lock : int
        Descriptor that every transfer keeps open.
    """

    remote: Remote
    place: FolderInfo
    login: Login
    data: Login
    program: str
    lock: int

    def path(self, name: str) -> str:
        """Absolute path there of a name below the campaign's folder (or of an absolute one)."""
        return posixpath.join(self.remote.folder, name)

    def look(self, names: Sequence[str]) -> dict[str, RemoteFile]:
        """Fingerprint of every file, and how many bytes of it are already there."""
        if not names or not self.place.exists:
            return dict.fromkeys(names, RemoteFile(""))
        command = remote_shell.fingerprint_command(self.place)
        found: list[RemoteFile] = []
        for start in range(0, len(names), SHARE_OF_ASK):
            some = names[start : start + SHARE_OF_ASK]
            answer = self.login.ask(command, [os.fsencode(self.path(name)) for name in some], what="comparing files")
            found += remote_shell.parse_seen(answer, len(some))
        return dict(zip(names, found, strict=True))

    def read(self, names: Sequence[str]) -> list[bytes | None]:
        """Contents of small files; None if there is no file, ``b""`` for a folder."""
        if not self.place.exists:
            return [None] * len(names)
        answer = self.login.ask(remote_shell.cat_command(), [os.fsencode(self.path(name)) for name in names])
        return remote_shell.parse_files(answer, len(names))

    def send(
        self,
        stage: Path,
        sizes: Mapping[str, int],
        *,
        streams: int = 1,
        limit_mb_s: float | None = None,
        done: Done = lambda _: None,
    ) -> None:
        """Send files of a folder, under their names, to the campaign's; links are followed."""
        if not sizes:
            return
        words = ("--copy-links", "--ignore-times", f"{stage}/", rsync.far_path(self.data.host, self.remote.folder))
        self._run(self._divide(words, sizes, streams, limit_mb_s), done=done, what="sending")

    def take(
        self,
        folder: str,
        target: Path,
        sizes: Mapping[str, int],
        *,
        streams: int = 1,
        limit_mb_s: float | None = None,
        done: Done = lambda _: None,
    ) -> None:
        """Fetch files below a remote folder (POSIX, absolute) into a local one; none larger than the given sizes."""
        if not sizes:
            return
        most = f"--max-size={max(sizes.values())}"
        words = ("--ignore-missing-args", most, rsync.far_path(self.data.host, folder), f"{target}/")
        self._run(self._divide(words, sizes, streams, limit_mb_s), done=done, what="taking", here=True)

    def _divide(
        self, words: Sequence[str], sizes: Mapping[str, int], streams: int, limit_mb_s: float | None
    ) -> list[rsync.Stream]:
        """One rsync for each part of the files; together they are no faster than the limit."""
        parts = rsync.divide(sizes, min(streams, rsync.MOST_STREAMS))
        argv = (*rsync.rsync_words(self.program, self.data, kib_per_s=_kib_per_s(limit_mb_s, len(parts))), *words)
        return [rsync.from_list(argv, names) for names in parts]

    def mirror(self, folder: str, target: Path, filters: Sequence[str]) -> None:
        """Mirror into a local folder what `filters` let through of a remote one, and nothing else."""
        target.mkdir(parents=True, exist_ok=True)
        words = rsync.rsync_words(self.program, self.data)
        ends = (rsync.far_path(self.data.host, folder), f"{target}/")
        options = ("-r", "--prune-empty-dirs", "--delete", "--omit-dir-times", *filters)
        self._run([rsync.Stream((*words, *options, *ends))], what="taking", here=True)

    def mirror_folders(self, names: Sequence[str], target: Path) -> None:
        """Fetch existing folders below the campaign's; nothing is removed here."""
        self.take_folders(self.remote.folder, names, target)

    def take_folders(self, folder: str, names: Sequence[str], target: Path) -> None:
        """Fetch folders below a remote one (POSIX, absolute) into a local one, where they exist; nothing is removed."""
        words = rsync.rsync_words(self.program, self.data)
        options = ("-r", "--ignore-missing-args", "--exclude=*.lock", f"--exclude={PRIVATE}")
        argv = (*words, *options, rsync.far_path(self.data.host, folder), f"{target}/")
        self._run([rsync.from_list(argv, names)], what="taking", here=True)

    def _run(
        self, streams: Sequence[rsync.Stream], *, done: Done = lambda _: None, what: str, here: bool = False
    ) -> None:
        receiver = THIS_MACHINE if here else ""
        rsync.run_streams(streams, self.data.host, done=done, keep_open=[self.lock], receiver=receiver, what=what)


def _kib_per_s(limit_mb_s: float | None, streams: int) -> int | None:
    return None if limit_mb_s is None else max(1, round(limit_mb_s * 1e6 / 1024 / streams))


@contextlib.contextmanager
def open_remote_folder(
    remote: Remote, ssh: Sequence[str], program: str, *, make: bool, lock: int
) -> Iterator[RemoteFolder]:
    """Log in and inspect the campaign's folder there, which is created if `make` is true.

    Raises
    ------
    DlcctrError
        See `dlcctr.transfer.remote.ssh`.
    """
    with contextlib.ExitStack() as stack:
        login = stack.enter_context(log_in(remote.host, ssh))
        data = stack.enter_context(log_in(remote.data_host, ssh)) if remote.transfer_host else login
        folder = remote.folder if remote.folder.startswith("/") else f"./{remote.folder}"
        mode = remote_shell.MAKE if make else remote_shell.LOOK
        command = remote_shell.open_command()
        answer = login.ask(command, [os.fsencode(folder), mode.encode()], what=f"opening {remote.folder}")
        place = remote_shell.parse_place(answer)
        settled = replace(remote, folder=place.folder) if place.exists else remote
        yield RemoteFolder(settled, place, login, data, program, lock)
