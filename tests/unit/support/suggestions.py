"""Finds every command of ours that a text suggests, and gives it to the real parser of the program that it is for."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import typer

from dlcctr.cli import make_app
from dlcctr.commands.program import HostCommands, ImageCommands

ROOT = Path(__file__).parents[3]
HOLE = "\x00"
"""Stands for a value that is put into a text later."""
IMAGE_NAMES = ("analyze", "doctor", *ImageCommands.late)
PLAIN_END = re.compile(r"; |, |\. | \(|\)|: |\n|\[|;$|\.$|$")
"""Ends of a command that stands in a sentence without backticks."""
HOST = re.compile(r"(?<![\w./-])(?:\.venv/bin/|-m )?dlcctr (?=(" + "|".join(HostCommands.late) + r")\b)")
IMAGE = re.compile(
    r"(?:(?:apptainer|singularity)(?: --?[\w-]+)* run(?: --nv| --bind \S+| --cleanenv)* \S*(?:\.sif|" + HOLE + r") "
    r"|(?<![\w./-])dlc )(?=(" + "|".join(IMAGE_NAMES) + r")\b)"
)
NOUN = re.compile(r"\b(a|an|the|this|that|of|as) $")
"""Before `dlcctr image` it is no command: "not a dlcctr image"."""


@dataclass(frozen=True)
class Suggestion:
    """A command in a text.

    Parameters
    ----------
    program : str
        ``dlcctr``, or ``dlc`` for that of the image.
    words : str
        All behind the program's name.
    is_mention : bool
        It only names a command, as a reference does: what the parser would ask for may be absent.
    """

    where: str
    program: str
    words: str
    is_mention: bool

    def problem(self) -> str:
        """What the parser says against it; empty where it accepts it."""
        try:
            words = shlex.split(self.words.replace(HOLE, "1"), comments=True)
        except ValueError as error:
            return str(error)
        if self.is_mention:
            words = [word for word in words if word not in ("…", "...")]
        elif any(word in ("…", "...") for word in words):
            return "something is left out"
        words = ["1" if re.fullmatch(r"[A-Z]{2,}|<[^>]+>", word) else word for word in words]
        return _parse(_program(self.program), words, is_mention=self.is_mention)


@cache
def _program(name: str) -> Any:
    if name == "dlcctr":
        return typer.main.get_command(make_app())
    from entrypoint.app import app

    return typer.main.get_command(app)


def _parse(command: Any, words: list[str], *, is_mention: bool) -> str:
    try:
        context = command.make_context(command.name, list(words))
        if not hasattr(command, "resolve_command"):
            return ""
        rest = [*getattr(context, "_protected_args", []), *context.args]
        if not rest:
            return "" if is_mention else "a group without its command"
        _, sub, rest = command.resolve_command(context, rest)
    except typer.Exit:
        return ""  # --help
    except Exception as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            return "" if is_mention else "a group without its command"
        if is_mention and type(error).__name__ == "MissingParameter":
            return ""
        return f"{type(error).__name__}: {getattr(error, 'message', error)}"
    return _parse(sub, rest, is_mention=is_mention) if sub is not None else "no such command"


def in_sentence(text: str, where: str, *, is_mention: bool) -> Iterator[Suggestion]:
    """Commands in a message, a help text or a line of prose."""
    for program, pattern in (("dlcctr", HOST), ("dlc", IMAGE)):
        for match in pattern.finditer(text):
            before = text[: match.start()]
            if match[1] == "image" and NOUN.search(before):
                continue
            rest = text[match.end() :]
            end = rest.find("`") if before.endswith("`") else PLAIN_END.search(rest).start()  # type: ignore[union-attr]
            for words in alternatives(rest[:end]):
                yield Suggestion(where, program, words, is_mention)


def alternatives(words: str) -> Iterator[str]:
    """``model inspect|pack x`` to ``model inspect x`` and ``model pack x``; a pipe to another command ends it."""
    first = re.split(r" \|+ | >+ | && | & ", words)[0]
    choice = re.search(r"[\w-]+(\|[\w-]+)+", first)
    if choice is None or '"' in first or "'" in first:
        yield first
        return
    for each in choice[0].split("|"):
        yield first[: choice.start()] + each + first[choice.end() :]


def in_module(file: Path) -> Iterator[Suggestion]:
    """Commands in the texts of a module: in all but docstrings, where people read those in the help only."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    name = str(file.relative_to(ROOT))
    docstrings = {id(text) for node in ast.walk(tree) if (text := _docstring(node)) is not None}
    helps = {id(each) for node in ast.walk(tree) if isinstance(node, ast.Call) and _is_help(node)
             for each in ast.walk(node)}  # fmt: skip
    parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    is_command = "commands/" in name or name == "entrypoint/app.py"
    for node in ast.walk(tree):
        if not isinstance(node, (ast.Constant, ast.JoinedStr)) or id(node) in parts:
            continue
        text = _text(node)
        if text is None or (id(node) in docstrings and not is_command):
            continue
        mention = id(node) in docstrings or id(node) in helps or text.startswith("# ")  # a comment of a file's
        yield from in_sentence(text, f"{name}:{node.lineno}", is_mention=mention)


def _docstring(node: ast.AST) -> ast.Constant | None:
    """A text that stands alone, as docstrings of modules, classes, functions and constants do."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return node.value
    return None


def _is_help(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Attribute) and call.func.attr in ("Option", "Argument", "comment")


def _text(node: ast.Constant | ast.JoinedStr) -> str | None:
    if isinstance(node, ast.Constant):
        return re.sub(r"\{[a-z_]*\}", HOLE, node.value) if isinstance(node.value, str) else None
    return "".join(_text(part) or "" if isinstance(part, ast.Constant) else _hole(part) for part in node.values)


def _hole(value: ast.expr) -> str:
    """A value of one word; options, which may be several, are left out."""
    name = ast.unparse(value.value) if isinstance(value, ast.FormattedValue) else ""
    return "" if name.endswith(("options", "words")) else HOLE


def in_page(file: Path) -> Iterator[Suggestion]:
    """Commands of a Markdown page: lines of code have to be complete, words in a sentence only name a command."""
    name, fenced, code = str(file.relative_to(ROOT)), False, False
    lines = file.read_text(encoding="utf-8").replace("\\\n", " ").split("\n")
    for number, line in enumerate(lines, start=1):
        if line.lstrip().startswith("```"):
            fenced = not fenced
            continue
        blank_before = number == 1 or not lines[number - 2].strip()
        code = fenced or (line.startswith("    ") and (code or blank_before))
        where = f"{name}:{number}"
        if code:
            yield from in_code(line, where)
            continue
        for inline in re.findall(r"`([^`]+)`", line):
            yield from in_sentence(f"`{inline}`", where, is_mention=True)


def in_code(line: str, where: str) -> Iterator[Suggestion]:
    """Commands of a line of shell, each up to the next pipe, list or comment."""
    line = re.sub(r"\$\(\w+\)|\$\{?\w+\}?|@\{.*?\}@|\{wildcards\.\w+\}", HOLE, line)
    for program, pattern in (("dlcctr", HOST), ("dlc", IMAGE)):
        for match in pattern.finditer(line.partition(" # ")[0] if not line.lstrip().startswith("#") else ""):
            rest = re.split(r" \|+ | >+ | && | & |; | #|\) *$", line[match.end() :])[0]
            rest = rest[: rest.index('"')] if rest.count('"') % 2 else rest  # within an echo
            yield Suggestion(where, program, rest, is_mention=False)
