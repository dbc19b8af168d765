"""The only place of the host side that starts processes."""

from __future__ import annotations

import contextlib
import logging
import os
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

from dlcctr.errors import CommandFailedError, ToolMissingError, TryAgainError

log = logging.getLogger("dlcctr")

INSTALL_HINTS = {
    "docker": "install Docker Engine (Debian: apt-get install docker.io) and start it",
    "apptainer": "install Apptainer, or on a cluster try: module load apptainer (or singularity)",
    "rsync": "install rsync 3.1 or newer (Debian: apt-get install rsync; macOS: brew install rsync)",
    "ssh": "install OpenSSH's client (Debian: apt-get install openssh-client)",
}


def find_tool(*names: str) -> str:
    """Path of the first tool that is installed.

    Raises
    ------
    ToolMissingError
        None of them is on PATH; the message names them and how to get the first.
    """
    for name in names:
        path = shutil.which(name)
        if path:
            return path
    hint = INSTALL_HINTS.get(names[0], f"install {names[0]} and try again")
    raise ToolMissingError(f"{' or '.join(names)} was not found on this machine", hint)


def run(
    argv: Sequence[str],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str | None] | None = None,
    capture: bool = True,
    check: bool = True,
    stdin: str | None = None,
    merge: bool = True,
    timeout_s: float | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run one command to its end.

    Parameters
    ----------
    argv : sequence of str
        Never a shell line: nothing in a file name is ever executed.
    env : mapping, optional
        Variables added to this process's own; None removes one.
    capture : bool
        Collect the output; otherwise it goes to this process's streams as it comes.
    check : bool
        Raise when the command fails.
    merge : bool
        Captured output holds stderr too; otherwise stdout alone, for output that is parsed.
    timeout_s : float, optional
        Stop it after so many seconds; only for commands that change nothing.

    Raises
    ------
    ToolMissingError
        The program does not exist.
    CommandFailedError
        It ended with another code than 0; the message holds the command and the end of its output.
    TryAgainError
        It took longer than `timeout_s`.
    """
    argv = [str(word) for word in argv]
    log.debug("run: %s", shlex.join(argv))
    try:
        done = subprocess.run(
            argv,
            cwd=cwd,
            env=_environment(env) if env else None,
            timeout=timeout_s,
            text=True,
            errors="replace",
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            stdout=subprocess.PIPE if capture else None,
            stderr=(subprocess.STDOUT if merge else subprocess.PIPE) if capture else None,
            check=False,
        )
    except FileNotFoundError as error:
        raise ToolMissingError(
            f"{argv[0]} was not found on this machine", INSTALL_HINTS.get(argv[0], f"install {argv[0]}")
        ) from error
    except subprocess.TimeoutExpired as error:
        raise TryAgainError(
            f"{argv[0]} gave no answer in {timeout_s:.0f} s: {shlex.join(argv)}", "try again in a few minutes"
        ) from error
    if check and done.returncode != 0:
        tail = "\n".join(((done.stdout or "") + (done.stderr or "")).splitlines()[-15:])
        raise CommandFailedError(
            f"command failed with code {done.returncode}: {shlex.join(argv)}" + (f"\n{tail}" if tail else ""),
            "run it by hand to see all of its output",
        )
    return done


def _environment(changes: Mapping[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in {**os.environ, **changes}.items() if value is not None}


def start(
    argv: Sequence[str],
    *,
    output: IO[bytes],
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    cpus: frozenset[int] | None = None,
) -> subprocess.Popen[bytes]:
    """Start one command in a session of its own and return at once; the caller waits for it or stops it.

    Parameters
    ----------
    output : binary file
        Gets standard output and standard error.
    env : mapping, optional
        The command's whole environment; this process's own by default.
    cpus : frozenset of int, optional
        CPUs that the command may use.

    Raises
    ------
    ToolMissingError
        The program does not exist.
    """
    argv = [str(word) for word in argv]
    log.debug("start: %s", shlex.join(argv))
    with _on_cpus(cpus):
        try:
            return subprocess.Popen(
                argv,
                env=env,
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C reaches us alone, and we stop our children in order
            )
        except FileNotFoundError as error:
            raise ToolMissingError(
                f"{argv[0]} was not found on this machine", INSTALL_HINTS.get(argv[0], f"install {argv[0]}")
            ) from error


def pipe(
    argv: Sequence[str], *, env: Mapping[str, str | None] | None = None, keep_open: Sequence[int] = ()
) -> subprocess.Popen[bytes]:
    """Start one command between pipes, which the caller feeds and empties; it may ask for passwords on the terminal.

    Parameters
    ----------
    env : mapping, optional
        Variables added to this process's own; None removes one.
    keep_open : sequence of int
        File descriptors that it inherits: a lock on one is held for as long as any process of it lives.

    Raises
    ------
    ToolMissingError
        The program does not exist.
    """
    argv = [str(word) for word in argv]
    log.debug("pipe: %s", shlex.join(argv))
    try:
        return subprocess.Popen(
            argv,
            env=_environment(env) if env else None,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=tuple(keep_open),
        )
    except FileNotFoundError as error:
        raise ToolMissingError(
            f"{argv[0]} was not found on this machine", INSTALL_HINTS.get(argv[0], f"install {argv[0]}")
        ) from error


@contextlib.contextmanager
def _on_cpus(cpus: frozenset[int] | None) -> Iterator[None]:
    """Set this thread's CPUs for a moment: a child inherits them from its first instruction on."""
    if not cpus or not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cpus)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
