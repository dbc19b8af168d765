"""Give a finished row its times, or other ones, without analysing it again."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

from dlcctr.campaign.hardware_times import read_hardware_times
from dlcctr.contract import FRAME_TIMES_FILENAME
from dlcctr.errors import OutputError, VideoError
from dlcctr.results.additions import add_files
from dlcctr.results.receipt import Receipt, read_receipt
from dlcctr.results.times.frame_times import FrameTimes, write_frame_times
from dlcctr.results.times.stale_times import stale_times
from dlcctr.system.disk import ROW_PLACES, disk_errors
from entrypoint.analyze.row.task import RowTask, check_video
from entrypoint.analyze.row.times import describe_hardware


def renew_if_stale(task: RowTask) -> str:
    """Renew the times of a finished row where they are not what the manifest asks for.

    Returns
    -------
    str
        What was done, for people; empty where nothing was.

    Raises
    ------
    DlcctrError
        The times cannot be had; the result stays as it was.
    """
    receipt = read_receipt(task.folder)
    if receipt is None or not stale_times(receipt, task.row, task.settings.video_root)[0]:
        return ""
    times = renew_times(task)
    return f"its times were renewed ({times.file or times.source})"


def renew_times(task: RowTask) -> FrameTimes:
    """Write a finished row's times anew: its hardware times, else those that a pass over the video finds.

    Raises
    ------
    ManifestError
        The hardware times do not fit.
    VideoError
        The video is not the one that was analysed.
    OutputError
        The row's folder cannot be written.
    """
    receipt = read_receipt(task.folder)
    if receipt is None or receipt.frames is None:
        raise OutputError(f"{task.name}: has no result to which times belong", "analyse this row first")
    with tempfile.TemporaryDirectory(prefix="dlcctr-times-") as folder:
        file = Path(folder) / FRAME_TIMES_FILENAME
        with disk_errors(task.folder.parent, ROW_PLACES):
            times = _write(task, receipt, receipt.frames.stream, file)
            add_files(
                task.folder,
                {file.name: file.read_bytes()},
                change=lambda held: replace(held, times=times),
                without=_without_times,
            )
    return times


def _without_times(receipt: Receipt) -> Receipt:
    return replace(receipt, times=None)


def _write(task: RowTask, receipt: Receipt, frames: int, file: Path) -> FrameTimes:
    if hardware := read_hardware_times(task.row, task.settings.video_root):
        hardware.check_count(frames)
        write_frame_times(file, hardware.seconds)
        return describe_hardware(hardware, receipt.times.rate if receipt.times else task.row.fps)
    from entrypoint.video.scan import scan_video

    check_video(task)
    found = scan_video(task.video)
    if found.stream != frames or found.times is None:
        raise VideoError(
            f"{task.video}: has {found.stream} frames now, and had {frames} when it was analysed",
            "its disk may be failing; analyse it again with --overwrite",
        )
    write_frame_times(file, found.times.seconds)
    return found.times.describe()
