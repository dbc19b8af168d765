"""Limits for whole numbers from outside."""

from __future__ import annotations

import re

MAX_DIGITS = 15
"""More digits than any count, index or size has; `int` itself raises `ValueError` from some thousand digits on."""
WHOLE_NUMBERS = range(-(1 << 63), 1 << 64)
"""Whole numbers of 64 bits, signed or not: no file of ours and of DeepLabCut holds larger ones."""
_LONG = re.compile("[0-9]{150,}")
"""A run of digits longer than in any real output; `float` can still take shorter ones."""
_WHOLE = re.compile(rf"0*[0-9]{{1,{MAX_DIGITS}}}")


def parse_whole(text: str) -> int | None:
    """Number from a text of ASCII digits; None for any other text, and for more than `MAX_DIGITS` digits."""
    return int(text) if len(text) <= 2 * MAX_DIGITS and _WHOLE.fullmatch(text) else None


def short_numbers(text: str) -> str:
    """What a program printed, in which no number has more digits than `int` and `float` take."""
    return _LONG.sub("9" * MAX_DIGITS, text)
