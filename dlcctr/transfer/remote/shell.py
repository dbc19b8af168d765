"""Requests to the remote host, in plain sh or Python, and how their answers are parsed.

Names travel on standard input between NULs, never on a command line. The scripts themselves hold no line break, no
``'`` and no ``!``, so that every login shell (csh and fish too) hands them on as they are.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass

from dlcctr.contract import PRIVATE_PREFIX
from dlcctr.errors import CommandFailedError
from dlcctr.system.values.names import check_path
from dlcctr.system.values.numbers import parse_whole

BEGIN = b"dlcctr-begin\n"
MAX_BYTES = 1 << 28
"""Most bytes of a file that is read; no manifest (`dlcctr.campaign.spreadsheet`) or receipt is longer."""
PARTIAL_FOLDER = f"{PRIVATE_PREFIX}partial"
"""Folder, beside a file, in which rsync keeps its partial content."""
TOOLS = frozenset({"rsync", "python3", "sha256sum", "apptainer", "singularity"})
MAKE, LOOK = "make", "look"
SHELL_HINT = "`ssh HOST true` must print nothing: see ~/.bashrc (or ~/.cshrc) there"

_OPEN = (
    "echo dlcctr-begin; CDPATH=; d=$1; "
    'if [ "$2" = make ]; then mkdir -p -- "$d" || exit 3; fi; '
    'e=yes; until [ -d "$d" ]; do e=no; d=$(dirname -- "$d"); done; '
    'cd -- "$d" || exit 3; echo $e; if [ -w . ]; then echo yes; else echo no; fi; '
    'for t in rsync python3 sha256sum apptainer singularity; do command -v "$t" >/dev/null && echo "$t"; done; '
    "df -Pk . | tail -n 1; echo; pwd"
)
_CAT = (
    "echo dlcctr-begin; "
    'for p; do if [ -f "$p" ]; then n=$(($(wc -c <"$p"))); '
    f'if [ $n -gt {MAX_BYTES} ]; then echo long; else echo $n; cat <"$p"; fi; '
    'elif [ -d "$p" ]; then echo folder; else echo none; fi; done'
)
_FINGERPRINTS_SH = (
    'for p; do if [ -f "$p" ] && n=$(wc -c <"$p"); then n=$((n)); '
    'h=$({ printf %s: "$n"; if [ "$n" -le 262144 ]; then cat <"$p"; else i=0; while [ $i -lt 8 ]; do '
    'tail -c +$((i * (n - 32768) / 7 + 1)) <"$p" | head -c 32768; i=$((i + 1)); done; fi; } | sha256sum | cut -c1-32); '
    'printf "v1:%s:%s " "$n" "$h"; else printf "%s " -; fi; '
    f"q=${{p%/*}}/{PARTIAL_FOLDER}/${{p##*/}}; "
    'if [ -f "$q" ]; then echo $(($(wc -c <"$q"))); else echo 0; fi; done'
)
# Python 3.4 and later: login nodes are old. Equal to dlcctr.campaign.videos.fingerprint, which a test holds.
_FINGERPRINTS_PYTHON = f"""
import hashlib, os, sys
def look(path):
    try:
        with open(path, "rb") as stream:
            size = stream.seek(0, 2)
            digest = hashlib.sha256(("%d:" % size).encode())
            for start in range(0, size, 32768) if size <= 262144 else [i * (size - 32768) // 7 for i in range(8)]:
                stream.seek(start)
                digest.update(stream.read(32768))
        return "v1:%d:%s" % (size, digest.hexdigest()[:32])
    except OSError:
        return "-"
def partial(path):
    folder, name = os.path.split(path)
    try:
        return os.path.getsize(os.path.join(folder, b"{PARTIAL_FOLDER}", name))
    except OSError:
        return 0
for path in sys.stdin.buffer.read().split(b"\\0")[:-1]:
    print(look(path), partial(path))
"""


@dataclass(frozen=True)
class FolderInfo:
    """A folder on the remote host.

    Parameters
    ----------
    folder : str
        Absolute path; the nearest existing parent if it does not exist.
    free_bytes : int or None
        Free space on its disk; a quota may leave less. None if `df` does not say.
    tools : frozenset of str
        Programs of `TOOLS` that the host has.
    """

    folder: str
    exists: bool
    writable: bool
    free_bytes: int | None
    tools: frozenset[str]


@dataclass(frozen=True)
class RemoteFile:
    """A remote file: its fingerprint, empty if it does not exist, and its bytes that arrived before."""

    fingerprint: str
    partial_bytes: int = 0


def open_command() -> str:
    """Command that opens a folder, and may create it: items are the folder and ``make`` or ``look``."""
    return script_command(_OPEN)


def parse_place(answer: bytes) -> FolderInfo:
    """Parse the answer to `open_command`; raises `CommandFailedError` for any other output."""
    head, found, folder = text_after_begin(answer).partition(b"\n\n")
    lines = head.decode("utf-8", "replace").split("\n")
    if not found or len(lines) < 2 or not folder.startswith(b"/"):
        raise not_understood(answer)
    try:
        name = check_path(folder.removesuffix(b"\n").decode("utf-8", "surrogateescape"))
    except ValueError as error:
        raise CommandFailedError(f"the folder there: {error}", "use a folder whose name is UTF-8") from error
    df = re.search(r"\s\d+\s+\d+\s+(-?\d{1,18})\s+(?:\d+%|-)\s", "\n".join(lines[2:]))
    return FolderInfo(
        folder=name,
        exists=lines[0] == "yes",
        writable=lines[1] == "yes",
        free_bytes=max(0, int(df[1]) * 1024) if df else None,
        tools=TOOLS & set(lines[2:]),
    )


def cat_command() -> str:
    """Command that prints files: items are their paths."""
    return script_command(_CAT)


def parse_files(answer: bytes, count: int) -> list[bytes | None]:
    """Parse the answer to `cat_command`: contents, None if there is no file, ``b""`` for folders too."""
    rest, files = text_after_begin(answer), list[bytes | None]()
    while len(files) < count:
        word, found, rest = rest.partition(b"\n")
        if not found:
            raise not_understood(answer)
        if word == b"long":
            raise CommandFailedError(
                f"a campaign.toml, manifest or receipt there has more than {MAX_BYTES:,} bytes", "check what is there"
            )
        if word in (b"none", b"folder"):
            files.append(None if word == b"none" else b"")
        elif (size := parse_whole(word.decode("ascii", "replace"))) is not None and len(rest) >= size:
            files.append(rest[:size])
            rest = rest[size:]
        else:
            raise not_understood(answer)
    return files


def fingerprint_command(place: FolderInfo) -> str:
    """Command that prints the fingerprints of files: items are their absolute paths.

    Raises
    ------
    CommandFailedError
        No program there can compute them.
    """
    if "python3" in place.tools:
        code = base64.b64encode(_FINGERPRINTS_PYTHON.encode()).decode()
        return f'exec python3 -c \'exec(__import__("base64").b64decode("{code}"))\''
    if "sha256sum" in place.tools:
        return script_command(_FINGERPRINTS_SH)
    raise CommandFailedError(
        "the remote host has neither python3 nor sha256sum, so nothing can be verified there",
        "load a module that brings Python in ~/.bashrc there",
    )


def parse_seen(answer: bytes, count: int) -> list[RemoteFile]:
    """Parse the answer to `fingerprint_command`, in the order of the items."""
    found = re.findall(rb"^(v1:\d+:[0-9a-f]{32}|-) (\d{1,18})$", answer, re.MULTILINE)
    if len(found) != count:
        raise not_understood(answer)
    return [RemoteFile("" if word == b"-" else word.decode(), int(partial)) for word, partial in found]


def script_command(script: str) -> str:
    """Command that runs a script with the items as its arguments."""
    return f"exec xargs -0 sh -c '{script}' sh"


def text_after_begin(answer: bytes) -> bytes:
    """Output of a script, without what the login shell printed before; raises `CommandFailedError`."""
    _, found, rest = answer.partition(BEGIN)
    if not found:
        raise not_understood(answer)
    return rest


def not_understood(answer: bytes) -> CommandFailedError:
    """Error for an answer that none of our scripts gives."""
    shown = answer[:200].decode("utf-8", "replace")
    return CommandFailedError(f"unexpected reply from the remote host: {shown!r}", SHELL_HINT)
