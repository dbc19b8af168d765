"""Read the frames that a scan found again: every later pass takes them from here, so that all count the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from entrypoint.video.decoding.decode_pass import DecodePass
from entrypoint.video.frame_scan import FrameScan


def open_pass(path: Path, scan: FrameScan, threads: int = 0, *, hold: bool = False) -> DecodePass:
    """Open a video so that its decoder numbers its outputs as it did for the scan; parameters as of `DecodePass`."""
    if scan.strict is None:
        return DecodePass(path, threads=threads, hold=hold)
    return DecodePass(path, threads=1, strict=scan.strict, hold=hold)


def decoded_frames(reading: DecodePass, scan: FrameScan) -> Iterator[Any]:
    """Decoded frames only, in presentation order; `reading.source` is the current one's packet."""
    place = 0
    for number, frame in reading.frames():
        while place < len(scan.outputs) and number >= scan.outputs[place][1]:
            place += 1
        if place < len(scan.outputs) and number >= scan.outputs[place][0]:
            yield frame
