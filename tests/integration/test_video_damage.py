"""Damage that is planted in every format is found, and no frame behind it moves to the row of another one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.support.planted_damage import PLANTS, SILENT, Outcome, plant_all, share, table
from tests.integration.support.video_corpus import KINDS, cases

FOUND_PERCENT = 95
COMMON = {
    "libx264-yuv420p.mp4", "libx264-yuv420p.ts", "libx264-yuv420p.mkv", "libx265-yuv420p.mkv", "mpeg4-yuv420p.avi",
    "mpeg2video-yuv420p.mpg", "mjpeg-yuvj420p.avi", "wmv2-yuv420p.wmv", "flv-yuv420p.flv", "h263p-yuv420p.avi",
    "libvpx-vp9-yuv420p.webm", "ffv1-yuv420p.mkv", "rawvideo-yuv420p.mkv", "png-rgb24.avi", "prores_ks-yuv422p10le.mov",
}  # fmt: skip
"""A format of each family, of those that cameras and programs write."""


def check(outcomes: list[Outcome]) -> None:
    print(table(outcomes))
    moved = [outcome for outcome in outcomes if outcome.shifted]
    assert not moved
    telling = [outcome for outcome in outcomes if outcome.codec not in SILENT]
    assert share(telling) >= FOUND_PERCENT, [outcome for outcome in telling if outcome.found < outcome.damaged]
    structural = [outcome for outcome in outcomes if outcome.plant in ("lost", "cut")]
    assert share(structural) >= FOUND_PERCENT, [outcome for outcome in structural if outcome.found < outcome.damaged]
    assert {outcome.plant for outcome in outcomes} == set(PLANTS)


@pytest.mark.real
def test_damage_in_common_formats_is_found_and_shifts_nothing(tmp_path: Path) -> None:
    chosen = [(kind, ending) for kind, ending in cases() if f"{kind.codec}-{kind.pix_fmt}.{ending}" in COMMON]
    assert len(chosen) == len(COMMON)
    check(list(plant_all(tmp_path, chosen, 1)))


@pytest.mark.full
def test_damage_in_every_format_is_found_and_shifts_nothing(tmp_path: Path) -> None:
    assert {kind.codec for kind in KINDS} > SILENT
    check(list(plant_all(tmp_path, cases(), 1)))
