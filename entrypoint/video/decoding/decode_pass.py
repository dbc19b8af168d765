"""One sequential pass over a video with PyAV: packets in, frames out, each frame with the packet it came from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dlcctr.campaign.videos.encryption import ENCRYPTED, is_encrypted
from dlcctr.errors import VideoError
from dlcctr.system.cpus import cpu_count
from entrypoint.video.damage.bitstream import Inspect, inspector
from entrypoint.video.decoding import nvdec
from entrypoint.video.decoding.ffmpeg_log import FFmpegLog
from entrypoint.video.decoding.packets import Packet, PacketTrail
from entrypoint.video.frame_times import PassTimes
from entrypoint.video.restart import Jump, RestartLost, Restarts

CONVERT_HINT = "play it, record it again, or convert it: ffmpeg -i VIDEO -c:v libx264 -crf 10 NEW.mp4"
LONGEST_ERROR_RUN = 64
"""Read errors in a row after which nothing more can be read."""
B_FRAME = 3
"""AV_PICTURE_TYPE_B."""
STRICT = "explode+crccheck"
"""Let a decoder give an error instead of a concealed picture (MJPEG says nothing otherwise), and compare checksums
(PNG, the picture hashes of H.265)."""
EXACT_LENGTH = {"wmv1", "wmv2", "msmpeg4v1", "msmpeg4v2", "msmpeg4v3"}
"""Codecs whose pictures fill their packets; others are filled up by some programs."""


def open_container(path: Path, engine: Any = None) -> Any:
    """Open a video for reading.

    Parameters
    ----------
    engine : HWAccel, optional
        What decodes it, if it is not the CPU.

    Raises
    ------
    VideoError
        The file does not exist, is empty, encrypted or no video, or is cut off before its index: the message says.
    """
    import av

    try:
        if not path.is_file():
            raise VideoError(f"{path}: no such file", "look at the manifest's video column and at --video-root")
        if not path.stat().st_size:
            raise VideoError(f"{path}: the file is empty (0 bytes)", "copy it again")
        if is_encrypted(path):
            raise VideoError(f"{path}: {ENCRYPTED}", "analyse the copy, under its own row")
        # An absolute name is never taken for a protocol, and a playlist cannot lead elsewhere.
        container = av.open(str(path.absolute()), options={"protocol_whitelist": "file"}, hwaccel=engine)
    except (av.FFmpegError, ValueError) as error:
        raise VideoError(f"{path}: {_why_unreadable(path, error)}", CONVERT_HINT) from error
    except OSError as error:
        raise VideoError(
            f"{path}: cannot be read ({error.strerror or error})", "check its owner and permissions"
        ) from error
    problem = _no_video(container)
    if problem:
        container.close()
        raise VideoError(f"{path}: {problem}", CONVERT_HINT)
    return container


def _no_video(container: Any) -> str:
    if not container.streams.video or container.format.name == "tty":  # tty draws any text file
        return "it contains no video"
    if container.streams.video[0].codec_context is None:
        return "FFmpeg has no decoder for its video"
    return ""


def _why_unreadable(path: Path, error: Exception) -> str:
    with path.open("rb") as file:
        head = file.read(64)
    if head[4:8] == b"ftyp":
        return "an MP4 without its index (moov): it was cut off, or its recording never finished"
    if head and all(byte in b"\t\n\r" or 32 <= byte < 127 for byte in head):
        return "a text file, not a video"
    return f"no video that FFmpeg can read ({getattr(error, 'strerror', None) or error})"


def codec_name(stream: Any) -> str:
    """FFmpeg's name of the codec; `libdav1d` is a decoder of ``av1``."""
    return str(getattr(stream.codec_context.codec, "canonical_name", "") or stream.codec_context.name)


class DecodePass:
    """Decode a video from its first packet to its last.

    Parameters
    ----------
    threads : int
        0 for all that are allowed. Only with 1 it is known which packet a frame or an error belongs to.
    strict : bool
        Let the decoder refuse what it would conceal.
    hold : bool
        Keep the packets.
    keep_facts : bool
        Keep the facts on all packets; else only those on the last one, so that memory does not grow with the video.
    log : FFmpegLog, optional
        Open one: what FFmpeg writes into it counts as a failure, too.
    on_gpu : bool
        Decode with the GPU's video engine (`entrypoint.video.decoding.nvdec`).

    Attributes
    ----------
    packets : list of Packet
        Filled while `frames` runs, in the order of decoding.
    trail : PacketTrail
        The little that is always kept of all packets.
    read_errors, skips, end : int
        Number of times that the file could not be read further, or a part of it was skipped; byte in the file where
        the last packet ends.
    rotation, interlaced : int, bool
        Degrees that the first frame is to be turned by; whether any frame is interlaced.
    size : tuple of int
        Width and height of the first frame in px, before it is turned; OpenCV fits later ones of other sizes to it.
    times : PassTimes
        Times of the frames.
    restarts : Restarts
        Places at which a later pass may begin.
    source : int or None
        While `frames` runs: the packet that the current frame came from.
    held : dict
        With `hold`, packets by number, for copying; whoever uses one takes it out.
    """

    def __init__(
        self,
        path: Path,
        *,
        threads: int = 0,
        strict: bool = True,
        hold: bool = False,
        keep_facts: bool = True,
        log: FFmpegLog | None = None,
        on_gpu: bool = False,
    ) -> None:
        self.container = open_container(path, nvdec.open_engine() if on_gpu else None)
        self.stream = self.container.streams.video[0]
        context = self.stream.codec_context
        context.thread_count = threads or cpu_count()
        context.thread_type = "AUTO"
        # PyAV frees what a packet carries under Python's lock, in the decoder's thread, while closing waits for that
        # thread and holds the lock: with more than one thread, damaged HEVC hangs for ever.
        self._alone = context.thread_count == 1 and keep_facts
        self.codec = codec_name(self.stream)
        context.copy_opaque = self._alone
        if strict:
            context.options = {"err_detect": STRICT + ("+buffer" if self.codec in EXACT_LENGTH else "")}
        self._inspect: Inspect = inspector(self.codec, bytes(context.extradata or b""))
        self._log, self._decoder = log, str(context.name)
        self.packets: list[Packet] = []
        self.trail = PacketTrail()
        self.times = PassTimes(str(self.container.format.name), self.codec)
        self.restarts = Restarts(self.times)
        self.read_errors = 0
        self.skips = 0
        self.outputs = 0
        self.end = 0
        self.rotation = 0
        self.size = 0, 0
        self.interlaced = False
        self.source: int | None = None
        self.held: dict[int, Any] = {}
        self._hold, self._keep_facts = hold, keep_facts
        self._samples = nvdec.Samples(context) if on_gpu else None

    def __enter__(self) -> DecodePass:
        return self

    def __exit__(self, *_: object) -> None:
        # A decoder's thread that writes into the log waits for Python's lock, which closing holds: let them end first
        self.stream.codec_context.flush_buffers()
        self.container.close()

    @property
    def turned_size(self) -> tuple[int, int]:
        """Width and height in px as OpenCV gives them, that is after the turn that the container asks for."""
        width, height = self.size
        return (height, width) if self.rotation % 180 else (width, height)

    def frames(self, jump: Jump | None = None) -> Iterator[tuple[int, Any]]:
        """Yield each output of the decoder with its number; `packets` is complete afterwards.

        Parameters
        ----------
        jump : Jump, optional
            Frames that are left out; the packets are all read.

        Raises
        ------
        RestartLost
            The place to jump to is not there.
        """
        import av

        expected: int | None = None
        for packet in self._demux():
            digest = self.trail.digest.copy() if jump else None
            if packet.size:
                self._note(packet)
            if jump and self.outputs >= jump.after:
                if self.trail.count <= jump.to.packet and packet.size:
                    continue
                self._check_place(jump, digest)
                self.stream.codec_context.flush_buffers()
                self.outputs, expected = jump.to.output, jump.to.pts
                self.interlaced |= jump.to.interlaced
                jump = None
            if self._samples and packet.size:
                self._samples.see_packet(self.trail.count - 1, packet, self.packets[-1])
            try:
                frames = self.stream.codec_context.decode(packet if packet.size else None)
            except av.FFmpegError as error:
                frames = []
                self._fail(drained=isinstance(error, av.EOFError))
            self._read_log()
            for frame in frames:
                self._assign(frame)
                if not self.outputs:
                    self.rotation = int(getattr(frame, "rotation", 0))
                    self.size = frame.width, frame.height
                if expected not in (None, frame.pts):
                    raise RestartLost
                expected = None
                self.interlaced |= bool(frame.interlaced_frame)
                self.restarts.see_frame(frame, self.outputs, interlaced=self.interlaced)
                self.times.see_frame(frame.pts)
                if self._samples:
                    self._samples.see_frame(frame)
                yield self.outputs, frame
                self.outputs += 1
        if self._samples:
            self._samples.finish()

    def _check_place(self, jump: Jump, before: Any) -> None:
        """Whether the packet that was just noted is the one to begin at."""
        packet, wanted = self.packets[-1], jump.to
        place = self.trail.count - 1, packet.pts, packet.facts.restart, before.hexdigest()
        if place != (wanted.packet, wanted.pts, "closed", wanted.digest) or not self.times.leap(wanted.output):
            raise RestartLost

    def _read_log(self) -> None:
        wrong, skipped = self._log.take(self._decoder) if self._log else (False, False)
        self.skips += skipped
        if wrong:
            self._fail()

    def _fail(self, *, drained: bool = False) -> None:
        if self.packets and not drained:
            self.packets[-1].failed = True

    def _demux(self) -> Iterator[Any]:
        import av

        errors_in_a_row, source, ended = 0, self.container.demux(self.stream), False
        while errors_in_a_row < LONGEST_ERROR_RUN:
            try:
                packet = next(source)
            except StopIteration:
                break
            except av.FFmpegError:
                self.read_errors += 1
                errors_in_a_row += 1
                source = self.container.demux(self.stream)
                continue
            errors_in_a_row = 0
            ended = not packet.size and packet.pts is None and packet.dts is None
            if packet.size or ended:
                yield packet
            if ended:
                return
        if not ended:
            yield av.Packet()

    def _note(self, packet: Any) -> None:
        if self._alone:
            packet.opaque = len(self.packets)
        if self._hold:
            self.held[len(self.packets)] = packet
        facts = self._inspect(bytes(packet), packet.is_keyframe)
        self.end = max(self.end, (packet.pos or 0) + packet.size)
        noted = Packet(
            packet.pts, packet.dts, packet.pos, packet.size, facts, packet.duration or 0,
            suspect=packet.is_corrupt, discard=packet.is_discard, key_flag=packet.is_keyframe,
        )  # fmt: skip
        self.restarts.see_packet(self.trail.count, noted, self.trail.digest)
        if not self._keep_facts:
            self.packets.clear()
        self.packets.append(noted)
        self.trail.add(noted)

    def _assign(self, frame: Any) -> None:
        if not self._alone:
            return
        number = frame.opaque
        if not isinstance(number, int):  # a decoder that does not carry it: the packet shown at this time
            number = next((i for i, p in enumerate(self.packets) if not p.frames and p.pts == frame.pts), None)
        self.source = number
        if number is None:
            return
        packet = self.packets[number]
        packet.frames.append(self.outputs)
        packet.corrupt |= frame.is_corrupt
        packet.key_frame |= bool(frame.key_frame)
        packet.both_ways |= int(frame.pict_type) == B_FRAME
