"""What is shown of a row while its worker is busy: one bar for each stage, and the worker's messages.

The same goes into a file in the scratch folder, for whoever shows several rows at a time.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from dlcctr.runtime.progress.row_report import RowReport
from dlcctr.system.terminal.console import print_lines, warn
from dlcctr.system.terminal.progress import FrameProgress
from entrypoint.protocol import Message, Progress

TELL_EVERY_S = 0.5


class RowDisplay:
    """Shows the progress and the messages of one job; a top-down model reads the video twice, in two stages.

    Parameters
    ----------
    row : str
        Name of the row in messages.
    frames : int
        Decoded frames of the video, as far as is known: those that its header claims, or 0, where there was no scan.
    reports_start : bool
        The first progress is where the analysis begins (our loop), instead of frames that were done.
    tell : callable
        Takes the reports on how far the row is.
    """

    def __init__(self, row: str, frames: int, *, reports_start: bool, tell: Callable[[RowReport], None]) -> None:
        self._row, self._frames, self._reports_start, self._tell = row, frames, reports_start, tell
        self._bars: dict[str, FrameProgress] = {}
        self._told_s = 0.0

    def show(self, event: Progress | Message) -> None:
        """Show what the worker reports."""
        if isinstance(event, Progress):
            self._show_progress(event)
        elif event.is_warning:
            warn(f"warning: {self._row}: {event.text}")
        else:
            print_lines([f"{self._row}: {event.text}"], flush=True)  # a log shows it also where the task is killed

    def finish(self, frames: int = 0) -> None:
        """All frames are done (`frames`, if that is known now): DeepLabCut often leaves out its bar's last step."""
        for bar in self._bars.values():
            bar.update(frames or self._frames or bar.done)
        self.close()

    def close(self) -> None:
        """Close the bars as they are."""
        for bar in self._bars.values():
            bar.close()

    def _show_progress(self, event: Progress) -> None:
        is_new = event.stage not in self._bars
        if is_new:
            self.finish()
            first = event.done if self._reports_start else 0
            self._bars[event.stage] = FrameProgress(self._frames, f"{self._row}: {event.stage}", first=first)
        bar = self._bars[event.stage]
        bar.update(min(event.done, self._frames) if self._frames else event.done)
        if is_new or time.monotonic() - self._told_s >= TELL_EVERY_S:
            self._told_s = time.monotonic()
            self._tell(RowReport(event.stage, bar.done, self._frames, bar.frames_per_s))
