"""Names and shapes of the tensors in a PyTorch snapshot, without PyTorch and without running anything of it."""

from __future__ import annotations

import io
import pickle
import zipfile
import zlib
from pathlib import Path
from typing import Any

from dlcctr.errors import ModelError
from dlcctr.model.project.snapshots import check_unpacked_size, check_without_code

AGAIN = "download it again"
START_BYTES = 64


class _Table(dict[Any, Any]):
    """Stands for an OrderedDict, which PyTorch gives an attribute."""


class _Nothing:
    """Stands for all else that a snapshot may name: it can be made from anything, and does nothing."""

    def __new__(cls, *_: object, **__: object) -> _Nothing:
        return super().__new__(cls)

    def __setstate__(self, state: object) -> None:
        del state


def _shape(storage: object, offset: object, shape: object, *_: object) -> object:
    del storage, offset
    return shape


def _inner(parameter: object, *_: object) -> object:
    return parameter


_STANDING_IN: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): _Table,
    ("torch._utils", "_rebuild_tensor_v2"): _shape,
    ("torch._utils", "_rebuild_parameter"): _inner,
}


class _Shapes(pickle._Unpickler):
    """Reads a pickle with stand-ins for every class and function in it.

    It is Python's own slow reader: the fast one allocates a table as long as the largest number that a file names.
    """

    def find_class(self, module: str, name: str, /) -> Any:
        return _STANDING_IN.get((module, name), _Nothing)

    def persistent_load(self, pid: Any) -> None:
        del pid


def read_shapes(file: Path) -> dict[str, tuple[int, ...]]:
    """Shape of every tensor of a snapshot's ``model``, by its name.

    Raises
    ------
    ModelError
        The file cannot be read, is cut short, is none of PyTorch's, or holds more than weights.
    """
    try:
        with file.open("rb") as stream:
            start = stream.read(START_BYTES)
        if not zipfile.is_zipfile(file):
            raise ModelError(f"{file}: {_what_it_is(start, file.stat().st_size)}", AGAIN)
        check_without_code(file)
        check_unpacked_size(file)
        with zipfile.ZipFile(file) as archive:
            (name,) = [each for each in archive.namelist() if each.endswith("/data.pkl")]
            table = _Shapes(io.BytesIO(archive.read(name))).load()
    except OSError as error:
        raise ModelError(
            f"{file}: cannot be read ({error.strerror})", "check its name, owner and permissions"
        ) from error
    except (zipfile.BadZipFile, zlib.error, RecursionError, MemoryError) as error:
        raise ModelError(f"{file}: damaged ({error})", AGAIN) from error
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, EOFError, pickle.UnpicklingError) as error:
        raise ModelError(f"{file}: no snapshot of PyTorch, or a damaged one ({type(error).__name__})", AGAIN) from error
    return _tensors(table, file)


def _tensors(table: object, file: Path) -> dict[str, tuple[int, ...]]:
    held = table.get("model") if isinstance(table, dict) else None
    tensors = held.items() if isinstance(held, dict) else ()
    shapes = {str(name): shape for name, shape in tensors if isinstance(shape, tuple)}
    if not shapes or not all(type(size) is int for shape in shapes.values() for size in shape):
        raise ModelError(f"{file}: a file of PyTorch, but no snapshot of DeepLabCut 3 (no weights in `model`)", AGAIN)
    return shapes


def _what_it_is(start: bytes, size: int) -> str:
    """What a file is that is no zip, by how it begins."""
    if start.startswith(b"PK\x03\x04"):
        return f"is cut short, or still being downloaded ({size:,} bytes)"
    if start.lstrip().lower().startswith((b"<!doctype", b"<html")):
        return "is a web page, not the weights"
    if start.startswith(b"version https://git-lfs"):
        return "is a pointer of Git LFS, not the weights"
    if start.startswith((b"\x1f\x8b", b"BZh")):
        return "is an archive, as the weights for TensorFlow are; PyTorch's end in .pt"
    return f"is no file of PyTorch's ({size:,} bytes)"
