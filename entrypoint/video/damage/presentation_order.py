"""Presentation order: which stream frame each packet is, also of packets that were lost."""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median

from dlcctr.errors import VideoError
from entrypoint.video.decoding.packets import Packet

EVEN_TOLERANCE = 0.1
"""Share of a frame's time by which it may come early or late."""
EVEN_FRACTION = 0.9
"""So many of the distances between frames must be equal for a gap to be counted in frames."""


@dataclass
class StreamFrame:
    """One stream frame: the decoder's output that is right for it, or None; its time, where that is known without."""

    output: int | None
    pts: int | None = None


def in_presentation_order(packets: list[Packet], right: list[bool]) -> tuple[list[StreamFrame], bool]:
    """Slots of all packets that show something; and whether their timestamps are to be trusted."""
    shown = [
        (packet, good)
        for packet, good in zip(packets, right, strict=True)
        if not packet.discard and (packet.frames or not good)
    ]
    shown = shown[_pictures_before_the_start(shown, packets) :]
    outputs = [packet.frames[0] for packet, _ in shown if packet.frames]
    ordered = outputs == sorted(outputs)
    if _timestamps_tell_the_order(shown):
        _guess_times([packet for packet, _ in shown])
        shown.sort(key=lambda pair: math.inf if pair[0].pts is None else pair[0].pts)
        return _slots(shown), True
    if not ordered:
        shown = _whole_groups_only(shown)
    return _slots(shown), False


def _slots(shown: list[tuple[Packet, bool]]) -> list[StreamFrame]:
    slots = []
    for packet, good in shown:
        slots += [StreamFrame(number if good else None, packet.pts) for number in packet.frames or [-1]]
    return slots


def _pictures_before_the_start(shown: list[tuple[Packet, bool]], packets: list[Packet]) -> int:
    """How many leading packets show nothing because the recording began between two key frames."""
    if not packets or packets[0].facts.restart or packets[0].damaged:
        return 0
    for count, (packet, _) in enumerate(shown):
        if packet.facts.restart or packet.frames:
            return count
    return 0


def _timestamps_tell_the_order(shown: list[tuple[Packet, bool]]) -> bool:
    """Whether frames come out of the decoder in the order of their timestamps, and all have one of their own."""
    read = [packet for packet, _ in shown if packet.found]
    times = [packet.pts for packet in read if packet.pts is not None]
    if len(times) < len(read) or len(set(times)) < len(times):
        return False
    out = sorted((packet.frames[0], packet.pts or 0) for packet in read if packet.frames)
    return all(first[1] < second[1] for first, second in pairwise(out))


def _guess_times(packets: list[Packet]) -> None:
    """Give packets that the index names, and that could not be read, the presentation times that are left over."""
    lost = [packet for packet in packets if not packet.found]
    if not lost:
        return
    known = sorted(packet.pts for packet in packets if packet.pts is not None)
    grid = sorted(packet.dts for packet in packets if packet.dts is not None)
    if not known or len(grid) < 2:
        return
    # Decoding times are presentation times in another order, and shifted by the depth of that order.
    step = median(b - a for a, b in pairwise(grid))
    shift = bisect_left(grid, known[0])
    times = [*grid[shift:], *(grid[-1] + step * (n + 1) for n in range(shift))]
    free = [time for time in times if not _near(known, time, step / 2)]
    for packet, time in zip(lost, free, strict=False):
        packet.pts = round(time)


def _near(times: list[int], time: float, distance: float) -> bool:
    place = bisect_left(times, time - distance)
    return place < len(times) and times[place] < time + distance


def _whole_groups_only(shown: list[tuple[Packet, bool]]) -> list[tuple[Packet, bool]]:
    """Without timestamps, a frame's place is certain only in a group (restart to restart) that is whole."""
    groups: list[list[tuple[Packet, bool]]] = [[]]
    leading = False
    for packet, good in shown:
        if packet.facts.restart and good:
            groups.append([])
            leading = packet.facts.restart == "open"
        elif leading and not packet.both_ways:
            leading = False
        # B-frames right behind an open restart are shown before it
        groups[-2 if leading and not packet.key_frame else -1].append((packet, good))
    out = []
    for group in groups:
        whole = all(good and packet.frames for packet, good in group)
        group.sort(key=lambda pair: pair[0].frames[0] if whole else 0)
        out += [(packet, whole) for packet, _ in group]
    return out


def distrust_times(packets: list[Packet]) -> None:
    """Take the presentation times of damaged packets away where they do not fit those of sound ones."""
    known = sorted(packet.pts for packet in packets if packet.pts is not None and not packet.damaged)
    step, taken = even_step(known), set(known)
    if not step:
        return
    for packet in packets:
        if packet.damaged and packet.pts is not None:
            place = (packet.pts - known[0]) / step
            if packet.pts in taken or abs(place - round(place)) > EVEN_TOLERANCE:
                packet.pts, packet.found = None, False
            else:
                taken.add(packet.pts)


def even_step(times: list[int]) -> float:
    """Distance of frames that come at an even rate; 0 where they do not."""
    steps = [b - a for a, b in pairwise(times)]
    step = median(steps) if steps else 0
    even = sum(abs(each - step) <= max(1, step * EVEN_TOLERANCE) for each in steps)
    return float(step) if step > 0 and even >= EVEN_FRACTION * len(steps) else 0.0


def fill_gaps(slots: list[StreamFrame], path: Path, limit: int) -> list[StreamFrame]:
    """Add the frames that jumps of the timestamps show to be lost."""
    step = even_step([slot.pts for slot in slots if slot.pts is not None])
    if not step:
        raise uncountable(path, "its frames come at an uneven rate")
    out = slots[:1]
    for before, slot in pairwise(slots):
        if before.pts is not None and slot.pts is not None:
            lost = round((slot.pts - before.pts) / step) - 1
            if len(out) + lost > limit:
                raise uncountable(path, "its timestamps are damaged too")
            lasts = slot.pts - before.pts
            out += [StreamFrame(None, before.pts + round(lasts * (n + 1) / (lost + 1))) for n in range(lost)]
        out.append(slot)
    return out


def uncountable(path: Path, why: str) -> VideoError:
    return VideoError(
        f"{path}: damaged in the middle, and {why}: how many frames are lost, and so the numbers of those behind, "
        "cannot be known",
        "copy the video again from where it was recorded, or cut its sound part out with ffmpeg",
    )
