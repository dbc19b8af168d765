"""Command line of the host side: parse, call, render."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from dlcctr.system.utf8 import speak_utf8

if TYPE_CHECKING:
    from collections.abc import Callable

    import typer

PROGRAM = "dlcctr"
SUMMARY = "Put DeepLabCut into production on GPU clusters: one manifest row in, one verified result out."
INTERRUPTED = 130
"""Exit code that Typer gives to Ctrl-C."""


def make_app() -> typer.Typer:
    """Typer app with all commands of the host side."""
    from dlcctr.commands.program import HostCommands, new_program

    return new_program(PROGRAM, SUMMARY, HostCommands)


def catch(function: Callable[[], Any]) -> int:
    """Run a command line; turn errors into a message on stderr and an exit code. A traceback only with --debug."""
    from dlcctr.commands.in_image import here
    from dlcctr.contract import ExitCode
    from dlcctr.system.disk import as_expected
    from dlcctr.system.terminal.console import say_error, say_stopped

    debug = _take_debug()
    _expand_home()
    _never_fail_on_names()
    try:
        code = _call(function)
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        say_stopped()
        return ExitCode.TRY_AGAIN
    except BrokenPipeError:
        _give_up_stdout()  # nobody reads any more, so nobody knows the answer: not OK
        return ExitCode.TRY_AGAIN
    except Exception as error:
        _name_stdout(error)
        if debug:
            raise
        known = as_expected(error)
        say_error(known.message, here(known.hint))
        return known.exit_code


def _call(function: Callable[[], Any]) -> int:
    from dlcctr.contract import ExitCode

    try:
        function()
    except SystemExit as stop:
        return _exit_code(stop)
    return ExitCode.OK


def _take_debug() -> bool:
    # after -- everything is a file name
    options = sys.argv[1 : sys.argv.index("--")] if "--" in sys.argv else sys.argv[1:]
    if "--debug" not in options:
        return False
    sys.argv.remove("--debug")
    return True


def _expand_home() -> None:
    """Put the home folder into ``--out=~/results``: shells leave `~` as it is behind an equals sign."""
    for place, word in enumerate(sys.argv):
        if place == 0:
            continue
        if word == "--":
            return
        name, equals, value = word.partition("=~")
        if equals and name.startswith("--") and "=" not in name and value[:1] in ("", "/"):
            sys.argv[place] = f"{name}={os.path.expanduser('~')}{value}"  # noqa: PTH111 - without a home it stays `~`


def _never_fail_on_names() -> None:
    """Let stdout and stderr escape what the locale cannot show, rather than fail on a file's name."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure:
            reconfigure(errors="backslashreplace")


def _exit_code(stop: SystemExit) -> int:
    from dlcctr.contract import ExitCode
    from dlcctr.system.terminal.console import say_stopped

    if stop.code is None:
        return ExitCode.OK
    if stop.code == INTERRUPTED:
        say_stopped()
        return ExitCode.TRY_AGAIN
    return int(stop.code) if isinstance(stop.code, int) else ExitCode.BUG


def _give_up_stdout() -> None:
    """Point stdout at /dev/null, so that Python's own last flush succeeds."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _name_stdout(error: Exception) -> None:
    """Put a name to an error of standard output: what others print waits to be written, and fails again."""
    from dlcctr.system.terminal.console import STDOUT

    if isinstance(error, OSError) and error.filename is None:
        try:
            sys.stdout.flush()
        except OSError:
            error.filename = STDOUT
    if isinstance(error, OSError) and error.filename == STDOUT:
        _give_up_stdout()


def main() -> None:
    """Entry point of the `dlcctr` command."""
    speak_utf8()
    sys.exit(catch(lambda: make_app()(prog_name=PROGRAM)))
