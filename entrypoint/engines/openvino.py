"""OpenVINO: the same network on a CPU, in float32, faster than by the engine that built it.

It is in its own folder, where an import does not find it: TensorFlow's `analyze_videos` uses OpenVINO, and
moves runs from a GPU to the CPU, wherever it can be imported.
"""

from __future__ import annotations

import functools
import hashlib
import math
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dlcctr.system.cpus import cpu_count
from entrypoint.engines.base import NotCovered
from entrypoint.engines.versions import find_openvino
from entrypoint.protocol import Job

MODEL_NAME = "network.xml"
STALE_AFTER_S = 3600.0
KIND_OF_EXPORT = "2"
"""Part of the cache's keys; change it when exports take other inputs, or give other outputs, than before."""
SETTINGS: dict[str, Any] = {
    # The default is bfloat16 on CPUs that have it, which moves positions by pixels
    "INFERENCE_PRECISION_HINT": "f32",
    "PERFORMANCE_HINT": "LATENCY",
    # Tasks that share a node would all pin themselves to the same cores
    "ENABLE_CPU_PINNING": False,
}
TOGETHER_PX = 200_000
"""Pictures that go through the network at once, in all (measured: `docs/throughput.md`)."""
OUT_OF_MEMORY = ("bad_alloc", "bad alloc", "failed to allocate", "not enough memory", "out of memory")


@functools.cache
def load() -> Any:
    """Import OpenVINO.

    Raises
    ------
    NotCovered
        OpenVINO is not installed, or does not load.
    """
    folder = find_openvino()
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
    """A network for pictures of one size, from a model that takes batches of any.

    The pictures of a batch are computed side by side if there are processors for it: what one spends in memory
    another spends computing. Shapes are known and fixed, which lets OpenVINO fuse more steps.

    Parameters
    ----------
    size : tuple of int
        Height and width of pictures in px.
    batch_size : int
        Size of most batches, in frames.
    """

    def __init__(self, model: Any, size: tuple[int, int], batch_size: int) -> None:
        openvino, threads = load(), cpu_count()
        streams, self._part = share(batch_size, size, threads)
        settings = {**SETTINGS, "INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": streams}
        model.reshape([self._part, *list(model.inputs[0].partial_shape)[1:]])
        self.compiled = openvino.Core().compile_model(model, "CPU", settings)
        self._queue = openvino.AsyncInferQueue(self.compiled, streams)
        self._queue.set_callback(_take)
        self.names = [output.any_name for output in model.outputs]

    def __call__(self, batch: Any) -> dict[str, Any]:
        """The network's outputs by name; rows are those of one picture after another, equally many of each."""
        import numpy

        # A list that lives until all are computed: the queue reads where they lie, and does not hold on to them
        parts = [self._filled(batch[at : at + self._part]) for at in range(0, len(batch), self._part)]
        outputs: list[list[Any]] = [[] for _ in parts]
        try:
            for part, place in zip(parts, outputs, strict=True):
                self._queue.start_async([part], place, share_inputs=True)
        finally:
            self._queue.wait_all()
        found = {}
        for name, each in zip(self.names, zip(*outputs, strict=True), strict=True):
            rows = numpy.concatenate(each)
            found[name] = rows[: len(rows) // (len(parts) * self._part) * len(batch)]
        return found

    def _filled(self, pictures: Any) -> Any:
        """Pad a batch to the size that the network takes: pictures do not affect each other."""
        import numpy

        missing = self._part - len(pictures)
        return numpy.concatenate([pictures, pictures[-1:].repeat(missing, 0)]) if missing else pictures


def _take(request: Any, place: list[Any]) -> None:
    """Callback, not a method: otherwise the queue and the network would keep each other alive for ever."""
    place.extend(output.data.copy() for output in request.output_tensors)


def share(batch_size: int, size: tuple[int, int], threads: int) -> tuple[int, int]:
    """How many parts of a batch to compute side by side, and how many pictures a part has.

    Small pictures go together, so that the network's weights are read less often; large ones by themselves, for what
    lies between its layers then stays closer to the processor.
    """
    streams = math.gcd(batch_size, threads)  # so that no thread waits for the last pictures of a batch
    each = batch_size // streams
    turns = math.ceil(each / max(1, TOGETHER_PX // math.prod(size)))
    return streams, math.ceil(each / turns)


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
            return Compiled(model, size, job.batch_size or 1)
        model = export()
        if folder:
            _save(openvino, model, folder)
        return Compiled(model, size, job.batch_size or 1)
    except NotCovered:
        raise
    except Exception as error:  # its front ends raise classes of many kinds
        raise refusal(error) from error


def forget(job: Job, size: tuple[int, int]) -> None:
    """Remove a job's network from the cache, because it gave other positions than the engine."""
    if folder := _cached_folder(job, size):
        shutil.rmtree(folder, ignore_errors=True)


def refusal(error: Exception) -> NotCovered:
    """Error to raise instead of OpenVINO's, so that the engine computes the network."""
    return NotCovered(f"OpenVINO cannot take this network ({' '.join(str(error).split())[:200]})")


def is_out_of_memory(error: Exception) -> bool:
    """Whether an error of OpenVINO means that memory does not suffice."""
    return isinstance(error, RuntimeError) and any(word in str(error).lower() for word in OUT_OF_MEMORY)


def _cached_folder(job: Job, size: tuple[int, int]) -> Path | None:
    if not job.cache:
        return None
    from entrypoint.engines.versions import versions

    software = [f"{name}={number}" for name, number in sorted(versions().items())]
    parts = (KIND_OF_EXPORT, job.model, *map(str, size), *software)
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
    """Put a model into the cache, completely or not at all. If that fails, the next process exports it again."""
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
