"""Which frames of a row a person is shown."""

from __future__ import annotations

import itertools

import numpy as np

from dlcctr.quality.pictures.shown_frames import APART, AT_RANDOM, MOST_BAD, MOST_RANDOM, choose_frames
from dlcctr.quality.record import Flag, Quality, Stretch


def test_the_worst_of_each_kind_and_some_at_random() -> None:
    score = np.zeros(1000)
    score[120], score[510] = 0.9, 0.8
    quality = Quality(
        1000,
        stretches=(
            Stretch(100, 150, 0.7, ("jumps",)),
            Stretch(500, 520, 0.6, ("dark", "odd-pose")),
            Stretch(700, 720, 0.5, ("jumps",)),
        ),
        flags=(Flag("jumps", 1, 0, first=100, stop=150), Flag("frozen-camera", 1, 0, first=800, stop=900)),
    )
    chosen = choose_frames(quality, score)
    assert [(each.frame, each.why, each.stretch) for each in chosen[:3]] == [
        (120, "jumps", 0), (510, "dark, odd-pose", 1), (850, "frozen-camera", None),
    ]  # fmt: skip
    assert [each.why for each in chosen[3:]] == [AT_RANDOM] * MOST_RANDOM
    frames = sorted(each.frame for each in chosen)
    assert min(b - a for a, b in itertools.pairwise(frames)) >= APART
    assert choose_frames(quality, score) == chosen, "the same row gives the same pictures"


def test_of_many_kinds_the_worst() -> None:
    stretches = tuple(Stretch(20 * n, 20 * n + 5, 0.9, (f"kind-{n}",)) for n in range(20))
    chosen = choose_frames(Quality(400, stretches=stretches), np.zeros(400))
    assert len([each for each in chosen if each.why != AT_RANDOM]) == MOST_BAD


def test_a_video_without_frames_and_one_of_a_single_frame() -> None:
    assert choose_frames(Quality(0), np.zeros(0)) == []
    assert [each.frame for each in choose_frames(Quality(1), np.zeros(1))] == [0]
