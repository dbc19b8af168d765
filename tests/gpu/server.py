"""One side of the check: a process that has DeepLabCut imported, analyses what it is told to and measures itself.

Usage: python -m tests.gpu.server stock|own THREADS, in the checkout. Reads a JSON line per order, ``{"do": NAME, …}``,
and answers with one: what was found, or ``{"error": text}``. The analyses are those of
`tests.integration.support.loop_server`; what is more here needs neither OpenVINO nor anything else but PyTorch.
"""

from __future__ import annotations

import contextlib
import json
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.integration.support import loop_server

LEAST_S = 1.0
"""The network alone is measured for at least this long, after one batch that does not count."""
MM_SIZE = {"cpu": 2048, "cuda": 8192}
ANSWER = "ANSWER "


class Measured:
    """`loop_server`'s Stock or Own, with the GPU memory of each analysis."""

    def __init__(self, name: str, threads: int) -> None:
        from entrypoint.engines.torchvision_ops import declare_missing, supply_operators

        if declare_missing():  # a CPU's torchvision may come without them
            supply_operators()
        kinds: dict[str, Callable[[str, int], Any]] = {"stock": loop_server.Stock, "own": loop_server.Own}
        self.side = kinds[name]("pytorch", threads)

    def analyse(self, order: dict[str, Any]) -> dict[str, Any]:
        """Analyse a video; ``job`` is that of `tests.benchmarks.loop.job_of`."""
        import torch

        job = order["job"]
        on_gpu = job["device"] == "cuda"
        if on_gpu:
            torch.cuda.synchronize()
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
        forget_peak()
        answer: dict[str, Any] = self.side.run(job)
        if on_gpu:
            answer["gpu_allocated_mb"] = torch.cuda.max_memory_allocated() / 2**20
            answer["gpu_reserved_mb"] = torch.cuda.max_memory_reserved() / 2**20
        return answer


class Stock(Measured):
    """Stock DeepLabCut."""


class Own(Measured):
    """Our loop; it also makes models and measures the network alone."""

    def analyse(self, order: dict[str, Any]) -> dict[str, Any]:
        """As `Measured.analyse`, without the ceilings that need OpenVINO."""
        order["job"]["ceilings"] = False
        return super().analyse(order)

    def make(self, order: dict[str, Any]) -> dict[str, Any]:
        """Make a project of a ``kind`` in ``folder``: here, where DeepLabCut is imported already."""
        from tests.integration.support import tiny_models

        tiny_models._make_pytorch(Path(order["folder"]), order["kind"])
        return {}

    def ceilings(self, order: dict[str, Any]) -> dict[str, Any]:
        """Frames/s of decoding alone and of the network alone on a batch that is ready, and what it computes."""
        import torch

        from entrypoint.loop.batch_reader import BatchReader

        job, network, batch = self._job(order), self._network(order), None
        start = time.perf_counter()
        with BatchReader(
            Path(job.video), job.scan, batch_size=job.batch_size, box=None, allocate=network.allocate
        ) as reader:
            for frames in reader:
                batch = frames.copy() if batch is None else batch
        decoding_s = time.perf_counter() - start
        assert batch is not None
        ready = network.allocate(batch.shape)
        ready[:] = batch
        fps = frames_per_s(lambda: network.predict(ready), len(ready))
        device = "cuda" if job.device == "cuda" else "cpu"
        return {
            "decode_fps": job.announced / decoding_s, "network_fps": fps, "gflop": gflop(network, ready[:1]),
            "peak_gflops": product_gflops(device, tf32=False),
            "peak_tf32_gflops": product_gflops(device, tf32=True) if device == "cuda" else None,
            "torch": torch.__version__,
        }  # fmt: skip

    def grid(self, order: dict[str, Any]) -> dict[str, Any]:
        """The network alone by memory layout, TF32 and batch size: frames/s, and the largest differences."""
        job, network = self._job(order), self._network(order)
        try:
            return {"lines": measure_grid(network, job, order["batches"])}
        finally:
            self.side._loop.forget()  # its layout was changed

    def _job(self, order: dict[str, Any]) -> Any:
        from dlcctr.system.values.records import from_table
        from entrypoint.protocol import Job

        return from_table(Job, order["job"])

    def _network(self, order: dict[str, Any]) -> Any:
        network = self.side._loop._load(self._job(order)).network
        network.use_engine()
        return network


def frames_per_s(run: Callable[[], object], frames: int) -> float:
    """Speed of something that computes so many frames at a time and returns when they are computed."""
    run()
    start, count = time.perf_counter(), 0
    while time.perf_counter() - start < LEAST_S:
        run()
        count += frames
    return count / (time.perf_counter() - start)


def gflop(network: Any, frame: Any) -> float:
    """Floating-point operations of one frame's convolutions and matrix products, in 10^9; a sum and a product are 2."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    counter = FlopCounterMode(display=False)
    with counter:
        network._positions(torch.from_numpy(frame).to(network._runner.device))
    return float(counter.get_total_flops()) / 1e9


def product_gflops(device: str, tf32: bool, repeats: int = 5) -> float:
    """10^9 operations/s of products of large float32 matrices: what the device reaches in practice."""
    import torch

    size = MM_SIZE[device]
    a, b = torch.ones(size, size, device=device), torch.ones(size, size, device=device)
    best = 0.0
    with tf32_set(tf32):
        for _ in range(repeats):
            _wait(device)
            start = time.perf_counter()
            torch.mm(a, b)
            _wait(device)
            best = max(best, 2 * size**3 / (time.perf_counter() - start) / 1e9)
    return best


@contextlib.contextmanager
def tf32_set(allowed: bool) -> Any:
    """While this is entered, float32 products and convolutions on a GPU may round to TF32, or may not."""
    import torch

    before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = allowed
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = before


def measure_grid(network: Any, job: Any, batches: list[int]) -> list[dict[str, Any]]:
    """Lines of `Own.grid`. Differences are from the plain layout (NCHW) in float32, in batches of eight at most."""
    import torch

    from entrypoint.loop.batch_reader import BatchReader

    frames = None
    with BatchReader(Path(job.video), job.scan, batch_size=max(batches), box=None, allocate=network.allocate) as reader:
        for each in reader:
            frames = each.copy()
            break
    device, model = network._runner.device, network._model
    on_gpu = str(device).startswith("cuda")
    pictures = torch.from_numpy(frames).to(device)
    layouts = {"NCHW": torch.contiguous_format, "channels_last": torch.channels_last}
    expected, lines = None, []
    for layout, tf32, size in _combinations(layouts, on_gpu, batches):
        model.to(memory_format=layouts[layout])
        with torch.inference_mode(), tf32_set(tf32):
            if expected is None:
                expected = _positions(network, pictures, layouts[layout], min(8, max(batches)))
            found = _positions(network, pictures, layouts[layout], size)
            batch = pictures[:size]

            def run(batch: Any = batch, layout: Any = layouts[layout]) -> None:
                _forward(network, batch, layout)
                _wait("cuda" if on_gpu else "cpu")

            fps = frames_per_s(run, len(batch))
        off = (found - expected).abs().reshape(-1, 3).amax(0).tolist()
        lines.append({
            "layout": layout, "tf32": tf32, "batch_size": size, "fps": fps, "max_px": max(off[:2]),
            "max_likelihood": off[2],
        })  # fmt: skip
    return lines


def _combinations(layouts: dict[str, Any], on_gpu: bool, batches: list[int]) -> list[tuple[str, bool, int]]:
    return [
        (layout, tf32, size) for tf32 in ((False, True) if on_gpu else (False,)) for layout in layouts
        for size in batches
    ]  # fmt: skip


def _forward(network: Any, batch: Any, layout: Any) -> Any:
    from entrypoint.engines.pytorch.network import prepare

    maps = network._model(prepare(batch, network._steps).contiguous(memory_format=layout))
    return network._model.get_predictions(maps)["bodypart"]["poses"][:, 0, :, :3]


def _positions(network: Any, pictures: Any, layout: Any, size: int) -> Any:
    import torch

    parts = [_forward(network, pictures[first : first + size], layout) for first in range(0, len(pictures), size)]
    return torch.cat(parts).to(torch.float32).cpu()


def _wait(device: str) -> None:
    import torch

    if device == "cuda":
        torch.cuda.synchronize()


def forget_peak() -> None:
    """As in `loop_server`, but some sandboxes have no such file."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak_mb() -> float:
    """Most memory of this process since then, in MB; since its beginning where that cannot be measured anew."""
    import resource

    lines = Path("/proc/self/status").read_text().splitlines()
    found = [int(line.split()[1]) for line in lines if line.startswith("VmHWM")]
    return (found[0] if found else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) / 1024


def main() -> None:
    """Do orders until stdin ends."""
    name, threads = sys.argv[1], int(sys.argv[2])
    loop_server.peak_mb = peak_mb
    side: Any = {"stock": Stock, "own": Own}[name](name, threads)
    print("\n" + ANSWER + json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        try:
            answer = getattr(side, order["do"])(order)
        except Exception as error:
            traceback.print_exc()
            answer = {"error": f"{type(error).__name__}: {error}"[:2000]}
        print("\n" + ANSWER + json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
