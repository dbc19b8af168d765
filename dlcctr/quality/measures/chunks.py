"""Frames measured in chunks, side by side: numpy gives Python's lock back while it computes."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat
from typing import TypeVar

from dlcctr.system.cpus import cpu_count

MOST_THREADS = 4
"""Each has the arrays of its own chunk; of more threads Python's own part leaves little to gain."""

Measured = TypeVar("Measured")


def measure_chunks(measure: Callable[[slice], Measured], n_frames: int, chunk: int) -> list[Measured]:
    """What `measure` gives of each chunk of frames, in their order; at least of one, which may be empty.

    Parameters
    ----------
    measure : callable
        Takes the frames as a slice. What it raises is raised here.
    chunk : int
        Frames of a chunk.
    """
    chunks = [slice(first, min(first + chunk, n_frames)) for first in range(0, max(n_frames, 1), chunk)]
    threads = min(cpu_count(), MOST_THREADS, len(chunks))
    if threads == 1:
        return [measure(each) for each in chunks]
    import numpy

    settings = numpy.geterr()  # numpy's are those of a thread

    def measure_there(each: slice, errors: dict[str, str]) -> Measured:
        with numpy.errstate(**errors):  # type: ignore[arg-type]
            return measure(each)

    with ThreadPoolExecutor(threads, "measuring") as pool:
        return list(pool.map(measure_there, chunks, repeat(settings)))
