"""Read file names, which are bytes, as UTF-8 in every locale; standard library only, and quick."""

from __future__ import annotations

import os
import sys


def speak_utf8() -> None:
    """Start this program again in Python's UTF-8 mode, where the locale would read names and texts as something else.

    Batch jobs often run in the locale C or in that of another decade. Names that are read as Latin-1 there would be
    written down wrong. Python children (`PYTHONUTF8`) and the streams of all children follow.
    """
    if sys.getfilesystemencoding().lower() == "utf-8" or sys.flags.utf8_mode or not sys.executable:
        return
    os.environ["PYTHONUTF8"] = "1"
    # -X as well: with -I the variable is not read
    os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])
