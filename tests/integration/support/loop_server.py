"""One side of `tests.benchmarks.loop`: a process that has DeepLabCut imported and analyses what it is told to.

Usage: loop_server.py stock|own ENGINE THREADS. Reads a JSON line per analysis and answers with one: the seconds of the
frames (``frames_s``) and of the whole call (``call_s``), the peak memory, and of our loop the seconds by phase and how
fast decoding and the network are alone.
"""

from __future__ import annotations

import json
import pickle
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]


def forget_peak() -> None:
    """Have Linux measure the most memory anew (proc_pid_clear_refs(5)): what the ceilings took is not the loop's."""
    Path("/proc/self/clear_refs").write_text("5")


def peak_mb() -> float:
    """Most memory since then, in MB."""
    (line,) = (each for each in Path("/proc/self/status").read_text().splitlines() if each.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


class Stock:
    """DeepLabCut's `analyze_videos`, as its own documentation calls it."""

    def __init__(self, engine: str, threads: int) -> None:
        from entrypoint.engines.torchvision_ops import declare_missing

        declare_missing()
        import deeplabcut
        import torch
        from deeplabcut.core.engine import Engine

        torch.set_num_threads(threads)
        self._analyze = deeplabcut.analyze_videos
        self._tensorflow = engine == "tensorflow"
        self._engine = Engine.TF if self._tensorflow else Engine.PYTORCH

    def run(self, job: dict[str, Any]) -> dict[str, Any]:
        folder = Path(job["folder"])
        on_gpu = job["device"] == "cuda"
        options: dict[str, Any] = {"device": "cuda:0" if on_gpu else "cpu"}
        if self._tensorflow:
            options = {"use_openvino": False, "gputouse": 0 if on_gpu else None}
        start = time.perf_counter()
        self._analyze(
            job["config"], [job["video"]], engine=self._engine, destfolder=str(folder), batch_size=job["batch_size"],
            save_as_csv=True, **options,
        )  # fmt: skip
        call_s, peak = time.perf_counter() - start, peak_mb()
        (meta,) = folder.glob("*_meta.pickle")
        with meta.open("rb") as file:
            frames_s = pickle.load(file)["data"]["run_duration"]  # DeepLabCut's own: from the first frame to the last
        return {"call_s": call_s, "frames_s": frames_s, "peak_mb": peak}


class Own:
    """Our loop, as the worker calls it, verification included."""

    def __init__(self, engine: str, threads: int) -> None:
        from entrypoint.engines.base import get_engine
        from entrypoint.loop.loop import Loop

        self._engine = get_engine(engine)
        self._engine.load(threads)
        self._loop = Loop(self._engine.open_network)

    def run(self, fields: dict[str, Any]) -> dict[str, Any]:
        from dlcctr.system.values.records import from_table
        from entrypoint import worker
        from entrypoint.protocol import Done, Job, Order

        ceilings = fields.pop("ceilings")
        job = from_table(Job, fields)
        start = time.perf_counter()
        answer = worker._run(self._engine, self._loop, Order(job), lambda _: None)
        call_s, peak = time.perf_counter() - start, peak_mb()
        assert isinstance(answer, Done), answer
        phases = answer.timings_s
        found = {
            "backend": answer.backend,
            "call_s": call_s,
            "frames_s": phases["decoding"] + phases["network"],
            "phases": phases,
            "peak_mb": peak,
        }
        return {**found, **(self._ceilings(job) if ceilings else {})}

    def _ceilings(self, job: Any) -> dict[str, float]:
        """Frames/s of decoding alone, and of the network alone on the first batch; what it needs, and could have."""
        from entrypoint.loop.batch_reader import BatchReader

        network, batch = self._loop._load(job).network, None
        start = time.perf_counter()
        with BatchReader(
            Path(job.video), job.scan, batch_size=job.batch_size, box=None, allocate=network.allocate
        ) as reader:
            for frames in reader:
                batch = frames.copy() if batch is None else batch
        decoding_s = time.perf_counter() - start
        assert batch is not None
        start, count = time.perf_counter(), 0
        while count < job.announced:
            network.predict(batch)
            count += len(batch)
        network_fps = count / (time.perf_counter() - start)
        return {
            "decode_fps": job.announced / decoding_s, "network_fps": network_fps,
            "gflop": gflop(network, batch.shape[1:3]), "peak_gflops": peak_gflops(),
        }  # fmt: skip


def gflop(network: Any, size: tuple[int, int]) -> float:
    """Floating-point operations of one frame's convolutions and matrix products, in 10^9, from OpenVINO's export."""
    from entrypoint.engines.pytorch import network as pytorch
    from entrypoint.engines.tensorflow import network as tensorflow

    if isinstance(network, pytorch.TorchNetwork):
        model = pytorch.export(network._model, network._steps, size)
    else:
        model = tensorflow.export(network._session, network._stock_frames, network._stock_poses, size)
    model.reshape([1, *(each.get_length() for each in list(model.inputs[0].partial_shape)[1:])])
    from openvino.passes import ConstantFolding, Manager

    passes = Manager()
    passes.register_pass(ConstantFolding())  # TensorFlow computes some shapes in the graph
    passes.run_passes(model)
    return sum(map(_operations, model.get_ops())) / 1e9


def _operations(node: Any) -> int:
    """Two for each multiplication that is added to a sum."""
    import math

    kind = node.get_type_name()
    if kind not in ("Convolution", "GroupConvolution", "ConvolutionBackpropData", "MatMul"):
        return 0
    weights = list(node.input(1).get_shape())
    if kind == "ConvolutionBackpropData":  # (in, out, height, width): each input goes into all of it
        return 2 * math.prod(node.input(0).get_shape()) * math.prod(weights[1:])
    made = math.prod(node.output(0).get_shape())
    return 2 * made * (node.input(0).get_shape()[-1] if kind == "MatMul" else math.prod(weights[-3:]))


def peak_gflops(size: int = 2048, repeats: int = 8) -> float:
    """10^9 operations/s of float32 matrix products: what the processor reaches in practice."""
    import torch

    a, b = torch.ones(size, size), torch.ones(size, size)
    best = 0.0
    for _ in range(repeats):
        start = time.perf_counter()
        torch.mm(a, b)
        best = max(best, 2 * size**3 / (time.perf_counter() - start) / 1e9)
    return best


def main() -> None:
    sys.path.insert(0, str(ROOT))
    side = {"stock": Stock, "own": Own}[sys.argv[1]](sys.argv[2], int(sys.argv[3]))
    print("\nANSWER ready", flush=True)
    for line in sys.stdin:
        job = json.loads(line)
        forget_peak()
        answer = side.run(job)
        print("\nANSWER " + json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
