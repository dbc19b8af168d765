"""What ssh and rsync say when they fail, as errors with a remedy: what goes away by itself, and what a person mends."""

from __future__ import annotations

import re

from dlcctr.errors import CommandFailedError, DlcctrError, TryAgainError

SHOWN_LINES = 6
LOST_CODES = (10, 12, 30, 35, 255)
"""rsync's for a connection that broke or timed out, and ssh's own."""

_LATER = "type the same command again once the network and the host are back: it goes on where it was"
_FULL = "free space there (see `quota` or `df -h`), or choose another folder; then the same command goes on"

_MEND: tuple[tuple[str, str, str], ...] = (
    (
        r"REMOTE HOST IDENTIFICATION HAS CHANGED",
        "{host} shows another host key than the one that this machine knows",
        "ask the site whether the key was changed; only then: ssh-keygen -R {host}",
    ),
    (
        r"Host key verification failed|No \w+ host key is known",
        "the host key of {host} is not known here",
        "log in once by hand (ssh {host}) and compare the key with what the site publishes",
    ),
    (
        r"Permission denied \([a-z][^)]*\)|Too many authentication failures|No more authentication methods",
        "{host} lets nobody in with these keys",
        "`ssh {host}` must work by hand first: look at the user's name, the key and ssh-agent (`ssh-add -l`)",
    ),
    (
        r"Name or service not known|nodename nor servname|No address associated|Bad configuration option|"
        r"Can't open user config file|percent_expand|Bad port",
        "ssh cannot even start towards {host}",
        "look at the host's spelling and at ~/.ssh/config; `ssh {host}` must work by hand first",
    ),
    (
        r"is your shell clean|protocol version mismatch",
        "the shell of {host} prints something where only data may come",
        "let ~/.bashrc (or ~/.cshrc) there print nothing in shells that are not interactive",
    ),
    (
        r"rsync: ([Cc]ommand )?not found|command not found: rsync|rsync: No such file or directory",
        "{host} has no rsync",
        "ask the site for it, use its data transfer host (--transfer-host), or load its module in ~/.bashrc there",
    ),
    (r"No space left on device|Disk quota exceeded", "no space is left on {receiver}", _FULL),
    (
        r"Read-only file system|[Pp]ermission denied",
        "a file or folder may not be read or written",
        "look at the owner and rights of what is named above; another folder there may be the right one",
    ),
)
_GOES_AWAY = (
    r"Connection (refused|reset|closed|timed out|to .* closed|to .* timed out)|No route to host|Network is unreachable|"
    r"Operation timed out|Timeout, server|Broken pipe|[Tt]emporary failure in name resolution|Host is down|"
    r"kex_exchange_identification|ssh_exchange_identification|banner exchange|timeout in data send|"
    r"Session open refused|connection unexpectedly closed"
)
_NOISE = re.compile(r"^(rsync error: .*|@+|\s*|mux_client.*|.*Permanently added.*)$")


def far_error(host: str, code: int, said: str, *, what: str = "", receiver: str = "") -> DlcctrError:
    """Say why a command towards another machine failed.

    Parameters
    ----------
    code : int
        Exit code of ssh or rsync.
    said : str
        Its standard error.
    what : str, optional
        What was being done, for the message.
    receiver : str, optional
        Machine that the files go to, where that is not `host`.
    """
    doing = f"{what}: " if what else ""
    detail = _detail(said)
    names = {"host": host, "receiver": receiver or host}
    for pattern, message, hint in _MEND:
        if re.search(pattern, said):
            return CommandFailedError(f"{doing}{message.format(**names)}{detail}", hint.format(**names))
    if re.search(_GOES_AWAY, said) or code in LOST_CODES or code < 0:
        return TryAgainError(f"{doing}{host} cannot be reached, or the connection broke{detail}", _LATER)
    return CommandFailedError(f"{doing}failed on the way to {host} with code {code}{detail}", "mend what it names")


def _detail(said: str) -> str:
    lines = [line.rstrip() for line in said.splitlines() if not _NOISE.match(line)]
    return "".join(f"\n  {line}" for line in lines[-SHOWN_LINES:])
