"""What each kind of step costs: `python -m tests.benchmarks.steps [KIND …]`.

Every case runs in a process of its own on made-up rows of two lengths and two numbers of points: seconds of CPU (other
programs on the machine hardly change them) and the most memory. At the end the constants of `dlcctr/planning/steps.py`
are worked out from them: seconds and MB for the process, and for each frame, each point of a frame, each pixel.
`tracks` is measured by `tests.benchmarks.tracks` and `tests.benchmarks.long_tracks`.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import pickle
import resource
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
WIDTH, HEIGHT = 640, 480
CASES = {
    "filter median": ("filter", {"filtertype": "median"}, (20_000, 100_000)),
    "filter spline": ("filter", {"filtertype": "spline"}, (20_000, 100_000)),
    "filter kalman": ("filter", {"filtertype": "kalman"}, (20_000, 100_000)),
    "filter arima": ("filter", {"filtertype": "arima"}, (200, 600)),
    "ensemble median": ("ensemble", {"combine": "median"}, (20_000, 100_000)),
    "ensemble eks": ("ensemble", {"combine": "eks"}, (20_000, 100_000)),
    "nwb": ("nwb", {"session_start_time": "2026-03-04T10:00:00+00:00"}, (20_000, 100_000)),
    "csv": ("csv", {}, (20_000, 100_000)),
    "label-video": ("label-video", {"preset": "veryfast"}, (150, 450)),
}
"""Kind, parameters, and the two numbers of frames."""
POINTS = (4, 16)
MODELS = 3


def walk(frames: int, points: int, seed: int = 3) -> Any:
    """A table of points that run about as animals do, noise of 1 px, a tenth of them unsure."""
    import numpy
    import pandas

    from dlcctr.results.h5.positions import PositionColumns
    from tests.unit.support.step_rows import SCORER

    generator = numpy.random.default_rng(seed)
    columns = PositionColumns(SCORER, tuple(("", f"part{n}") for n in range(points)), several=False)
    values = numpy.empty((frames, points, 3))
    turn = numpy.cumsum(generator.normal(size=(frames, points)) * 0.05, axis=0)
    for axis, (wave, most) in enumerate(((numpy.cos, WIDTH), (numpy.sin, HEIGHT))):
        values[..., axis] = most / 2 + wave(turn) * most / 3 + generator.normal(size=(frames, points))
    values[..., 2] = numpy.where(generator.random((frames, points)) < 0.1, 0.1, 0.95)
    return pandas.DataFrame(values.reshape(frames, -1), columns=columns.header())


def do_case(name: str, folder: Path, frames: int, points: int) -> None:
    """One case, in this process; prints JSON."""
    from dlcctr.campaign.steps.spec import parse_step
    from tests.unit.support.step_rows import make_step

    kind, parameters, _ = CASES[name]
    spec = parse_step({"name": "mine", "kind": kind, **parameters})
    times = tuple(n / 30 for n in range(frames))
    given = make_step(folder / "0", spec.parameters, walk(frames, points), times)
    if kind == "ensemble":
        more = [make_step(folder / str(n), spec.parameters, walk(frames, points, n), times) for n in range(1, MODELS)]
        given = replace(given, others=tuple(replace(each.source, row=replace(each.source.row, index=n))
                                            for n, each in enumerate(more)))  # fmt: skip
    if kind == "label-video":
        video = folder / "a.mp4"
        write_clip(video, frames)
        given = replace(given, video=video)
    # its own process: what was imported and held to make the row is not the step's
    file = folder / "given.pickle"
    file.write_bytes(pickle.dumps(replace(given, progress=max)))  # any function that a pickle can name
    words = [sys.executable, "-m", "tests.benchmarks.steps", "--run", kind, str(file)]
    subprocess.run(words, check=True)


def run_case(kind: str, file: Path) -> None:
    """Do the step; prints JSON."""
    module = importlib.import_module(f"entrypoint.steps.{kind.replace('-', '_')}")
    module.run(pickle.loads(file.read_bytes()))
    used = resource.getrusage(resource.RUSAGE_SELF)
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    peak = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
    print(json.dumps({"cpu_s": used.ru_utime + used.ru_stime, "peak_mb": peak / 1024}))


def write_clip(file: Path, frames: int) -> None:
    """A clip with a moving pattern and some noise, as a camera's."""
    from fractions import Fraction

    import av
    import numpy

    noise = numpy.random.default_rng(1).integers(0, 12, (HEIGHT, WIDTH, 3), dtype=numpy.uint8)
    with av.open(str(file), "w") as out:
        stream = out.add_stream("libx264", rate=Fraction(30))
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for n in range(frames):
            picture = numpy.roll(noise, 3 * n, axis=1) + 90
            picture[100:200, (5 * n) % 500 : (5 * n) % 500 + 100] = 30
            for packet in stream.encode(av.VideoFrame.from_ndarray(picture.astype(numpy.uint8), format="rgb24")):
                out.mux(packet)
        for packet in stream.encode():
            out.mux(packet)


def main() -> int:
    """Measure and print."""
    from tests.integration.conftest import native_python_of

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cases", nargs="*", default=list(CASES), help=f"of: {', '.join(CASES)}")
    python = str(native_python_of("pytorch"))
    environment = {**os.environ, "DLClight": "True", "PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": "-1"}
    for name in parser.parse_args().cases:
        few, many = CASES[name][2]
        found = {}
        for frames, points in ((few, POINTS[0]), (many, POINTS[0]), (many, POINTS[1])):
            with tempfile.TemporaryDirectory() as folder:
                command = [python, "-m", "tests.benchmarks.steps", "--case", name, folder, str(frames), str(points)]
                done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True, cwd=ROOT)
            found[frames, points] = json.loads(done.stdout.splitlines()[-1])
            print(f"{name}, {frames} frames of {points} points: {found[frames, points]}", flush=True)
        print(f"{name}: {constants(found, few, many)}", flush=True)
    return 0


def constants(found: dict[tuple[int, int], dict[str, float]], few: int, many: int) -> str:
    """Fixed cost, cost of a frame and of a point of a frame, of seconds and of memory."""
    said = []
    for what, unit in (("cpu_s", "s"), ("peak_mb", "MB")):
        least, longer, wider = (found[key][what] for key in ((few, POINTS[0]), (many, POINTS[0]), (many, POINTS[1])))
        point = max(0.0, (wider - longer) / many / (POINTS[1] - POINTS[0]))
        frame = max(0.0, (longer - least) / (many - few) - POINTS[0] * point)
        fixed = least - few * (frame + POINTS[0] * point)
        said.append(f"{fixed:.3g} {unit}, {frame:.3g} {unit} a frame, {point:.3g} {unit} a point of a frame")
    return "; ".join(said)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--run"]:
        run_case(sys.argv[2], Path(sys.argv[3]))
    elif sys.argv[1:2] == ["--case"]:
        do_case(sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5]))
    else:
        sys.exit(main())
