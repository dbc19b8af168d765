"""SIGTERM while a network is at work: what is finished is saved at once, then the process ends."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

EXIT_CODE = 128 + signal.SIGTERM


@contextmanager
def save_when_terminated(save: Callable[[], None]) -> Iterator[None]:
    """While the block runs, SIGTERM has `save` called in a thread of its own, and ends the process afterwards.

    Python runs signal handlers between two steps of the main thread only, and one call of a network may take longer
    than the supervisor waits. So the signal's number goes through a pipe to a thread, which runs beside the call.
    Outside of the main thread, where no handler can be set, SIGTERM does what it does otherwise.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    thread = threading.Thread(target=_wait, args=(reading, save), name="stopping", daemon=True)
    thread.start()
    other = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    before = signal.signal(signal.SIGTERM, lambda *_: None)  # without a handler no number is written
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
        signal.set_wakeup_fd(other)
        os.close(writing)
        thread.join()  # a signal in the last moment is obeyed first
        os.close(reading)


def _wait(reading: int, save: Callable[[], None]) -> None:
    while number := os.read(reading, 1):
        if number[0] == signal.SIGTERM:
            try:
                save()
            finally:
                os._exit(EXIT_CODE)
