"""One side after the other on one clip, in a Python that has DeepLabCut: `tests.benchmarks.label_video` starts it.

``label_video_sides.py PROJECT CLIP THREADS TURNS SLOW_CLIP`` prints one line of JSON: seconds, and seconds of CPU, of
each turn of each side. Everything is imported before the first clock starts.
"""

from __future__ import annotations

import json
import os
import pickle
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy

PARTS = [f"part{n}" for n in range(8)]
SKELETON = [[PARTS[n], PARTS[n + 1]] for n in range(0, 6)]
TRAIL = 0


def moving(frames: int, width: int, height: int) -> Any:
    """Positions that go round in the picture, (frames, parts, 3), all of them sure."""
    turn = numpy.arange(frames)[:, None] / 40 + numpy.arange(len(PARTS)) / 3
    found = numpy.ones((frames, len(PARTS), 3))
    found[..., 0] = width / 2 + numpy.cos(turn) * width / 3
    found[..., 1] = height / 2 + numpy.sin(turn) * height / 3
    return found


def measure(work: Callable[[], None]) -> tuple[float, float]:
    """Seconds, and seconds of CPU of this process and the ones that it started."""
    before, start = _cpu(), time.perf_counter()
    work()
    return time.perf_counter() - start, _cpu() - before


def _cpu() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


class Clip:
    """A clip with a table of positions, for both sides."""

    def __init__(self, config: Path, video: Path, folder: Path) -> None:
        from deeplabcut.utils import auxiliaryfunctions

        from dlcctr.results.h5.positions import PositionColumns, write_positions

        with av.open(str(video)) as source:
            stream = source.streams.video[0]
            self.size = stream.width, stream.height
            self.frames = sum(1 for packet in source.demux(stream) if packet.size)
        self.config, self.video, self.folder = config, video, folder
        folder.mkdir()
        cfg = auxiliaryfunctions.read_config(str(config))
        scorer, _ = auxiliaryfunctions.get_scorer_name(cfg, 1, cfg["TrainingFraction"][0])
        self.table = folder / f"{video.stem}{scorer}.h5"
        columns = PositionColumns(scorer, tuple(("", part) for part in PARTS), several=False)
        with write_positions(self.table, columns) as writer:
            writer.write(moving(self.frames, *self.size))
        facts = {"data": {"cropping": False, "cropping_parameters": [0, self.size[0], 0, self.size[1]]}}
        (folder / f"{video.stem}{scorer}_meta.pickle").write_bytes(pickle.dumps(facts))

    def stock(self, *, fast: bool) -> None:
        """DeepLabCut's own."""
        import deeplabcut

        done = deeplabcut.create_labeled_video(
            str(self.config), [str(self.video)], destfolder=str(self.folder), fastmode=fast, draw_skeleton=True,
            trailpoints=TRAIL, overwrite=True,
        )  # fmt: skip
        if done != [True]:
            raise SystemExit("stock made no video")

    def ours(self) -> None:
        """The step, as it is by default."""
        from entrypoint.steps.label_video import run
        from tests.unit.support.label_video_case import bare_case

        work = Path(tempfile.mkdtemp(dir=self.folder))
        run(bare_case(self.video, self.table, self.frames, work, lines=tuple(map(tuple, SKELETON)), trailpoints=TRAIL))
        shutil.rmtree(work)

    def decode(self) -> None:
        """Decode, and nothing else."""
        with av.open(str(self.video)) as source:
            source.streams.video[0].thread_type = "AUTO"
            for _ in source.decode(video=0):
                pass

    def copy(self) -> None:
        """Decode and encode with the step's settings, and draw nothing: no way of drawing can be faster."""
        with av.open(str(self.video)) as source, av.open(str(self.folder / "copy.mp4"), "w") as out:
            source.streams.video[0].thread_type = "AUTO"
            made: Any = out.add_stream("libx264", rate=30, options={"crf": "23", "preset": "veryfast"})
            made.width, made.height, made.pix_fmt = *self.size, "nv12"
            for number, frame in enumerate(source.decode(video=0)):
                picture = frame.reformat(format="nv12")
                picture.pts, picture.time_base, picture.pict_type = number, Fraction(1, 30), 0
                out.mux(made.encode(picture))
            out.mux(made.encode(None))


def main() -> None:
    """Measure every side in turn."""
    project, video, slow_video = Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[5])
    turns = int(sys.argv[4])
    answer = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # DeepLabCut prints
    import entrypoint.steps.label_video  # noqa: F401
    from entrypoint.engines.torchvision_ops import declare_missing

    declare_missing()
    import deeplabcut  # noqa: F401

    with tempfile.TemporaryDirectory() as name:
        long = Clip(project / "config.yaml", video, Path(name) / "long")
        short = Clip(project / "config.yaml", slow_video, Path(name) / "short")
        sides: dict[str, tuple[int, Callable[[], None]]] = {
            "stock, fast": (long.frames, lambda: long.stock(fast=True)),
            "stock, matplotlib": (short.frames, lambda: short.stock(fast=False)),
            "label-video": (long.frames, long.ours),
            "decoding": (long.frames, long.decode),
            "decoding and encoding": (long.frames, long.copy),
        }
        found: dict[str, Any] = {
            name: {"frames": frames, "seconds": [], "cpu": []} for name, (frames, _) in sides.items()
        }
        for turn in range(turns + 1):
            for side, (_, work) in sides.items():
                seconds, cpu = measure(work)
                if turn:  # the first warms up
                    found[side]["seconds"].append(seconds)
                    found[side]["cpu"].append(cpu)
    answer.write(json.dumps(found) + "\n")
    answer.flush()


if __name__ == "__main__":
    main()
