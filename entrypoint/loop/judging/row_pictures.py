"""A few small pictures of a judged row, taken where the video is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from dlcctr.quality.judge import Judgement
from dlcctr.quality.measures.score import frame_score
from dlcctr.quality.measures.track import Track
from dlcctr.quality.pictures.shown_frames import choose_frames
from dlcctr.quality.record import Picture, Quality, finite
from entrypoint.loop.judging.seen import Seen
from entrypoint.video.stills import draw, read_stills

MOST_BYTES = 300_000
"""Of all pictures of a row together."""


def take_pictures(video: Path, track: Track, judgement: Judgement, seen: Seen) -> tuple[Quality, dict[str, bytes]]:
    """Take pictures of the frames that a person should see.

    Parameters
    ----------
    seen : Seen
        Pictures that were analysed: all of the stream's in a sound video.

    Returns
    -------
    quality : Quality
        The row's, which names the pictures now.
    files : dict of str to bytes
        The pictures by file name, together at most 300 kB, the worst first.
    """
    quality = judgement.record
    if track.times_s is None or not quality.frames:
        return quality, {}
    chosen = choose_frames(quality, frame_score(judgement.scores))
    times = {each.frame: float(track.times_s[each.frame]) for each in chosen}
    found = dict(read_stills(video, times, seen.box, is_sound=_all_seen(seen)))
    files: dict[str, bytes] = {}
    pictures, stretches, room = [], list(quality.stretches), MOST_BYTES
    for each in chosen:
        if each.frame not in found:
            continue
        data = draw(found[each.frame], track.positions[each.frame])
        if len(data) > room:
            continue
        room -= len(data)
        name = f"picture-{each.frame}.jpg"
        files[name] = data
        pictures.append(Picture(name, each.frame, _seconds(track, each.frame), each.why))
        if each.stretch is not None:
            stretches[each.stretch] = replace(stretches[each.stretch], picture=name)
    return replace(quality, pictures=tuple(pictures), stretches=tuple(stretches)), files


def _all_seen(seen: Seen) -> bool:
    import numpy

    return bool(numpy.isfinite(seen.series.brightness).all())


def _seconds(track: Track, frame: int) -> float | None:
    return finite(float(track.times_s[frame]), 9)
