from __future__ import annotations

import pytest

from entrypoint.steps.label_video.text import MONO, SANS, open_font, write


@pytest.mark.parametrize("name", [SANS, MONO])
def test_letters_are_spaced_alike_with_and_without_fribidi(name: str) -> None:
    from PIL import ImageFont

    font = open_font(name, 12)
    assert font.layout_engine == ImageFont.Layout.BASIC
    mask = write("kalman, Käfig 2", font)
    assert mask.shape[0] == sum(font.getmetrics()) and mask.max() > 200
