"""One fast pass over a video: its frames for whoever wants them, and whether all of them are right."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from dlcctr.system.cpus import cpu_count
from entrypoint.video.damage.structure import FileStructure, Shape, examine_structure
from entrypoint.video.decoding.decode_pass import DecodePass
from entrypoint.video.decoding.ffmpeg_log import FFmpegLog
from entrypoint.video.decoding.nvdec import FORMATS, OtherDecoder
from entrypoint.video.frame_scan import FrameScan
from entrypoint.video.frame_times import count_chunks
from entrypoint.video.restart import Jump
from entrypoint.video.scan_result import make_scan

MOST_THREADS = 16
"""CPUs beyond which FFmpeg advises against more threads (libavcodec/pthread.c); each holds frames."""
SPARE_THREADS = 1
"""Threads of the decoder beyond the CPUs: while one waits for its turn another works (7% more frames/s on two CPUs)."""


class DamagedVideo(Exception):
    """Something says that not all frames are right: only `scan_video`, with one thread, can tell which."""


class SoundPass:
    """Decode a video once, with all threads, and judge at its end whether every frame is right.

    Errors belong to no packet then, so that the first sign of damage ends the pass. Memory does not grow with the
    video, but for eight bytes a packet.

    Parameters
    ----------
    threads : int
        CPUs to use; 0 for all that are allowed.
    on_gpu : bool
        Decode with the GPU's video engine.

    Attributes
    ----------
    reading : DecodePass
        The pass, once it is entered.
    """

    reading: DecodePass

    def __init__(self, path: Path, threads: int = 0, *, on_gpu: bool = False) -> None:
        self._path, self._threads, self._on_gpu = path.absolute(), threads, on_gpu
        self._stack = ExitStack()
        self._structure: FileStructure

    def __enter__(self) -> SoundPass:
        """Open the video.

        Raises
        ------
        VideoError
            It cannot be read at all.
        DamagedVideo
            The file's own structure says that something is missing or wrong.
        """
        with ExitStack() as stack:
            log = stack.enter_context(FFmpegLog(threads=True))
            threads = min(self._threads or cpu_count(), MOST_THREADS) + SPARE_THREADS
            self.reading = stack.enter_context(self._open(threads, log))
            self._structure = examine_structure(self._path, self.reading.container.format.name)
            if not self._structure.is_sound:
                raise DamagedVideo
            self._stack = stack.pop_all()
        return self

    def _open(self, threads: int, log: FFmpegLog) -> DecodePass:
        if not self._on_gpu:
            return DecodePass(self._path, threads=threads, keep_facts=False, log=log)
        try:
            made = DecodePass(self._path, threads=1, keep_facts=False, log=log, on_gpu=True)
        except Exception as error:  # PyAV and CUDA have many; the CPU tells what is wrong with the video itself
            raise OtherDecoder(f"its video engine cannot be used ({error})") from error
        if (found := str(made.stream.codec_context.pix_fmt)) not in FORMATS:
            made.container.close()
            raise OtherDecoder(f"its video engine is not used for pictures of the kind {found}")
        return made

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def frames(self, jump: Jump | None = None) -> Iterator[tuple[int, Any]]:
        """Yield frames in presentation order with their numbers.

        Parameters
        ----------
        jump : Jump, optional
            Frames that are left out, since a pass before has proven them.

        Raises
        ------
        DamagedVideo
            At the first sign of damage.
        RestartLost
            The place to jump to is not there.
        OtherDecoder
            The GPU gives other pictures than the CPU, or none.
        """
        for number, frame in self.reading.frames(jump):
            if frame.is_corrupt or self.reading.trail.damaged:
                raise DamagedVideo
            yield number, frame

    def judge(self) -> FrameScan:
        """What was found, after the last frame; raises `DamagedVideo`."""
        reading = self.reading
        if self._on_gpu and reading.trail.shown != reading.outputs:
            raise OtherDecoder(f"its video engine gave {reading.outputs} pictures of {reading.trail.shown} packets")
        if not reading.outputs or reading.read_errors or reading.trail.damaged:
            raise DamagedVideo
        if not Shape(self._path, reading, self._structure).is_sound(reading.trail):
            raise DamagedVideo
        times = reading.times
        ticks = count_chunks(times.chunks, reading.outputs) if times.is_counted else times.frames
        return make_scan(reading, ticks=ticks, outputs=range(reading.outputs), missing=(), strict=None)
