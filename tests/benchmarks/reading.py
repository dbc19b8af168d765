"""From file to batches, with a network that takes no time: `python -m tests.benchmarks.reading`.

What a fast GPU would wait for. Decoding alone, our scan, our reader and our whole loop, which proves every frame,
beside stock DeepLabCut's reading and preparing and, where there is such a program, ffmpeg's conversion to BGR: in turn,
on the same video and on as many threads. Writes its part of docs/benchmark.json, and the page.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from dlcctr.image.flavours import list_flavours, pick_flavour, read_pins
from dlcctr.runtime.native.environment import ensure_environment
from dlcctr.system.cpus import cpu_count, thread_environment
from tests.benchmarks import page
from tests.benchmarks.loop import RESULTS, machine
from tests.gpu.clips import CLIP, Clips
from tests.integration.support.tiny_models import make_model

SIDES = Path(__file__).parent / "reading_sides.py"
WIDTH, HEIGHT = 640, 480
CODECS: dict[str, tuple[str, str, str, dict[str, str]]] = {
    "H.264": ("mp4", "libx264", "yuv420p", {"crf": "23", "preset": "fast"}),
    "MPEG-4 in AVI": ("avi", "mpeg4", "yuv420p", {"b": "2000000"}),
    "MJPEG": ("avi", "mjpeg", "yuvj420p", {"q": "5"}),
    "HEVC": ("mp4", "libx265", "yuv420p", {"crf": "28", "preset": "fast", "x265-params": "log-level=none"}),
}
"""Ending, encoder, pixel format and options."""
AS_IT_IS = "H.264, 4:4:4"
"""The open-field clip itself: its colours have as many samples as its brightness, which is rare."""


def make_videos(folder: Path, frames: int) -> dict[str, Path]:
    """A video for each codec: the open-field clip where it is, itself and encoded anew, or pictures of our own."""
    source = Clips(folder).usual(WIDTH, HEIGHT, frames)
    itself = {AS_IT_IS: source} if CLIP.is_file() else {}
    return itself | {name: encode(source, folder, *options) for name, options in CODECS.items()}


def encode(source: Path, folder: Path, ending: str, codec: str, pix_fmt: str, options: dict[str, str]) -> Path:
    """Encode a video anew."""
    import av

    path = folder / f"{codec}.{ending}"
    with av.open(str(source)) as reading, av.open(str(path), "w") as out:
        stream: Any = out.add_stream(codec, rate=30, options=options)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, pix_fmt
        for number, frame in enumerate(reading.decode(video=0)):
            picture = frame.reformat(format=pix_fmt)
            picture.pts, picture.pict_type = number, 0
            picture.time_base = 1 / stream.codec_context.framerate
            out.mux(stream.encode(picture))
        out.mux(stream.encode(None))
    return path


def main() -> int:
    """Measure all codecs, and write the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--threads", type=int, default=cpu_count(), help="default: all CPUs")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--frames", type=int, default=2330)
    parser.add_argument("--codec", choices=(AS_IT_IS, *CODECS), action="append", help="default: all")
    options = parser.parse_args()
    pins = read_pins()
    python = ensure_environment(pick_flavour(list_flavours(), pins, "pytorch", "cpu"))
    facts, lines = machine(options), []
    environment = {**os.environ, **thread_environment(options.threads), "SLURM_CPUS_PER_TASK": str(options.threads)}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = make_model(python, "pytorch-single", folder)
        for codec, video in make_videos(folder, options.frames).items():
            if options.codec and codec not in options.codec:
                continue
            command = [str(python), str(SIDES), str(model), str(video), str(options.threads), str(options.turns)]
            said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment).stdout
            sides = json.loads(said.splitlines()[-1])
            lines.append({"codec": codec, "frames": options.frames, "sides": sides})
            print(" | ".join(page.reading_line(lines[-1])), flush=True)
    results = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.is_file() else {}
    results["reading"] = {
        **facts, "load_after": os.getloadavg()[0], "turns": options.turns, "width": WIDTH, "height": HEIGHT,
        "real": CLIP.is_file(), "lines": lines,
    }  # fmt: skip
    RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    page.write_page(results)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
