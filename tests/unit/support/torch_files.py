"""Files as `torch.save` writes them, without PyTorch: names and shapes are true, and no numbers are stored."""

from __future__ import annotations

import io
import pickle
import sys
import types
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

from dlcctr.model.superanimal.animals import ANIMALS
from dlcctr.model.superanimal.weights import MARKS, NETWORKS


class _Storage:
    def __init__(self, key: str) -> None:
        self.key = key


class _Tensor:
    def __init__(self, key: str, shape: tuple[int, ...]) -> None:
        self.storage, self.shape = _Storage(key), shape


class _Pickler(pickle.Pickler):
    """Writes tensors and storages as PyTorch does: references to its functions, which need not exist here."""

    def __init__(self, stream: io.BytesIO, functions: dict[str, Any]) -> None:
        super().__init__(stream, protocol=2)
        self.functions = functions

    def persistent_id(self, obj: Any) -> Any:
        if isinstance(obj, _Storage):
            return ("storage", self.functions["FloatStorage"], obj.key, "cpu", 1)
        return None

    def reducer_override(self, obj: Any) -> Any:
        if isinstance(obj, _Tensor):
            arguments: tuple[Any, ...] = (obj.storage, 0, obj.shape, (1,) * len(obj.shape), False, OrderedDict())
            return self.functions["_rebuild_tensor_v2"], arguments
        return NotImplemented


def pickled(table: dict[str, Any]) -> bytes:
    """Pickle of a table in which each tuple under ``model`` is the shape of a tensor."""
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")

    def _rebuild_tensor_v2(*_: Any) -> None:
        raise AssertionError("a test ran what is in a snapshot")

    class FloatStorage:
        pass

    _rebuild_tensor_v2.__module__, _rebuild_tensor_v2.__qualname__ = "torch._utils", "_rebuild_tensor_v2"
    FloatStorage.__module__, FloatStorage.__qualname__ = "torch", "FloatStorage"
    utils._rebuild_tensor_v2, torch.FloatStorage = _rebuild_tensor_v2, FloatStorage  # type: ignore[attr-defined]
    before = {name: sys.modules.get(name) for name in ("torch", "torch._utils")}
    sys.modules.update({"torch": torch, "torch._utils": utils})
    stream = io.BytesIO()
    functions = {"_rebuild_tensor_v2": _rebuild_tensor_v2, "FloatStorage": FloatStorage}
    try:
        model = OrderedDict((name, _Tensor(str(n), shape)) for n, (name, shape) in enumerate(table["model"].items()))
        _Pickler(stream, functions).dump({**table, "model": model})
    finally:
        for name, module in before.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module
    return stream.getvalue()


def write_snapshot(file: Path, table: dict[str, Any] | bytes) -> Path:
    """Write a snapshot with a table as of `pickled`, or with these bytes as its pickle."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(file, "w") as archive:
        # of no date, so that the same weights are the same bytes
        archive.writestr(
            zipfile.ZipInfo(f"{file.stem}/data.pkl"), table if isinstance(table, bytes) else pickled(table)
        )
        archive.writestr(zipfile.ZipInfo(f"{file.stem}/data/0"), bytes(64))
    return file


def shapes_of(part: str, n_bodyparts: int = 39) -> dict[str, tuple[int, ...]]:
    """Tensors by which a network or detector is recognised, and as many others as it has."""
    marks = MARKS[part]
    last = [n_bodyparts, n_bodyparts]
    if part in NETWORKS:
        last[1 - marks.outputs] = 32
    shapes: dict[str, tuple[int, ...]] = {marks.first: (64, 3, 3, 3)}
    shapes |= {f"layer.{number}.weight": (4, 4) for number in range(marks.tensors - 2)}
    return {**shapes, marks.last: (*last, 1, 1)}


def write_weights(folder: Path, animal: str, *parts: str) -> Path:
    """Published files of a SuperAnimal model, as `dlcctr.model.superanimal` takes them. Returns the folder."""
    found = ANIMALS[animal]
    for part in parts:
        table = {"model": shapes_of(part, len(found.bodyparts)), "metadata": {"epoch": 12}}
        write_snapshot(folder / found.file_name(part), table)
    return folder
