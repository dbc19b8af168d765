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
PAGES = {
    "round-outliers.jpg": ("to-label/outliers.html", 760),
    "round-evaluation.jpg": ("mouse/evaluation-results-pytorch/iteration-1/*/evaluation.html", 900),
    "round-comparison.jpg": ("m-compare/compare.html", 900),
}
"""Picture: page, and how many px of it from its top are shown."""
PICTURES = {
    "round-loss.jpg": "mouse/dlc-models-pytorch/iteration-1/*/train/dlcctr-losses.png",
    "round-before-after.jpg": "before-after.png",
}


def photograph(page: Path, height: int, folder: Path) -> Any:
    """Top of a page as Chromium shows it, (height, WIDTH_PX, 3), BGR."""
    import cv2

    shot = folder / "shot.png"
    options = ["--headless", "--no-sandbox", "--hide-scrollbars", f"--window-size={WIDTH_PX},{height}"]
    argv = ["chromium", *options, f"--screenshot={shot}", page.as_uri()]
    subprocess.run(argv, check=True, capture_output=True, timeout=120)
    return cv2.imread(str(shot))


def main(folder: Path) -> None:
    """Make them all."""
    import cv2

    found = {name: cv2.imread(str(next(folder.glob(pattern)))) for name, pattern in PICTURES.items()}
    with tempfile.TemporaryDirectory() as private:
        for name, (pattern, height) in PAGES.items():
            found[name] = photograph(next(folder.glob(pattern)), height, Path(private))
    for name, picture in found.items():
        cv2.imwrite(str(DOCS / name), picture, [cv2.IMWRITE_JPEG_QUALITY, 80])
        print(f"{name}: {picture.shape[1]} x {picture.shape[0]} px, {(DOCS / name).stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "demo-out/round").resolve())
