"""Videos that bite, each made from a sound synthetic one, and what `analyze` must make of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests import media


@dataclass(frozen=True)
class BadVideo:
    """One bad input: how it is made, and the exit code, the row's state and the words that a person must get.

    Parameters
    ----------
    missing : tuple of int or None
        Least and most number of frames that have no position in a degraded result.
    rows : int
        Rows of the result; 0 where there is none.
    """

    name: str
    what: str
    make: Callable[[Path], object]
    code: int
    state: str
    words: str = ""
    rows: int = 0
    missing: tuple[int, int] = (0, 0)


def _sound(path: Path, frames: int = 60) -> Path:
    media.write_video(path, frames)
    return path


def _damaged(damage: Callable[[Path, Path], object], frames: int, **options: object) -> Callable[[Path], object]:
    def make(path: Path) -> None:
        source = path.parent.parent / f"sound-{path.name}"
        media.write_video(source, frames, **options)  # type: ignore[arg-type]
        damage(source, path)

    return make


def _hole(source: Path, target: Path) -> None:
    places = media.packet_places(source)
    start, _ = places[len(places) // 2]
    media.punch_hole(source, target, start, sum(size for _, size in places[len(places) // 2 :][:8]), seed=1)


MJPEG = {"codec": "mjpeg", "pix_fmt": "yuvj420p", "bframes": 0}

BAD_VIDEOS = (
    BadVideo("zero.mp4", "zero bytes", lambda path: path.write_bytes(b""), 4, "unreadable", "zero.mp4"),
    BadVideo("text.mp4", "a text named .mp4", lambda path: path.write_text("no video\n"), 4, "unreadable", "text.mp4"),
    BadVideo(
        "truncated.mp4", "an mp4 cut before its index", _damaged(lambda s, t: media.cut(s, t, 0.5), 60),
        4, "unreadable", "truncated.mp4",
    ),
    BadVideo(
        "cut.avi", "an AVI cut in the middle", _damaged(lambda s, t: media.cut(s, t, 0.5), 100, **MJPEG),
        0, "degraded", "frames do not decode", 100, (40, 60),
    ),
    BadVideo(
        "hole.mp4", "a hole in an mp4 of 200 frames", _damaged(_hole, 200),
        0, "degraded", "frames do not decode", 200, (8, 40),
    ),
    BadVideo(
        "says30.avi", "a header that says 30 while 60 frames are there",
        _damaged(lambda s, t: media.patch_avi_frames(s, t, 30), 60, **MJPEG), 0, "whole", "", 60,
    ),
    BadVideo(
        "says90.avi", "a header that says 90 while 60 frames are there",
        _damaged(lambda s, t: media.patch_avi_frames(s, t, 90), 60, **MJPEG), 0, "whole", "", 60,
    ),
    BadVideo(
        "mp4-named.avi", "an mp4 with the ending .avi",
        _damaged(lambda s, t: t.write_bytes(s.read_bytes()), 20, container="mp4"), 0, "whole", "", 20,
    ),
)  # fmt: skip
