"""Pictures of a terminal: SVG with the terminal's own colours, without a font or anything else from elsewhere."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping

FORMAT = """\
<svg class="terminal" viewBox="0 0 {terminal_width} {terminal_height}" xmlns="http://www.w3.org/2000/svg">
    <style>
    .{unique_id}-matrix {{ font-family: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace;
        font-size: {char_height}px; line-height: {line_height}px; font-variant-ligatures: none; }}
    {styles}
    </style>
    <defs>{lines}</defs>
    <rect fill="#1b1e24" x="0" y="0" width="{terminal_width}" height="{terminal_height}" rx="6"/>
    <g transform="translate(9, 9)"><g class="{unique_id}-matrix">{backgrounds}{matrix}</g></g>
</svg>
"""
"""As rich's own, without its window and its fonts from another server."""


def svg_of(ansi: str, columns: int, name: str) -> str:
    """Draw what a terminal shows.

    Parameters
    ----------
    ansi : str
        Lines with escape sequences for colours; those that are longer than the terminal go on in the next.
    name : str
        Of the picture; makes its classes its own, where several are on a page.
    """
    from rich.console import Console
    from rich.terminal_theme import TerminalTheme
    from rich.text import Text

    theme = TerminalTheme(
        (27, 30, 36), (222, 226, 230),
        [(90, 98, 110), (255, 107, 107), (105, 219, 124), (255, 212, 59), (116, 192, 252), (229, 153, 247),
         (102, 217, 232), (222, 226, 230)],
    )  # fmt: skip
    console = Console(record=True, width=columns + 2, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    for line in Text.from_ansi(f"{ansi}\n").split("\n"):
        for piece in line.divide(range(columns, len(line), columns)):  # as a terminal does, in the middle of a word
            console.print(piece, soft_wrap=True, highlight=False)
    console.print()  # rich makes the picture too low by a line
    svg = console.export_svg(theme=theme, code_format=FORMAT, unique_id=f"t{re.sub(r'[^a-z0-9]', '', name)}")
    return "\n".join(line.rstrip() for line in svg.split("\n"))


def neutral(text: str, names: Mapping[str, str]) -> str:
    """Replace what belongs to this machine: each key by its value, the longest first."""
    for found in sorted(names, key=len, reverse=True):
        text = text.replace(found, names[found])
    return text
