"""Command line of the host side: parse, call, render. Module tops import the standard library and Typer only."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import typer

from dlcctr.contract import ExitCode
from dlcctr.errors import DlcctrError

app = typer.Typer(
    name="dlcctr",
    help="Put DeepLabCut into production on GPU clusters: one manifest row in, one verified result out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def catch(function: Callable[[], Any]) -> int:
    """Run a command line; turn errors into a message on stderr and an exit code. A traceback only with --debug."""
    debug = "--debug" in sys.argv
    if debug:
        sys.argv.remove("--debug")
    try:
        function()
    except SystemExit as stop:
        return int(stop.code) if isinstance(stop.code, int) else ExitCode.OK if stop.code is None else ExitCode.BUG
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return ExitCode.TRY_AGAIN
    except DlcctrError as error:
        if debug:
            raise
        print(f"error: {error.message}", file=sys.stderr)
        if error.hint:
            print(f"  what to do: {error.hint}", file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:
        sys.stderr.close()
        return ExitCode.OK
    except Exception as error:
        if debug:
            raise
        print(f"error: this is a bug in dlcctr: {type(error).__name__}: {error}", file=sys.stderr)
        print("  what to do: run the same command with --debug and report what it prints", file=sys.stderr)
        return ExitCode.BUG
    return ExitCode.OK


def main() -> None:
    """Entry point of the `dlcctr` command."""
    from dlcctr.commands import register

    register(app)
    sys.exit(catch(app))
