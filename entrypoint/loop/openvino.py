"""OpenVINO: the same network on a CPU, in float32, faster than by the engine that built it.

It lies in a folder of its own, where an import does not find it: TensorFlow's `analyze_videos` takes OpenVINO, and
moves runs from a GPU to the CPU, wherever it can be imported.
"""

from __future__ import annotations

import functools
import hashlib
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

from dlcctr.contract import OPENVINO_FOLDER
from entrypoint.engines import Job
from entrypoint.loop import NotCovered
from entrypoint.threads import allowed_cpus

MODEL_NAME = "network.xml"
STALE_AFTER_S = 3600.0
SETTINGS: dict[str, Any] = {
    # The default is bfloat16 on CPUs that have it, which moves positions by pixels
    "INFERENCE_PRECISION_HINT": "f32",
    "PERFORMANCE_HINT": "LATENCY",
    "NUM_STREAMS": 1,
    # Tasks that share a node would all pin themselves to the same cores
    "ENABLE_CPU_PINNING": False,
}
OUT_OF_MEMORY = ("bad_alloc", "bad alloc", "failed to allocate", "not enough memory", "out of memory")


def find() -> Path | None:
    """Folder that OpenVINO was installed into; None in environments without it (all for GPUs)."""
    return next((folder for each in sys.path if (folder := Path(each) / OPENVINO_FOLDER).is_dir()), None)


def version() -> str:
    """Version of the OpenVINO that `find` finds; empty without it."""
    folder = find()
    found = metadata.distributions(path=[str(folder)]) if folder else ()
    return next((each.version for each in found if each.name.lower() == "openvino"), "")


@functools.cache
def load() -> Any:
    """Import OpenVINO.

    Raises
    ------
    NotCovered
        It is not there, or does not load.
    """
    folder = find()
    if folder is None:
        raise NotCovered("OpenVINO is not in this environment")
    sys.path.append(str(folder))
    try:
        import openvino
    except (ImportError, OSError) as error:
        raise NotCovered(f"OpenVINO does not load ({error})") from error
    finally:
        sys.path.remove(str(folder))
    return openvino


class Compiled:
    """A network for pictures of one size and batches of any."""

    def __init__(self, model: Any) -> None:
        settings = {**SETTINGS, "INFERENCE_NUM_THREADS": allowed_cpus()}
        self.compiled = load().Core().compile_model(model, "CPU", settings)
        self._request = self.compiled.create_infer_request()
        self.names = [output.any_name for output in model.outputs]

    def __call__(self, batch: Any) -> dict[str, Any]:
        """The network's outputs by name; valid until the next call."""
        found = self._request.infer([batch], share_inputs=True, share_outputs=True)
        return dict(zip(self.names, found.values(), strict=True))


def take_bytes(model: Any) -> Any:
    """Let a model take bytes in place of numbers."""
    openvino = load()
    from openvino.preprocess import PrePostProcessor

    way = PrePostProcessor(model)
    way.input().tensor().set_element_type(openvino.Type.u8)
    return way.build()


def open_compiled(job: Job, size: tuple[int, int], export: Callable[[], Any]) -> Compiled:
    """A job's network for pictures of `size` (height, width), exported once and then taken from the job's cache.

    Parameters
    ----------
    export : callable
        Makes OpenVINO's model of the engine's network.

    Raises
    ------
    NotCovered
        OpenVINO is not there, or cannot take this network.
    """
    openvino = load()
    folder = _cached_folder(job, size)
    try:
        if folder and (model := _read(openvino, folder)):
            return Compiled(model)
        model = export()
        if folder:
            _save(openvino, model, folder)
        return Compiled(model)
    except NotCovered:
        raise
    except Exception as error:  # its front ends raise classes of many kinds
        raise NotCovered(f"OpenVINO cannot take this network ({' '.join(str(error).split())[:200]})") from error


def forget(job: Job, size: tuple[int, int]) -> None:
    """Remove what the cache holds of a job's network: it gave other positions than the engine."""
    if folder := _cached_folder(job, size):
        shutil.rmtree(folder, ignore_errors=True)


def is_out_of_memory(error: Exception) -> bool:
    """Whether OpenVINO says so, in whatever words."""
    return isinstance(error, RuntimeError) and any(word in str(error).lower() for word in OUT_OF_MEMORY)


def _cached_folder(job: Job, size: tuple[int, int]) -> Path | None:
    if not job.cache:
        return None
    from entrypoint.engines import versions  # OpenVINO's is among them

    software = [f"{name}={number}" for name, number in sorted(versions().items())]
    parts = (job.model, *map(str, size), *software)
    return Path(job.cache) / hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def _read(openvino: Any, folder: Path) -> Any:
    if not folder.is_dir():
        return None
    try:
        return openvino.Core().read_model(folder / MODEL_NAME)
    except Exception:  # a file that was damaged since
        shutil.rmtree(folder, ignore_errors=True)
        return None


def _save(openvino: Any, model: Any, folder: Path) -> None:
    """Put a model into the cache, whole or not at all. What cannot be written is exported again by the next process."""
    attempt = None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        for left in folder.parent.glob(f".{folder.name}-*"):  # by processes that were killed
            if time.time() - left.stat().st_mtime > STALE_AFTER_S:
                shutil.rmtree(left, ignore_errors=True)
        attempt = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        openvino.save_model(model, attempt / MODEL_NAME, compress_to_fp16=False)
        attempt.chmod(0o755)  # mkdtemp makes it 0700; others may share the results
        attempt.rename(folder)
    except (OSError, RuntimeError):
        if attempt:
            shutil.rmtree(attempt, ignore_errors=True)
