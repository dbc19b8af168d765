"""What people see of a row while its worker is busy: one bar for each stage, and the worker's messages."""

from __future__ import annotations

from dlcctr.system.console import print_lines, warn
from dlcctr.system.progress import FrameProgress
from entrypoint.protocol import Message, Progress


class RowDisplay:
    """Shows the progress and the messages of one job; a top-down model reads the video twice, in two stages.

    Parameters
    ----------
    row : str
        Name of the row in messages.
    frames : int
        Decoded frames of the video.
    reports_start : bool
        The first progress is where the analysis begins (our loop), instead of frames that were done.
    """

    def __init__(self, row: str, frames: int, *, reports_start: bool) -> None:
        self._row, self._frames, self._reports_start = row, frames, reports_start
        self._bars: dict[str, FrameProgress] = {}

    def show(self, event: Progress | Message) -> None:
        """Show what the worker reports."""
        if isinstance(event, Progress):
            self._show_progress(event)
        elif event.is_warning:
            warn(f"warning: {self._row}: {event.text}")
        else:
            print_lines([f"{self._row}: {event.text}"], flush=True)  # a log shows it also where the task is killed

    def finish(self) -> None:
        """All frames are done: the last step of DeepLabCut's own bar is often not printed."""
        for bar in self._bars.values():
            bar.update(self._frames)
        self.close()

    def close(self) -> None:
        """Leave the bars where they are."""
        for bar in self._bars.values():
            bar.close()

    def _show_progress(self, event: Progress) -> None:
        if event.stage not in self._bars:
            self.finish()
            first = event.done if self._reports_start else 0
            self._bars[event.stage] = FrameProgress(self._frames, f"{self._row}: {event.stage}", first=first)
        self._bars[event.stage].update(min(event.done, self._frames))
