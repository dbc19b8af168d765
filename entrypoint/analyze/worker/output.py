"""What a worker sends, in order: its events, and what DeepLabCut prints."""

from __future__ import annotations

import codecs
import os
import queue
import re
import selectors
import threading
from collections import deque

from entrypoint.protocol import ANALYSING, Event, EventReader, Message, Progress, ProtocolError

PIPE_BYTES = 1 << 20
"""Bytes that empty a pipe in one read, since it holds fewer (pipe(7))."""
TAIL_LINES = 40
BAR = re.compile(r"(?<!\d)(\d+)/(\d+) \[")
STAGES = {
    "Running detector": "finding animals",
    "Running pose prediction": ANALYSING,
    "Starting to extract posture": ANALYSING,
    "Processing...": "tracking",
}
"""Lines that DeepLabCut prints when a stage begins."""


class WorkerOutput:
    """Reads the two pipes of a worker in a thread: that of its events, and its stdout and stderr, the log.

    One thread for both keeps their order: when an event arrives, all that was printed before it is in the log's pipe
    already, and is read first. What is printed is log text, and for stock DeepLabCut the source of progress.

    Parameters
    ----------
    log : int
        File descriptor, which stays the caller's.
    events : int
        File descriptor, which is closed here.

    Attributes
    ----------
    tail : deque of str
        The last lines of the log, progress bars left out.
    """

    def __init__(self, log: int, events: int) -> None:
        self.tail: deque[str] = deque(maxlen=TAIL_LINES)
        self._log, self._events = log, events
        self._queue: queue.Queue[Event | ProtocolError | None] = queue.Queue()
        self._reader = EventReader()
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._line = ""
        self._stage = ""
        os.set_blocking(log, False)
        self._thread = threading.Thread(target=self._run, name="worker output", daemon=True)
        self._thread.start()

    def begin(self, *, stock: bool) -> None:
        """Prepare for a job that is sent next: of one for stock DeepLabCut, progress bars are followed."""
        self._stage = ANALYSING if stock else ""

    def next(self, timeout_s: float | None = None) -> Event | ProtocolError | None:
        """Wait for the next event; None where the worker has closed its pipe, or died.

        Raises
        ------
        TimeoutError
            There was none in that time.
        """
        try:
            return self._queue.get(timeout=timeout_s)
        except queue.Empty:
            raise TimeoutError from None

    def join(self, timeout_s: float) -> bool:
        """Wait until both pipes have ended, and tell whether they have: children of the worker may keep them open."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        with selectors.DefaultSelector() as selector:
            for handle in (self._log, self._events):
                selector.register(handle, selectors.EVENT_READ)
            while selector.get_map():
                ready = {key.fd for key, _ in selector.select()}
                data = os.read(self._events, PIPE_BYTES) if self._events in ready else None
                if self._log in selector.get_map() and not self._read_log():
                    selector.unregister(self._log)
                if data is not None and not self._read_events(data):
                    selector.unregister(self._events)
                    os.close(self._events)

    def _read_events(self, data: bytes) -> bool:
        """Queue the events in `data`; False at the end, where half an event is useless."""
        for event in self._reader.read(data):
            if not isinstance(event, (Progress, Message)):
                self._end_line()
            self._queue.put(event)
        if not data:
            self._queue.put(None)
        return bool(data)

    def _read_log(self) -> bool:
        """Read what the log's pipe holds; False at its end."""
        try:
            data = os.read(self._log, PIPE_BYTES)
        except BlockingIOError:
            return True
        # Progress bars end in a carriage return
        *lines, self._line = re.split(r"[\r\n]", self._line + self._decoder.decode(data, final=not data))
        for line in lines:
            self._read_line(line)
        if not data:
            self._end_line()
        return bool(data)

    def _end_line(self) -> None:
        """Treat an unfinished line as complete: what follows belongs to another job."""
        line, self._line = self._line, ""
        self._read_line(line)

    def _read_line(self, line: str) -> None:
        if self._stage:
            self._stage = next((name for start, name in STAGES.items() if line.startswith(start)), self._stage)
        if bar := BAR.search(line):
            if self._stage:
                self._queue.put(Progress(self._stage, int(bar[1])))
        elif line.strip():
            self.tail.append(line)
