"""On which frames two ways of computing a network are held against each other."""

from __future__ import annotations

import numpy as np
import pytest

from entrypoint.loop.compare import CONTRAST, comparable
from tests import media

SHAPE = (96, 144, 3)


@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (20, 120, 220)])
def test_frames_of_one_colour_are_left_out(colour: tuple[int, int, int]) -> None:
    plain, picture = np.full(SHAPE, colour, np.uint8), media.picture(1)
    faint = plain.copy()
    faint[0, 0] ^= CONTRAST - 1
    found = comparable(np.stack([plain, picture, faint]))
    assert np.array_equal(found, picture[None])


def test_dim_pictures_are_kept() -> None:
    dim = np.zeros((2, *SHAPE), np.uint8)
    dim[:, 5, 7] = CONTRAST
    assert comparable(dim) is dim


def test_noise_stands_in_for_frames_of_one_colour() -> None:
    plain = np.zeros((8, *SHAPE), np.uint8)
    found = comparable(plain)
    assert (found.shape, found.dtype) == ((1, *SHAPE), np.uint8)
    assert np.ptp(found) == 255
    assert np.array_equal(found, comparable(plain + np.uint8(9))), "the same in every attempt"
