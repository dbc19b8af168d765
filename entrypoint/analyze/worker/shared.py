"""What the rows of one process share: a private folder, and a worker with DeepLabCut imported."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from dlcctr.runtime.progress.row_report import RowReport, write_report
from dlcctr.system.gpus import gpu_environment

if TYPE_CHECKING:
    from entrypoint.analyze.worker.process import Worker
    from entrypoint.protocol import Ready

ROW_FOLDER = "row"
COMPILED_FOLDER = "compiled"
CACHE_PATH, CACHE_BYTES = "CUDA_CACHE_PATH", str(4 << 30)
"""Of the driver's compute cache; 4 GiB is the most that it takes."""


class SharedWorker:
    """Opened when a row first needs it, so that finished rows cost nothing; closed with everything in it.

    Parameters
    ----------
    requested : Path or None
        Parent of the private folder; see `entrypoint.environment.scratch.open_scratch`.
    """

    def __init__(self, requested: Path | None) -> None:
        self.without_gpu = False  # set once a row found that this node has no usable GPU
        self._requested = requested
        self._stack = contextlib.ExitStack()
        self._scratch: Path | None = None
        self._worker: Worker | None = None
        self._worker_stack = contextlib.ExitStack()
        self._kind: tuple[str, str] = ("", "")
        self._ready: Ready | None = None

    def __enter__(self) -> SharedWorker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.drop_worker()
        finally:
            self._stack.close()

    @contextlib.contextmanager
    def open_row(self, out: Path) -> Iterator[Path]:
        """Private folder of one row, empty at first and gone afterwards."""
        from entrypoint.environment.scratch import remove_tree

        folder = self._open(out) / ROW_FOLDER
        folder.mkdir(mode=0o700)
        try:
            yield folder
        finally:
            remove_tree(folder)

    def _open(self, out: Path) -> Path:
        from entrypoint.environment.scratch import open_scratch

        if self._scratch is None:
            self._scratch = self._stack.enter_context(open_scratch(self._requested, out))
        return self._scratch

    def compiled(self, out: Path) -> Path:
        """Private folder for what the steps of a row compile, which those of the next need again."""
        folder = self._open(out) / COMPILED_FOLDER
        folder.mkdir(mode=0o700, exist_ok=True)
        return folder

    def start_worker(self, engine: str, threads: int, device: str, cache: Path) -> Worker:
        """Worker of an engine on a device: the running one, or a new one that is still importing.

        Parameters
        ----------
        cache : Path
            Folder that all tasks share, for what a GPU's driver compiles.
        """
        if self._worker is None or self._kind != (engine, device):
            from entrypoint.analyze.worker.process import start_worker

            self.drop_worker()
            assert self._scratch is not None
            environment = worker_environment(self._scratch, threads, device)
            if (engine, device) == ("tensorflow", "cuda"):
                environment |= _compute_cache(cache)
            context = start_worker(engine, threads, environment, self._scratch)
            self._worker, self._kind = self._worker_stack.enter_context(context), (engine, device)
        return self._worker

    def wait_ready(self) -> Ready:
        """What the worker reports of its engine; the import takes 0 s for all rows but the first.

        Raises
        ------
        DlcctrError
            It could not be started.
        """
        assert self._worker is not None
        if self._ready is not None:
            return replace(self._ready, import_s=0.0)
        try:
            self._ready = self._worker.wait_ready()
        except BaseException:
            self.drop_worker()
            raise
        return self._ready

    def tell(self, report: RowReport) -> None:
        """Record how far the row is, for any display."""
        if self._scratch is not None:
            write_report(self._scratch, report)

    def drop_worker(self) -> None:
        """Stop the worker; the next row gets a new one."""
        self._worker, self._ready = None, None
        self._worker_stack.close()


def worker_environment(scratch: Path, threads: int, device: str) -> dict[str, str]:
    """Environment of a process that computes: private caches, its threads, and one GPU or none."""
    from dlcctr.system.cpus import thread_environment
    from entrypoint.environment.scratch import private_environment

    environment = {**os.environ, **private_environment(scratch), **thread_environment(threads)}
    # One device, so that index 0 is it; -1 hides all from an engine that would take one in passing
    mask = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")[0].strip() or "0"
    environment["CUDA_VISIBLE_DEVICES"] = mask if device == "cuda" else "-1"
    return {**environment, **gpu_environment(os.environ)}


def _compute_cache(folder: Path) -> dict[str, str]:
    """Where the driver keeps what it compiles.

    TensorFlow 2.15 holds no machine code for GPUs after compute capability 7.5: the driver compiles it anew, which
    takes up to half an hour (tensorflow/tensorflow#62320), and its own cache would end with the scratch folder.
    """
    path = Path(os.environ.get(CACHE_PATH) or folder / "cuda")
    with contextlib.suppress(OSError):
        path.mkdir(parents=True, exist_ok=True)
        return {CACHE_PATH: str(path), "CUDA_CACHE_MAXSIZE": os.environ.get("CUDA_CACHE_MAXSIZE") or CACHE_BYTES}
    return {}
