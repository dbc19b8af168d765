"""A labelled video in a real browser: it opens, plays to its end, and shows the frames with their points."""

from __future__ import annotations

import base64
import io
import json
import subprocess
from pathlib import Path
from typing import Any

import numpy
import pytest
from PIL import Image

from entrypoint.steps.label_video import run
from tests.docker.apptainer import CHECKOUT
from tests.integration.test_report_page import browser  # noqa: F401 - a fixture
from tests.media import HEIGHT, WIDTH, read_number
from tests.unit.support.label_video_case import make_case

pytestmark = pytest.mark.real
PROGRAM = CHECKOUT / "tests" / "integration" / "support" / "play_video.py"


@pytest.mark.parametrize(("speed", "length_s"), [(1.0, 3.0), (0.5, 6.0)])
def test_it_plays(browser: Path, tmp_path: Path, speed: float, length_s: float) -> None:  # noqa: F811
    uneven = [n / 25 if n < 50 else n / 25 + 0.6 for n in range(60)]
    (file,) = run(make_case(tmp_path, frames=60, times=uneven, speed=speed)).files
    page = tmp_path / "page.html"
    page.write_text(f'<video src="{file.as_uri()}" preload="auto"></video>')
    done = subprocess.run([browser, PROGRAM, page], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    seen: dict[str, Any] = json.loads(done.stdout)
    assert (seen["width"], seen["height"]) == (WIDTH, HEIGHT + 20)
    assert seen["duration"] == pytest.approx(length_s, abs=0.05)
    assert seen["times"] == sorted(seen["times"]) and seen["times"][-1] == pytest.approx(length_s, abs=0.1)
    assert len(set(seen["times"])) > 3, "the time goes on"
    shown = numpy.asarray(Image.open(io.BytesIO(base64.b64decode(seen["picture"].partition(",")[2]))).convert("RGB"))
    assert read_number(shown[:HEIGHT]) in (round(0.5 * 25 * speed) - 1, int(0.5 * 25 * speed), round(0.5 * 25 * speed))
