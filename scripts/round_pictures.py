#!/usr/bin/env python3
"""Make the pictures of docs/loop.md anew from what `make demo-round` has left in demo-out/round. Needs Chromium.

Usage: .venv/bin/python scripts/round_pictures.py [demo-out/round]
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parents[1] / "docs"
WIDTH_PX = 1000
"""Pictures are not wider than this."""
PAGES = {
    "round-outliers.jpg": ("to-label/outliers.html", 1400, 930),
    "round-evaluation.jpg": ("mouse/evaluation-results-pytorch/iteration-1/*/evaluation.html", 1000, 780),
    "round-comparison.jpg": ("m-compare/compare.html", 1000, 870),
}
"""Picture: page, and width and height in px of what is shown of it."""
PLACE = "/data/lab"
"""In pictures, instead of the folder where the round was made."""
PICTURES = {
    "round-loss.jpg": "mouse/dlc-models-pytorch/iteration-1/*/train/dlcctr-losses.png",
    "round-before-after.jpg": "before-after.png",
}


def photograph(page: str, size: tuple[int, int], folder: Path) -> Any:
    """Top of a page as Chromium shows it, (height, width, 3), BGR."""
    import cv2

    shot, copy = folder / "shot.png", folder / "page.html"
    copy.write_text(page, encoding="utf-8")
    options = ["--headless", "--no-sandbox", "--hide-scrollbars", "--window-size={},{}".format(*size)]
    argv = ["chromium", *options, f"--screenshot={shot}", copy.as_uri()]
    subprocess.run(argv, check=True, capture_output=True, timeout=120)
    return cv2.imread(str(shot))


def main(folder: Path) -> None:
    """Make them all."""
    import cv2

    found = {name: cv2.imread(str(next(folder.glob(pattern)))) for name, pattern in PICTURES.items()}
    with tempfile.TemporaryDirectory() as private:
        for name, (pattern, *size) in PAGES.items():
            page = next(folder.glob(pattern)).read_text(encoding="utf-8").replace(str(folder), PLACE)
            found[name] = photograph(page, (size[0], size[1]), Path(private))
    for name, whole in found.items():
        scale = min(1.0, WIDTH_PX / whole.shape[1])
        picture = cv2.resize(whole, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        cv2.imwrite(str(DOCS / name), picture, [cv2.IMWRITE_JPEG_QUALITY, 80])
        print(f"{name}: {picture.shape[1]} x {picture.shape[0]} px, {(DOCS / name).stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "demo-out/round").resolve())
