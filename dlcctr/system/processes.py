"""The only place that starts processes."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import shlex
import shutil
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from dlcctr.errors import CommandFailedError, DlcctrError, ToolMissingError, TryAgainError

log = logging.getLogger("dlcctr")

ENDED_S = 5.0
"""Within this time all that an ended command wrote has been read, in seconds."""
INSTALL_HINTS = {
    "docker": "install Docker Engine (Debian: apt-get install docker.io) and start it",
    "apptainer": "install Apptainer, or on a cluster try: module load apptainer (or singularity)",
    "rsync": "install rsync 3.1 or newer (Debian: apt-get install rsync; macOS: brew install rsync)",
    "sbatch": "type this on a Slurm cluster's login node; under Grid Engine (or PBS, LSF): "
    "dlcctr script m.csv --scheduler sge",
    "ssh": "install OpenSSH's client (Debian: apt-get install openssh-client)",
}


def find_tool(*names: str, hint: str = "") -> str:
    """Path of the first tool that is installed.

    Parameters
    ----------
    hint : str
        What to do without any; by default how to get the first.

    Raises
    ------
    ToolMissingError
        None of them is on PATH; the message names them.
    """
    for name in names:
        path = shutil.which(name)
        if path:
            return path
    hint = hint or INSTALL_HINTS.get(names[0], f"install {names[0]} and try again")
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
    keep_open: Sequence[int] = (),
) -> subprocess.CompletedProcess[str]:
    """Run one command to its end.

    Parameters
    ----------
    argv : sequence of str
        Program and arguments. No shell is involved, so nothing in a file name is ever executed.
    env : mapping, optional
        Variables added to this process's own; None removes one.
    capture : bool
        Collect the output; otherwise it goes to this process's streams as it comes.
    check : bool
        Raise when the command fails.
    merge : bool
        Captured output holds stderr too; otherwise stdout alone, for output that is parsed.
    timeout_s : float, optional
        Seconds after which it is stopped; only for commands that change nothing.
    keep_open : sequence of int
        File descriptors that it inherits: a lock on one is held for as long as any process of it lives.

    Raises
    ------
    ToolMissingError
        The program does not exist.
    CommandFailedError
        Its exit code was not 0; the message has the command and the end of its output.
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
            encoding="utf-8",
            errors="replace",
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            stdout=subprocess.PIPE if capture else None,
            stderr=(subprocess.STDOUT if merge else subprocess.PIPE) if capture else None,
            check=False,
            pass_fds=tuple(keep_open),
        )
    except OSError as error:
        raise _not_started(argv[0], error) from error
    except subprocess.TimeoutExpired as error:
        raise TryAgainError(
            f"{argv[0]} did not answer within {timeout_s:.0f} s: {shlex.join(argv)}", "try again in a few minutes"
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


def attach(argv: Sequence[str]) -> int:
    """Run one command on this process's own streams, including standard input; returns its exit code.

    Raises
    ------
    ToolMissingError
        The program does not exist.
    """
    return _popen(argv).wait()


def start(
    argv: Sequence[str],
    *,
    output: IO[bytes] | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    cpus: frozenset[int] | None = None,
) -> subprocess.Popen[bytes]:
    """Start one command in its own session and return at once; the caller waits for it or stops it.

    Parameters
    ----------
    output : binary file, optional
        Gets standard output and standard error; by default they go to this process's streams.
    env : mapping, optional
        The command's whole environment; this process's own by default.
    cpus : frozenset of int, optional
        CPUs that the command may use.

    Raises
    ------
    ToolMissingError
        The program does not exist.
    """
    with _on_cpus(cpus):
        return _popen(
            argv,
            env=env,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=None if output is None else subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C reaches us alone, and we stop our children in order
        )


def pipe(
    argv: Sequence[str],
    *,
    env: Mapping[str, str | None] | None = None,
    cwd: Path | None = None,
    merge: bool = False,
    session: bool = False,
    keep_open: Sequence[int] = (),
) -> subprocess.Popen[bytes]:
    """Start one command between pipes, which the caller feeds and empties.

    Parameters
    ----------
    env : mapping, optional
        Variables added to this process's own; None removes one.
    merge : bool
        Standard error goes into the pipe of standard output.
    session : bool
        Start it in its own session: Ctrl-C reaches this process alone, and a signal to the group of the command's
        process id reaches all that it started. Without, it may ask for passwords on the terminal.
    keep_open : sequence of int
        File descriptors that it inherits: a lock on one is held for as long as any process of it lives.

    Raises
    ------
    ToolMissingError
        The program does not exist.
    """
    return _popen(
        argv,
        env=_environment(env) if env else None,
        cwd=cwd,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT if merge else subprocess.PIPE,
        start_new_session=session,
        pass_fds=tuple(keep_open),
    )


def close_pipes(process: subprocess.Popen[bytes], readers: Sequence[threading.Thread]) -> None:
    """Close the pipes of a command that has ended, once the threads that read them are done.

    What the command started itself may still hold them open, such as an ssh that stays in the background: its reader
    never ends, and closing the pipe would wait for it. That pipe is left to the end of this process.

    Parameters
    ----------
    readers : sequence of Thread
        Daemons that end when their pipe does.
    """
    for reader in readers:
        reader.join(ENDED_S)
    if not any(reader.is_alive() for reader in readers):
        for stream in (process.stdout, process.stderr):
            if stream:
                stream.close()


def _popen(argv: Sequence[str], **options: Any) -> subprocess.Popen[bytes]:
    argv = [str(word) for word in argv]
    log.debug("start: %s", shlex.join(argv))
    try:
        return subprocess.Popen(argv, **options)
    except OSError as error:
        raise _not_started(argv[0], error) from error


def _not_started(program: str, error: OSError) -> DlcctrError:
    if isinstance(error, FileNotFoundError):
        hint = INSTALL_HINTS.get(program, f"install {program}")
        return ToolMissingError(f"{program} was not found on this machine", hint)
    if error.errno in (errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE):
        return TryAgainError(
            f"{program}: cannot be started now: {error.strerror}",
            "this machine is out of processes or memory: wait, or use another one",
        )
    return ToolMissingError(f"{program}: cannot be started: {error.strerror}", "check that it is an executable program")


@contextlib.contextmanager
def _on_cpus(cpus: frozenset[int] | None) -> Iterator[None]:
    """Set this thread's CPUs for a moment, so that a child inherits them from its first instruction on."""
    if not cpus or not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cpus)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
