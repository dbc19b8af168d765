"""Arrays in the folder of a step's checkpoints: whole or not there, whenever the step is killed."""

from __future__ import annotations

import io
import zipfile
import zlib
from pathlib import Path
from typing import Any

from dlcctr.system.files import write_bytes_atomic


def write_arrays(file: Path, **arrays: Any) -> None:
    """Write arrays into one file."""
    import numpy

    held = io.BytesIO()
    numpy.savez(held, **arrays)
    write_bytes_atomic(file, held.getvalue())


def read_arrays(file: Path) -> dict[str, Any] | None:
    """Arrays of a file by name; None where it is not there or damaged. Objects are never unpickled."""
    import numpy

    try:
        with file.open("rb") as stream, numpy.load(stream, allow_pickle=False) as held:
            return {name: held[name] for name in held.files}
    except (OSError, ValueError, KeyError, EOFError, TypeError, AttributeError, zipfile.BadZipFile, zlib.error):
        return None
