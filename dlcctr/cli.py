"""Command line of the host side: parse, call, render."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    import typer

PROGRAM = "dlcctr"
SUMMARY = "Put DeepLabCut into production on GPU clusters: one manifest row in, one verified result out."
INTERRUPTED = 130
"""What Typer makes of Ctrl-C."""


def make_app() -> typer.Typer:
    """Typer app with all commands of the host side."""
    from dlcctr.commands.program import HostCommands, new_program

    return new_program(PROGRAM, SUMMARY, HostCommands)


def catch(function: Callable[[], Any]) -> int:
    """Run a command line; turn errors into a message on stderr and an exit code. A traceback only with --debug."""
    from dlcctr.contract import ExitCode
    from dlcctr.errors import DlcctrError

    debug = _take_debug()
    _never_fail_on_names()
    try:
        function()
        sys.stdout.flush()
    except SystemExit as stop:
        return _exit_code(stop)
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return ExitCode.TRY_AGAIN
    except BrokenPipeError:
        # nobody reads any more, so nobody knows the answer: not OK; Python's own last flush must not fail again
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return ExitCode.TRY_AGAIN
    except DlcctrError as error:
        if debug:
            raise
        _say(error.message, error.hint)
        return error.exit_code
    except Exception as error:
        if debug:
            raise
        _say(
            f"this is a bug in dlcctr: {type(error).__name__}: {error}",
            "run the same command with --debug and report what it prints",
        )
        return ExitCode.BUG
    return ExitCode.OK


def _take_debug() -> bool:
    # after -- everything is a file name
    options = sys.argv[1 : sys.argv.index("--")] if "--" in sys.argv else sys.argv[1:]
    if "--debug" not in options:
        return False
    sys.argv.remove("--debug")
    return True


def _never_fail_on_names() -> None:
    """Let stdout and stderr escape what the locale cannot show, rather than fail on a file's name."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure:
            reconfigure(errors="backslashreplace")


def _exit_code(stop: SystemExit) -> int:
    from dlcctr.contract import ExitCode

    if stop.code is None:
        return ExitCode.OK
    if stop.code == INTERRUPTED:
        print("stopped", file=sys.stderr)
        return ExitCode.TRY_AGAIN
    return int(stop.code) if isinstance(stop.code, int) else ExitCode.BUG


def _say(message: str, hint: str) -> None:
    print(f"error: {message}", file=sys.stderr)
    if hint:
        print(f"  what to do: {hint}", file=sys.stderr)


def main() -> None:
    """Entry point of the `dlcctr` command."""
    sys.exit(catch(lambda: make_app()(prog_name=PROGRAM)))
