"""Clips for the check: the open-field clip where it is, and clips of any length made on the spot within seconds."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from tests import media

ROOT = Path(__file__).resolve().parents[2]
REAL_DATA = Path(os.environ.get("DLCCTR_REAL_DATA", ROOT.parent / "shared"))
"""As in `tests.integration.conftest`, which imports pytest and Docker: a GPU machine has neither."""
CLIP = REAL_DATA / "data" / "openfield-Pranav-2018-10-30" / "videos" / "m3v1mp4.mp4"
TRAINED = REAL_DATA / "models" / "openfield-pytorch-resnet18"
CLIP_SIZE = (640, 480)
CLIP_FRAMES = 2330
ENCODED, ENCODED_PX = 120, 120 * 640 * 480
"""Most frames, and most pixels of them all, that are encoded; longer clips repeat their packets, since encoding
thousands of frames would take minutes."""

FAST = {"preset": "veryfast"}


def has_real_data() -> bool:
    """Whether the open-field clip and the model that was trained on it are there."""
    return CLIP.is_file() and (TRAINED / "config.yaml").is_file()


class Clips:
    """Clips in a folder, each made once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def made(self, width: int, height: int, frames: int) -> Path:
        """A clip of numbered pictures with noise; width and height in px."""
        path = self._folder / f"{width}x{height}-{frames}.mp4"
        if not path.exists():
            length = min(frames, ENCODED, ENCODED_PX // (width * height))
            source = self._folder / f"{width}x{height}-{length}.mp4"
            if not source.exists():
                media.write_video(source, length, width=width, height=height, bframes=0, options=FAST)
            if source != path:
                repeat(source, path, frames)
        return path

    def usual(self, width: int, height: int, frames: int) -> Path:
        """The open-field clip's first frames where it is there and has this size, else a clip that is made."""
        if (width, height) != CLIP_SIZE or not CLIP.is_file() or frames > CLIP_FRAMES:
            return self.made(width, height, frames)
        return self.real(frames)

    def real(self, frames: int) -> Path:
        """First frames of the open-field clip."""
        path = self._folder / f"openfield-{frames}.mp4"
        if not path.exists():
            repeat(CLIP, path, frames)
        return path

    def calm(self, frames: int) -> Path:
        """A still picture, 160 x 128 px, in which a mark moves: what random networks find in it can be tracked."""
        path = self._folder / f"calm-{frames}.mp4"
        if not path.exists():
            write_calm(path, frames)
        return path


def repeat(source: Path, target: Path, frames: int) -> None:
    """Copy the first frames of a video packet by packet, from its beginning again where it has fewer.

    Repeated ones must be without B frames: then packets lie in the order of their presentation.
    """
    import av

    with av.open(str(source)) as reading:
        packets = [packet for packet in reading.demux(video=0) if packet.dts is not None]
        step = packets[0].duration
        with av.open(str(target), "w") as writing:
            copy: Any = writing.add_stream_from_template(reading.streams.video[0])
            for number in range(frames):
                turn, place = divmod(number, len(packets))
                packet = packets[place]
                if turn and place == 0:
                    for each in packets:
                        each.pts, each.dts = each.pts + step * len(packets), each.dts + step * len(packets)
                packet.stream = copy
                pts, dts, base = packet.pts, packet.dts, packet.time_base
                writing.mux(packet)  # which changes the packet's times to the container's
                packet.pts, packet.dts, packet.time_base = pts, dts, base


def write_calm(path: Path, frames: int, width: int = 160, height: int = 128) -> None:
    """Encode a picture of coloured squares with a small red mark that moves by 1 px a frame."""
    import av
    import numpy

    squares = numpy.random.default_rng(3).integers(0, 255, (height // 8, width // 8, 3), numpy.uint8)
    picture = squares.repeat(8, 0).repeat(8, 1)
    with av.open(str(path), "w") as out:
        stream: Any = out.add_stream("libx264", rate=25, options={"crf": "12"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for number in range(frames):
            shown = picture.copy()
            x = 10 + number % (width - 20)
            shown[50:54, x : x + 4] = (250, 20, 20)
            out.mux(stream.encode(av.VideoFrame.from_ndarray(shown, format="rgb24")))
        out.mux(stream.encode(None))
