"""What the two programs (`dlcctr`, and the image's `dlc`) have in common: commands loaded late, help, `--version`."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal

import typer
from typer.core import TyperGroup

from dlcctr.commands import IN_IMAGE, PANELS, module_of, panel_of
from dlcctr.commands.in_image import here


class CommandGroup(TyperGroup):
    """Commands under headings. Those of `late` are imported when one is called; all of them only for the help.

    Typer takes twice as long to start when it has to read the signatures of all commands (130 ms rather than 65).
    """

    late: ClassVar[tuple[str, ...]] = ()
    """Names from `dlcctr.commands.PANELS`, in the order of the help."""
    elsewhere: ClassVar[Mapping[str, str]] = {}
    """Commands of the other program, with what to type instead."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read what stands before the command's name."""
        with _escaped_usage_errors():
            return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        with _escaped_usage_errors():
            return super().invoke(ctx)

    def list_commands(self, ctx: Any) -> list[str]:
        """Names in the order of the help: first the group's own commands, then those of the table."""
        return [*(name for name in self.commands if name not in self.late), *self.late]

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command that is called; `UsageError` for one that only the other program has."""
        from dlcctr.errors import UsageError

        if args[0] in self.elsewhere and self.get_command(ctx, args[0]) is None:
            raise UsageError(f"{args[0]}: not a command of {ctx.info_name}", self.elsewhere[args[0]])
        return super().resolve_command(ctx, args)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Command of a name, or None. An unknown name loads all, so that Typer can suggest the one that was meant."""
        for name in (cmd_name,) if cmd_name in {*self.late, *self.commands} else self.late:
            self._load(name)
        command = self.commands.get(cmd_name)
        return _with_joined_lines(command) if command else None

    def _load(self, name: str) -> None:
        if name not in self.commands:
            app = typer.Typer(rich_markup_mode=self.rich_markup_mode)
            importlib.import_module(module_of(name)).add(app)
            self.commands[name] = typer.main.get_group(app).commands[name]
        if name in self.late:
            self.commands[name].rich_help_panel = panel_of(name)  # type: ignore[attr-defined] # Typer's commands have it

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the commands of a plain help, under the same headings and with the same texts as on a terminal."""
        panels: dict[str, list[tuple[str, str]]] = {}
        for name in self.list_commands(ctx):
            command = self.get_command(ctx, name)
            text = command.get_short_help_str(limit=formatter.width * 2)
            panels.setdefault(command.rich_help_panel or "Commands", []).append((name, text))
        width = max((len(name) for rows in panels.values() for name, _ in rows), default=0)
        for panel, rows in panels.items():
            with formatter.section(panel):
                formatter.write_dl([(name.ljust(width), text) for name, text in rows])


def _with_joined_lines(command: Any) -> Any:
    """Let a terminal wrap the help: on one, Typer would also break its lines where those of a docstring end."""
    if command.help:
        paragraphs = command.help.split("\n\n")
        command.help = "\n\n".join(each if each.startswith("\b") else each.replace("\n", " ") for each in paragraphs)
    for each in getattr(command, "commands", {}).values():
        _with_joined_lines(each)
    return command


@contextlib.contextmanager
def _escaped_usage_errors() -> Iterator[None]:
    """Escape what Typer's errors quote from the command line: it may be a file's name."""
    from dlcctr.system.terminal.console import one_line

    try:
        yield
    except Exception as error:
        # a command without arguments shows its help as an error of this name, which is Typer's own text of many lines
        is_help = type(error).__name__ == "NoArgsIsHelpError"
        if (
            isinstance(message := getattr(error, "message", None), str)
            and hasattr(error, "format_message")
            and not is_help
        ):
            error.message = one_line(message)  # type: ignore[attr-defined] # Typer's own kind of exception
        raise


class HostCommands(CommandGroup):
    """All commands of the table."""

    late = tuple(name for names in PANELS.values() for name in names)
    elsewhere: ClassVar[Mapping[str, str]] = {
        "analyze": "it is a command of the image, which `dlcctr run m.csv` starts here and `dlcctr submit m.csv` on a "
        "cluster; by hand: singularity run --nv dlc.sif analyze --index 0 --manifest m.csv",
        "doctor": "it is a command of the image: singularity run --nv dlc.sif doctor",
    }


class ImageCommands(CommandGroup):
    """Commands of the table that the image has, beside its own."""

    late = tuple(name for name in HostCommands.late if name in IN_IMAGE)
    elsewhere: ClassVar[Mapping[str, str]] = {
        name: f"outside of the container: dlcctr {name}" for name in HostCommands.late if name not in IN_IMAGE
    }

    def _load(self, name: str) -> None:
        super()._load(name)
        for option in self.commands[name].params if name in self.commands else ():
            if isinstance(text := getattr(option, "help", None), str):
                option.help = here(text)  # type: ignore[attr-defined] # options and arguments have it


def _no_image() -> dict[str, Any]:
    return {}


def new_program(
    name: str,
    summary: str,
    group: type[CommandGroup],
    image: Callable[[], dict[str, Any]] = _no_image,
    **more: Any,
) -> typer.Typer:
    """Make a program's app, with the options that stand before its commands.

    Parameters
    ----------
    name : str
        Name of the program on the command line.
    summary : str
        One sentence at the head of the help.
    group : type
        Group class that decides which commands of the table it has.
    image : callable
        Returns the facts of the image if this runs in one; commands find it as the context's `obj`.
    more
        Further options of `typer.Typer`.
    """
    app = typer.Typer(
        name=name,
        cls=group,
        help=summary,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=markup_mode(),
        context_settings={"help_option_names": ["-h", "--help"], "obj": image},
        **more,
    )
    app.callback()(_before_commands)
    return app


def _show_version(ctx: typer.Context, wanted: bool) -> None:
    if wanted:
        from dlcctr.commands.version import collect, lines
        from dlcctr.system.terminal.console import print_lines

        print_lines(lines(collect(ctx.obj())))
        raise typer.Exit


def _before_commands(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_show_version, help="Print the versions.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show a traceback when something fails.")] = False,
) -> None:
    # --debug stands here for the help and for completion: `dlcctr.cli.catch` takes it out, wherever it is typed
    pass


def markup_mode() -> Literal["rich"] | None:
    """How help and usage errors look: panels on a terminal, plain lines elsewhere and with NO_COLOR."""
    plain = not sys.stdout.isatty() or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return None if plain else "rich"
