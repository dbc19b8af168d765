"""Damage in every format of the corpus, and how much of it the scan finds; printed for docs/video-damage.md."""

from __future__ import annotations

import random
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from dlcctr.errors import VideoError
from entrypoint.video.decoding.decode_pass import DecodePass
from entrypoint.video.frame_scan import FrameScan
from entrypoint.video.scan import scan_video
from tests import media
from tests.integration.support.video_corpus import FORMATS, Kind, cases

FRAMES, LARGE_FRAMES = 24, 12
LARGE_WIDTH = 720
SIZES = {"libx264": (640, 480), "libx264rgb": (640, 480)}
SMALL, USUAL = (144, 96), (288, 192)
BIT_RATE = 2_000_000
BLOCK, VISIBLE = 8, 3
"""A picture is another one where the mean of some block of 8x8 pixels differs by more than this, of 255."""
LONGEST_ERROR_RUN = 64

STREAMS = {
    "ts", "mpg", "vob", "h264", "hevc", "m2v", "m1v", "mjpeg", "m4v", "flv", "dv", "nut", "ivf", "obu", "mkv", "webm",
    "asf", "wmv", "mxf", "gif", "apng", "rm",
}  # fmt: skip
"""Formats that are read from the front, so that a part can be gone and the rest still be read."""
SILENT = {
    "rawvideo", "v210", "huffyuv", "ffvhuff", "utvideo", "magicyuv", "asv2", "snow", "qtrle", "jpeg2000", "flashsv",
    "cfhd", "libvpx", "libvpx-vp9", "libx265",
}  # fmt: skip
"""Codecs whose decoders make a picture of almost any bytes, and say nothing: only what the container says is left."""


def size_of(kind: Kind) -> tuple[int, int]:
    """Width and height of the corpus's own, or larger where a decoder needs that to notice anything."""
    return SIZES.get(kind.codec, USUAL) if kind.size == SMALL else kind.size


def write(path: Path, kind: Kind, ending: str) -> Path:
    """Encode pictures that carry their numbers."""
    width, height = size_of(kind)
    with av.open(str(path), "w", format=FORMATS.get(ending, ending)) as out:
        stream: Any = out.add_stream(kind.codec, rate=25, options=kind.options)
        stream.width, stream.height, stream.pix_fmt = width, height, kind.pix_fmt
        stream.codec_context.gop_size, stream.codec_context.thread_count = 12, 1
        stream.codec_context.bit_rate = kind.bit_rate or BIT_RATE
        if kind.codec in ("libx264", "libx265", "mpeg4", "mpeg2video", "mpeg1video"):
            stream.codec_context.max_b_frames = 2
        for number in range(LARGE_FRAMES if width >= LARGE_WIDTH else FRAMES):
            shown = media.picture(number, width, height)
            frame = av.VideoFrame.from_ndarray(shown, format="rgb24").reformat(format=kind.pix_fmt)
            frame.pts, frame.time_base = number, Fraction(1, 25)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


@dataclass
class Sound:
    """A sound file: its bytes, its pictures, where its packets lie (empty where the container does not say)."""

    data: bytes
    pictures: list[Any]
    packets: list[tuple[int, int]] = field(default_factory=list)

    @classmethod
    def read(cls, path: Path) -> Sound:
        """Decode a file as any player does."""
        places = [(pos, size) for pos, size in media.packet_places(path) if pos is not None and pos >= 0]
        with av.open(str(path)) as source:
            alone = len(places) > 1 and source.format.name not in ("mpegts", "mpeg", "asf")
        return cls(path.read_bytes(), list(_play(path)), places[1:] if alone else [])

    @property
    def span(self) -> tuple[int, int]:
        """Bytes behind the first picture and before what follows the last one."""
        if self.packets:
            return self.packets[0][0], min(len(self.data), sum(self.packets[-1]))
        return len(self.data) // 8, len(self.data) * 98 // 100


def noise(sound: Sound, dice: random.Random) -> bytes:
    """One to three runs of 16 to 64 wrong bytes, each within a packet."""
    data = bytearray(sound.data)
    for _ in range(dice.randint(1, 3)):
        first, end = sound.span
        if sound.packets:
            first, size = dice.choice(sound.packets)
            first, end = first + min(16, size // 4), min(first + size, len(data))
        length = min(dice.randint(16, 64), max(1, (end - first) // 2))
        start = dice.randrange(first, max(first + 1, end - length))
        data[start : start + length] = dice.randbytes(length)
    return bytes(data)


def zeros(sound: Sound, dice: random.Random) -> bytes:
    """A block of a disk that is lost: 512, 1024 or 4096 zeros."""
    data, (first, end) = bytearray(sound.data), sound.span
    length = min(dice.choice([512, 1024, 4096]), (end - first) // 4)
    start = dice.randrange(first, end - length)
    start = max(first, start // 512 * 512)
    data[start : start + length] = bytes(length)
    return bytes(data)


def lost(sound: Sound, dice: random.Random) -> bytes:
    """A part of the stream that never arrived: seven packets of a transport stream."""
    first, end = sound.span
    length = min(7 * 188, (end - first) // 4 // 188 * 188) or 188
    start = dice.randrange(first, end - length)
    if sound.data[:1] == b"G":
        start = start // 188 * 188
    return sound.data[:start] + sound.data[start + length :]


def cut(sound: Sound, dice: random.Random) -> bytes:
    """The end is gone."""
    return sound.data[: int(len(sound.data) * dice.uniform(0.5, 0.95))]


PLANTS: dict[str, Callable[[Sound, random.Random], bytes]] = {"noise": noise, "zeros": zeros, "lost": lost, "cut": cut}


@dataclass(frozen=True)
class Outcome:
    """What became of one damaged file.

    Parameters
    ----------
    damaged, found : int
        Frames that no player shows as they were, and those of them that the scan calls missing. Where the end is gone
        and nothing says how long it was, frames behind the last row are found if that row is missing.
    shifted : int
        Frames of the sound file that stand in the row of another one.
    invented : int
        Rows behind the sound file's last frame.
    spared : int
        Frames called missing that players show as they were.
    refused : bool
        The whole file is refused.
    """

    codec: str
    name: str
    plant: str
    damaged: int = 0
    found: int = 0
    shifted: int = 0
    invented: int = 0
    spared: int = 0
    refused: bool = False


def measure(path: Path, sound: Sound, outcome: Outcome) -> Outcome:
    """Hold what the scan says of a damaged file against the sound one."""
    try:
        found = scan_video(path, threads=2)
    except VideoError:
        return replace(outcome, refused=True)
    truth = sound.pictures
    missing = {number for first, stop in found.missing for number in range(first, stop)}
    rows = {row: _number(picture, truth, row) for row, picture in _rows(path, found, missing)}
    shifted = _shifted(rows)
    shown = {_number(picture, truth, place) for place, picture in enumerate(_play(path))}
    wrong = {row for row, number in rows.items() if number != row and row not in shifted and row < len(truth)}
    right = {row for row, number in rows.items() if number == row}
    damaged = ({number for number in range(len(truth)) if number not in shown} | wrong) - right
    open_end = bool(found.missing) and found.missing[-1][1] == found.stream
    return replace(
        outcome,
        damaged=len(damaged),
        found=sum(number in missing or (open_end and number >= found.stream) for number in damaged),
        shifted=len(shifted),
        invented=max(0, found.stream - len(truth)),
        spared=len({number for number in missing if number < len(truth)} - damaged),
    )


def _rows(path: Path, found: FrameScan, missing: set[int]) -> Iterator[tuple[int, Any]]:
    """Rows that are said to be right, and their pictures."""
    wanted = {number for first, stop in found.outputs for number in range(first, stop)}
    threads, strict = (0, True) if found.strict is None else (1, found.strict)
    rows = iter(row for row in range(found.stream) if row not in missing)
    with DecodePass(path, threads=threads, strict=strict) as reading:
        for number, frame in reading.frames():
            if number in wanted:
                yield next(rows), frame.to_ndarray(format="rgb24")


def _shifted(rows: dict[int, int | None]) -> set[int]:
    """Rows with the picture of another row; a decoder may show one twice, but not several at one distance."""
    other = {row: number - row for row, number in rows.items() if number is not None and number != row}
    distances = Counter(other.values())
    return {row for row, distance in other.items() if distances[distance] > 1 or row == max(rows)}


def _number(picture: Any, truth: list[Any], guess: int) -> int | None:
    """Number of the sound picture that this one is, if any."""
    for number in (guess, media.read_number(picture)):
        if 0 <= number < len(truth) and not _differs(picture, truth[number]):
            return number
    return None


def _differs(picture: Any, other: Any) -> bool:
    if picture.shape != other.shape:
        return True
    height, width = (length // BLOCK * BLOCK for length in picture.shape[:2])
    distance = np.abs(picture[:height, :width].astype(np.int16) - other[:height, :width]).mean(axis=2)
    blocks = distance.reshape(height // BLOCK, BLOCK, width // BLOCK, BLOCK).mean(axis=(1, 3))
    return bool(blocks.max() > VISIBLE)


def _play(path: Path) -> Iterator[Any]:
    """Pictures as a player shows them: what cannot be read or decoded is stepped over."""
    try:
        with av.open(str(path)) as source:
            stream = source.streams.video[0]
            stream.codec_context.thread_count = 1
            packets, errors = source.demux(stream), 0
            while errors < LONGEST_ERROR_RUN:
                try:
                    packet = next(packets)
                    yield from (frame.to_ndarray(format="rgb24") for frame in packet.decode())
                except StopIteration:
                    return
                except av.FFmpegError:
                    errors, packets = errors + 1, source.demux(stream)
    except (av.FFmpegError, ValueError, IndexError):
        return


def plant_all(folder: Path, chosen: Iterable[tuple[Kind, str]], seeds: int) -> Iterator[Outcome]:
    """Damage each of the chosen formats in each way, `seeds` times, and measure."""
    for kind, ending in chosen:
        name = f"{kind.codec}-{kind.pix_fmt}.{ending}"
        sound = Sound.read(write(folder / name, kind, ending))
        for plant, damage in PLANTS.items():
            for seed in range(seeds if plant != "lost" or ending in STREAMS else 0):
                path = folder / f"damaged.{ending}"
                path.write_bytes(damage(sound, random.Random(f"{name} {plant} {seed}")))
                if path.read_bytes() != sound.data:
                    yield measure(path, sound, Outcome(kind.codec, name, plant))


def share(outcomes: Iterable[Outcome]) -> float:
    """Found of damaged frames, in percent; files that are refused do not count."""
    counted = list(outcomes)
    damaged = sum(outcome.damaged for outcome in counted)
    return 100 * sum(outcome.found for outcome in counted) / damaged if damaged else 100.0


def table(outcomes: list[Outcome]) -> str:
    """Markdown: a line for each codec, those that say something first."""
    heads = ("codec", "files", "refused", "frames damaged", "found", *PLANTS, "rows shifted")
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    codecs = sorted({outcome.codec for outcome in outcomes}, key=lambda codec: (codec in SILENT, codec))
    groups = [(codec, [each for each in outcomes if each.codec == codec]) for codec in codecs]
    groups.append(("**all that tell**", [each for each in outcomes if each.codec not in SILENT]))
    groups.append(("**all silent**", [each for each in outcomes if each.codec in SILENT]))
    for name, group in groups:
        cells = [
            f"{name}{' (silent)' if name in SILENT else ''}",
            len(group),
            sum(each.refused for each in group),
            sum(each.damaged for each in group),
            f"{share(group):.1f} %",
            *(_cell([each for each in group if each.plant == plant]) for plant in PLANTS),
            sum(each.shifted for each in group),
        ]
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines)


def _cell(group: list[Outcome]) -> str:
    return f"{share(group):.0f} %" if any(each.damaged for each in group) else "–"


def main() -> None:
    """Plant each kind of damage once in the whole corpus, and print the table."""
    with tempfile.TemporaryDirectory() as folder:
        print(table(list(plant_all(Path(folder), cases(), 1))))


if __name__ == "__main__":
    main()
