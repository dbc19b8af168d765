"""rsync: its command lines, its progress, and several at a time as if they were one."""

from __future__ import annotations

import os
import re
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from dlcctr.errors import ToolMissingError
from dlcctr.system import processes
from dlcctr.transfer.remote.shell import PARTIAL_FOLDER
from dlcctr.transfer.remote.ssh import Login, ssh_error

MOST_STREAMS = 8
"""Most rsyncs at once: sshd lets ten sessions share a login (MaxSessions), one of which is the login itself."""
TIMEOUT_S = 300
"""Seconds without a byte after which rsync gives up; comparing a large remote file is silent for a while."""
VANISHED = 24
_KEPT_LINES = 40
_POLL_S = 0.1


@dataclass(frozen=True)
class Stream:
    """One rsync: its command line, and the names that it is given (relative to the folder that it reads from)."""

    argv: tuple[str, ...]
    names: tuple[str, ...] = ()


@dataclass
class _Running:
    process: subprocess.Popen[bytes]
    n_bytes: int = 0
    said: deque[bytes] = field(default_factory=lambda: deque(maxlen=_KEPT_LINES))
    threads: list[threading.Thread] = field(default_factory=list)


def find_rsync() -> str:
    """Path of rsync.

    Raises
    ------
    ToolMissingError
        rsync is not installed, or has no overall progress (older than 3.1, or another program of that name).
    """
    path = processes.find_tool("rsync")
    said = processes.run([path, "--version"], check=False).stdout or ""
    version = re.match(r"rsync\s+version v?(\d{1,9})\.(\d{1,9})", said)
    if version is None or (int(version[1]), int(version[2])) < (3, 1):
        first = said.splitlines()[0] if said else "says no version"
        raise ToolMissingError(f"{path} is too old ({first})", processes.INSTALL_HINTS["rsync"])
    return path


def rsync_words(rsync: str, login: Login, *, kib_per_s: int | None = None) -> tuple[str, ...]:
    """Arguments of all transfers: keep times, no half file under its final name, no shell reads names."""
    limit = [f"--bwlimit={kib_per_s}"] if kib_per_s else []
    return (
        rsync, "-s", "-t", "--modify-window=1", f"--partial-dir={PARTIAL_FOLDER}", f"--timeout={TIMEOUT_S}", *limit,
        "--info=progress2", "--no-human-readable", "--outbuf=L", "-e", rsh_text(login.words),
    )  # fmt: skip


def rsh_text(words: Iterable[str]) -> str:
    """Join arguments the way that rsync splits them: at spaces, quotes doubled within quotes, no backslashes."""
    return " ".join(
        f'"{word.replace(chr(34), chr(34) * 2)}"' if re.search(r"[\s'\"]", word) else word for word in words
    )


def far_path(host: str, folder: str) -> str:
    """``HOST:FOLDER/`` as rsync takes it."""
    return f"{f'[{host}]' if ':' in host else host}:{folder.rstrip('/')}/"


def from_list(argv: Sequence[str], names: Iterable[str]) -> Stream:
    """Give a transfer its file names: separated by NULs, on standard input."""
    options = ("--files-from=-", "--from0", "--no-implied-dirs", "--omit-dir-times")
    return Stream((argv[0], *options, *argv[1:]), tuple(f"./{name}" for name in names))


def divide(sizes: Mapping[str, int], count: int) -> list[list[str]]:
    """Divide names among `count` streams of about equal bytes, largest first; no stream is empty."""
    parts: list[tuple[int, list[str]]] = [(0, []) for _ in range(max(1, min(count, len(sizes))))]
    for name in sorted(sizes, key=lambda name: (-sizes[name], name)):
        least = min(range(len(parts)), key=lambda i: (parts[i][0], i))
        parts[least][1].append(name)
        parts[least] = (parts[least][0] + sizes[name], parts[least][1])
    return [names for _, names in parts if names]


def progress_bytes(text: bytes) -> int | None:
    """Bytes that are done, from what ``--info=progress2`` prints: ``1238099 100%  146.38kB/s    0:00:08``."""
    match = re.match(rb"\s*([0-9][0-9,.']{,60})\s+\d+%\s", text)
    return int(re.sub(rb"[,.']", b"", match[1])) if match else None


def run_streams(
    streams: Sequence[Stream],
    host: str,
    *,
    done: Callable[[int], None] = lambda _: None,
    keep_open: Sequence[int] = (),
    receiver: str = "",
    what: str = "",
) -> None:
    """Run rsyncs side by side to their end; when one fails the others are stopped.

    Parameters
    ----------
    done : callable
        Called repeatedly with the number of bytes that all of them have done together.
    keep_open : sequence of int
        File descriptors that they inherit; see `dlcctr.system.processes.pipe`.
    receiver, what : str, optional
        Receiving side and task, for messages; see `dlcctr.transfer.remote.ssh.ssh_error`.

    Raises
    ------
    DlcctrError
        One failed. Its partial files are kept, apart from complete ones, and continue next time.
    """
    running: list[_Running] = []
    try:
        for stream in streams:
            running.append(_start(stream, keep_open))
        while _any_alive(running) and not _failed(running):
            time.sleep(_POLL_S)
            done(sum(each.n_bytes for each in running))
        failed = _failed(running)
    finally:
        _stop(running)
    if failed is not None:
        said = b"".join(failed.said).decode("utf-8", "replace")
        raise ssh_error(host, failed.process.returncode, said, receiver=receiver, what=what)
    done(sum(each.n_bytes for each in running))


def _start(stream: Stream, keep_open: Sequence[int]) -> _Running:
    each = _Running(processes.pipe(stream.argv, env={"LC_ALL": "C"}, keep_open=keep_open))
    names = b"".join(os.fsencode(name) + b"\0" for name in stream.names)
    for target, args in ((_feed, (each, names)), (_follow, (each,)), (_listen, (each,))):
        thread = threading.Thread(target=target, args=args, daemon=True)
        thread.start()
        each.threads.append(thread)
    return each


def _feed(each: _Running, names: bytes) -> None:
    stdin = each.process.stdin
    assert stdin is not None
    with suppress(BrokenPipeError):
        stdin.write(names)
    with suppress(BrokenPipeError):
        stdin.close()


def _follow(each: _Running) -> None:
    for part in _parts(each.process):
        each.n_bytes = max(each.n_bytes, progress_bytes(part) or 0)


def _parts(process: subprocess.Popen[bytes]) -> Iterator[bytes]:
    r"""Its output, split at ``\r`` as well as ``\n``."""
    assert process.stdout is not None
    rest = b""
    while chunk := os.read(process.stdout.fileno(), 1 << 16):
        *parts, rest = re.split(rb"[\r\n]", rest + chunk)
        yield from parts
    yield rest


def _listen(each: _Running) -> None:
    assert each.process.stderr is not None
    each.said.extend(each.process.stderr)


def _any_alive(running: Iterable[_Running]) -> bool:
    return any(each.process.poll() is None for each in running)


def _failed(running: Iterable[_Running]) -> _Running | None:
    return next((each for each in running if each.process.poll() not in (None, 0, VANISHED)), None)


def _stop(running: Iterable[_Running]) -> None:
    for each in running:
        if each.process.poll() is None:
            each.process.terminate()
    for each in running:
        each.process.wait()
        processes.close_pipes(each.process, each.threads)
