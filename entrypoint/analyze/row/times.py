"""The times of one row's frames on their way into its result: a lab's own, those of a scan, or those of the worker."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from dlcctr.campaign.hardware_times import HardwareTimes, read_hardware_times
from dlcctr.contract import FRAME_TIMES_FILENAME
from dlcctr.results.times.frame_times import HARDWARE, FrameTimes, describe_times, write_frame_times
from dlcctr.system.terminal.console import warn

if TYPE_CHECKING:
    from entrypoint.analyze.row.task import RowTask
    from entrypoint.protocol import Done
    from entrypoint.video.frame_scan import FrameScan


@dataclass
class RowTimes:
    """Times of a row.

    Parameters
    ----------
    file : Path
        Where the supervisor writes them, if it knows them.
    hardware : HardwareTimes or None
        The lab's own, which win.
    """

    file: Path
    hardware: HardwareTimes | None
    _written: FrameTimes | None = field(default=None, init=False)

    @classmethod
    def of(cls, task: RowTask, folder: Path) -> RowTimes:
        """Read a row's hardware times, if it has some, before anything else is done; raises `ManifestError`."""
        return cls(folder / FRAME_TIMES_FILENAME, read_hardware_times(task.row, task.settings.video_root))

    def warn(self, task: RowTask) -> None:
        """Say where hardware times do not look like seconds."""
        if self.hardware and (doubt := self.hardware.doubt(task.row.fps)):
            warn(f"warning: {task.name}: {doubt}")

    def may_fit(self, announced: int) -> bool:
        """Whether hardware times are as many as the header claims frames: else the video is scanned first."""
        return self.hardware is None or len(self.hardware.seconds) == announced

    def check(self, scan: FrameScan) -> None:
        """Raise `ManifestError` where there is another number of hardware times than of frames."""
        if self.hardware:
            self.hardware.check_count(scan.stream)

    def prepare(self, scan: FrameScan | None) -> str:
        """Write the times if they are known, and return the file; empty where the worker's own pass is to find them."""
        if self._written is None:
            if self.hardware:
                self._written = describe_hardware(self.hardware, None)
                write_frame_times(self.file, self.hardware.seconds)
            elif scan and scan.times:
                self._written = scan.times.describe()
                write_frame_times(self.file, scan.times.seconds)
        return str(self.file) if self._written else ""

    def take(self, done: Done, scan: FrameScan | None) -> tuple[FrameTimes | None, list[Path]]:
        """What the receipt says about the times of a finished job, and the file that belongs to them.

        Raises
        ------
        ManifestError
            The header claimed as many frames as there are hardware times, but the video has another number.
        """
        if self._written is None:
            return done.times, []  # the file is one of the job's
        if scan and self.hardware:
            self.check(scan)
            rate = scan.times.rate if scan.times else scan.fps or None
            return replace(self._written, rate=rate), [self.file]
        return self._written, [self.file]


def describe_hardware(hardware: HardwareTimes, rate: float | None) -> FrameTimes:
    """What a receipt says about hardware times; `rate` is the video's nominal one."""
    return describe_times(hardware.seconds, HARDWARE, rate, file=hardware.cell, sha256=hardware.sha256)
