"""What a PyTorch snapshot asks to be run when it is loaded, found out without loading it."""

from __future__ import annotations

import pickletools
import re
import zipfile
from pathlib import Path

from dlcctr.errors import ModelError

MAX_PICKLE_BYTES = 1 << 28
PLAIN = re.compile(
    r"torch \w+Storage|torch\.storage (?:Typed|Untyped)Storage|torch\._utils _rebuild_\w+|torch (?:Size|device|Tensor)"
    r"|torch (?:b?float|u?int|complex|bool)\d*|torch\.nn\.parameter Parameter|torch\.serialization _get_layout"
    r"|collections (?:OrderedDict|Counter)|_codecs encode"
)
"""What `torch.load(weights_only=True)` knows as parts of tensors."""


def code_in(file: Path) -> list[str]:
    """Names that a snapshot would call beside those of plain tensors; loading it would run their code.

    Only the list of what the pickle asks for is read; nothing of it is carried out. Of a file that is no zip (of
    PyTorch before 1.6) nothing can be said here, and PyTorch itself refuses when it is loaded as weights only.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            members = [item for item in archive.infolist() if item.filename.endswith("data.pkl")]
            if any(item.file_size > MAX_PICKLE_BYTES for item in members):
                return ["a pickle of unlikely size"]
            pickles = [archive.read(item) for item in members]
    except zipfile.BadZipFile:
        return []
    except (OSError, NotImplementedError, RuntimeError) as error:
        raise ModelError(f"{file}: cannot be read ({error})", "copy the snapshot again") from error
    return sorted({name for each in pickles for name in _calls(each)})


def _calls(data: bytes) -> set[str]:
    found = set()
    try:
        for code, argument, _ in pickletools.genops(data):
            if code.name in ("GLOBAL", "INST") and not PLAIN.fullmatch(str(argument)):
                found.add(str(argument).replace(" ", "."))
            elif code.name in ("STACK_GLOBAL", "EXT1", "EXT2", "EXT4"):
                found.add("names put together while it is read")
    except ValueError:
        found.add("a pickle that ends in the middle")
    return found


def refuse_code(file: Path) -> None:
    """Raise `ModelError` for a snapshot that is more than numbers."""
    if calls := code_in(file):
        raise ModelError(
            f"{file}: holds more than weights; loading it would call {', '.join(calls[:5])}",
            "if you trust it, load it where it was trained with torch.load(…, weights_only=False), and save only its "
            "'model' (a state_dict) and 'metadata' with plain numbers again",
        )
