"""The user's own ssh: one login for a whole command, its prompts on the terminal, and the remote host's answers."""

from __future__ import annotations

import contextlib
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from dlcctr.errors import CommandFailedError, DlcctrError, TryAgainError
from dlcctr.system import processes
from dlcctr.system.disk import output_error
from dlcctr.system.terminal.console import warn

READY = b"dlcctr-ready\n"
STAY = "echo dlcctr-ready; exec cat >/dev/null"
"""Command of the shared login, which ends with this process, even if that is killed."""
ALIVE_S, ALIVE_COUNT = 15, 3
"""ssh options that give up a silent connection after 45 s; ssh itself would wait for hours."""
CONNECT_S = 30


@dataclass(frozen=True)
class Login:
    """A host, and the ssh arguments that reach it without another prompt.

    Parameters
    ----------
    words : tuple of str
        ssh and its options, without the host; what rsync is given, too.
    """

    host: str
    words: tuple[str, ...]

    def ask(self, command: str, items: Sequence[bytes], *, what: str = "") -> bytes:
        r"""Run a command of `dlcctr.transfer.remote.shell` on the remote host.

        `items` reach it on standard input, each ended by ``\0``.

        Raises
        ------
        DlcctrError
            It could not be reached, or the command failed: see `dlcctr.transfer.remote.ssh`.
        """
        process = processes.pipe([*self.words, self.host, command])
        answer, said = process.communicate(b"".join(item + b"\0" for item in items))
        if process.returncode != 0:
            raise ssh_error(self.host, process.returncode, said.decode("utf-8", "replace"), what=what)
        return answer


@contextlib.contextmanager
def log_in(host: str, ssh: Sequence[str]) -> Iterator[Login]:
    """Log in once, with the passwords and codes that the host asks for, and share the login with all later commands.

    If ~/.ssh/config already shares connections (ControlPath), that is used.

    Raises
    ------
    DlcctrError
        The host cannot be reached or refuses the login.
    ToolMissingError
        ssh is not installed.
    """
    settings = _settings(host, ssh)
    words = (*ssh, *_options(settings))
    if not settings or settings.get("controlpath", "none") != "none":
        yield Login(host, words)
        return
    # A socket's path may have about 100 characters: the user's own temporary folder is too deep on a Mac
    folder = Path(tempfile.mkdtemp(prefix="dlcctr-", dir="/tmp"))
    try:
        sharing = ("-o", f"ControlPath={folder / 'ssh'}")
        # its process is ours to end: with the user's ControlPersist another one would stay, and hold stderr open
        with _shared(host, (*words, "-o", "ControlMaster=yes", "-o", "ControlPersist=no", *sharing)):
            yield Login(host, (*words, "-o", "ControlMaster=no", *sharing))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _settings(host: str, ssh: Sequence[str]) -> Mapping[str, str]:
    """Settings of ssh for a host; empty if it is not OpenSSH's program, or does not report them."""
    done = processes.run([*ssh, "-G", host], check=False, merge=False, timeout_s=CONNECT_S)
    pairs = (line.partition(" ") for line in (done.stdout or "").splitlines())
    found = {name.lower(): value for name, _, value in pairs}
    return found if done.returncode == 0 and "hostname" in found else {}


def _options(settings: Mapping[str, str]) -> list[str]:
    if not settings:
        return []
    options = ["-T", "-x", "-o", "ClearAllForwardings=yes"]
    if settings.get("remotecommand", "none") != "none":
        options += ["-o", "RemoteCommand=none"]
    if settings.get("serveraliveinterval", "0") == "0":
        options += ["-o", f"ServerAliveInterval={ALIVE_S}", "-o", f"ServerAliveCountMax={ALIVE_COUNT}"]
    if settings.get("connecttimeout", "none") == "none":
        options += ["-o", f"ConnectTimeout={CONNECT_S}"]
    return options


@contextlib.contextmanager
def _shared(host: str, words: Sequence[str]) -> Iterator[None]:
    process = processes.pipe([*words, host, STAY])
    assert process.stdin is not None and process.stdout is not None and process.stderr is not None
    said: list[bytes] = []
    listener = threading.Thread(target=_listen, args=(process.stderr, said), daemon=True)
    listener.start()
    try:
        if not any(line.endswith(READY) for line in process.stdout):
            raise _refused(host, process, listener, said)
        yield
    finally:
        process.stdin.close()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:  # a connection that hangs
            process.kill()
            process.wait()
        processes.close_pipes(process, [listener])


def _listen(stream: IO[bytes], said: list[bytes]) -> None:
    """Collect ssh's messages, and show them to a person; they explain its exit code."""
    for line in stream:
        said.append(line)
        if sys.stderr.isatty():
            warn(line.decode("utf-8", "replace").rstrip("\r\n"))


def _refused(
    host: str, process: subprocess.Popen[bytes], listener: threading.Thread, said: Sequence[bytes]
) -> DlcctrError:
    code = process.wait()
    listener.join(processes.ENDED_S)
    return ssh_error(host, code, b"".join(said).decode("utf-8", "replace"))


SHOWN_LINES = 6
LOST_CODES = (10, 12, 30, 35, 255)
"""Exit codes for a lost or timed-out connection: rsync's, and ssh's own."""

_LATER = "run the same command again once the network and the host are back; it continues where it stopped"
_FULL = (
    "free space there (see `quota` or `df -h`), or choose another folder, then run the same command again: it continues"
)

_MEND: tuple[tuple[str, str, str], ...] = (
    (
        r"REMOTE HOST IDENTIFICATION HAS CHANGED",
        "the host key of {host} has changed",
        "ask the site whether the key was changed; only then: ssh-keygen -R {host}",
    ),
    (
        r"Host key verification failed|No \w+ host key is known",
        "the host key of {host} is not known on this machine",
        "log in once by hand (ssh {host}) and compare the key with what the site publishes",
    ),
    (
        r"Permission denied \([a-z][^)]*\)|Too many authentication failures|No more authentication methods",
        "{host} rejected your SSH keys",
        "`ssh {host}` must work by hand first: check the user name, the key and ssh-agent (`ssh-add -l`)",
    ),
    (
        r"Name or service not known|nodename nor servname|No address associated|Bad configuration option|"
        r"Can't open user config file|percent_expand|Bad port",
        "ssh could not resolve or connect to {host}",
        "check the host's spelling and ~/.ssh/config; `ssh {host}` must work by hand first",
    ),
    (
        r"is your shell clean|protocol version mismatch",
        "the shell of {host} prints text where only data is expected",
        "make ~/.bashrc (or ~/.cshrc) there print nothing in non-interactive shells",
    ),
    (
        r"rsync: ([Cc]ommand )?not found|command not found: rsync|rsync: No such file or directory",
        "{host} has no rsync",
        "ask the site for it, use its data transfer host (--transfer-host), or load its module in ~/.bashrc there",
    ),
    (r"No space left on device|Disk quota exceeded", "no space is left on {receiver}", _FULL),
    (
        r"Read-only file system|[Pp]ermission denied",
        "no permission to read or write a file or folder",
        "check the owner and permissions of the path above, or use another folder there",
    ),
)
_GOES_AWAY = (
    r"Connection (refused|reset|closed|timed out|to .* closed|to .* timed out)|No route to host|Network is unreachable|"
    r"Operation timed out|Timeout, server|Broken pipe|[Tt]emporary failure in name resolution|Host is down|"
    r"kex_exchange_identification|ssh_exchange_identification|banner exchange|timeout in data send|"
    r"Session open refused|connection unexpectedly closed"
)
THIS_MACHINE = "this machine"
_OWN_SIDE = re.compile(r"\[(receiver|generator)[\]=]")
"""How rsync marks messages of its receiving side; 3.1 does so in its last line only."""
_OWN_FILE = re.compile(r'^rsync: .*?"(?P<file>[^"\n]+)".*: (?P<why>[^:\n]+) \((?P<number>\d+)\)$', re.MULTILINE)
_NOISE = re.compile(r"^(rsync error: .*|@+|\s*|mux_client.*|.*Permanently added.*)$")


def ssh_error(host: str, code: int, said: str, *, what: str = "", receiver: str = "") -> DlcctrError:
    """Error that says why a command to another machine failed.

    Parameters
    ----------
    code : int
        Exit code of ssh or rsync.
    said : str
        Standard error of the command.
    what : str, optional
        Name of the task, for the message.
    receiver : str, optional
        Machine that the files go to, where that is not `host`. Where it is `THIS_MACHINE`, a file that rsync could not
        write is an `OutputError`, as everywhere else.
    """
    doing = f"{what}: " if what else ""
    detail = _detail(said)
    names = {"host": host, "receiver": receiver or host}
    if receiver == THIS_MACHINE and _OWN_SIDE.search(said) and (found := _OWN_FILE.search(said)):
        return output_error(OSError(int(found["number"]), found["why"]), found["file"])
    for pattern, message, hint in _MEND:
        if re.search(pattern, said):
            return CommandFailedError(f"{doing}{message.format(**names)}{detail}", hint.format(**names))
    if re.search(_GOES_AWAY, said) or code in LOST_CODES or code < 0:
        return TryAgainError(f"{doing}{host} cannot be reached, or the connection was lost{detail}", _LATER)
    return CommandFailedError(
        f"{doing}transfer to {host} failed (exit code {code}){detail}", "fix the error above and run the command again"
    )


def _detail(said: str) -> str:
    lines = [line.rstrip() for line in said.splitlines() if not _NOISE.match(line)]
    return "".join(f"\n  {line}" for line in lines[-SHOWN_LINES:])
