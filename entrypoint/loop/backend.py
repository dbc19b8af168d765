"""Which backend computes the network: the engine, or OpenVINO where both give the same positions."""

from __future__ import annotations

from typing import Any

from dlcctr.campaign.precision import FLOAT32
from dlcctr.errors import AnalysisError, ModelError
from dlcctr.results.sections import FromFloat32
from entrypoint.engines import openvino
from entrypoint.engines.base import Finish, Network, NotCovered
from entrypoint.loop.compare import comparable, difference
from entrypoint.loop.result import LoopResult
from entrypoint.protocol import Job, Message, Report

CHECKED_FRAMES = 8
"""Number of frames of a video's first batch on which OpenVINO is compared with the engine."""
MARGIN = 10
"""So many times closer they must be there than what is called equal: networks that make small differences large
may be off by more on other frames. The ones that were measured stay below a fiftieth."""


def choose_backend(network: Network, job: Job, frames: Any, result: LoopResult, report: Report) -> tuple[str, str]:
    """Name of what computes the network, and why it is not OpenVINO where that was wanted."""
    engine = network.use_engine()
    if chosen := network.tune(frames, lambda ours, others: not difference(ours, others, on_gpu=True)):
        engine = f"{engine}, {chosen}"
    if job.precision != FLOAT32:
        _use_precision(network, job, frames, result, report)
        return f"{engine}, {job.precision}", ""
    if job.backend == "engine":
        return engine, ""
    frames = comparable(frames[:CHECKED_FRAMES])
    size = tuple(frames.shape[1:3])
    try:
        if network.batch_matters:
            raise NotCovered("in a network that normalises by the batch it gives other positions")
        expected = predict(network, frames, result, report)
        found = network.use_openvino(job, size)
        off = difference(_predict_with_openvino(network, frames), expected, MARGIN)
        if not off:
            return found, ""
        openvino.forget(job, size)
        raise NotCovered(f"OpenVINO gives other positions ({off})")
    except NotCovered as why:
        if job.backend == "openvino":
            raise ModelError(
                f"OpenVINO cannot compute this network, because {why}",
                "leave the choice to the program with --backend auto",
            ) from why
        return network.use_engine(), str(why)


def _use_precision(network: Network, job: Job, frames: Any, result: LoopResult, report: Report) -> None:
    """Have the engine compute in another precision, and report how far that is from float32 on real frames."""
    import numpy

    frames = comparable(frames[:CHECKED_FRAMES])
    expected = predict(network, frames, result, report)
    network.use_precision(job.precision)
    found = predict(network, frames, result, report)
    if not numpy.isfinite(found).all():
        raise AnalysisError(
            f"in {job.precision} this network gives no numbers: its maps are too large",
            "compute in bf16, whose range is that of float32, or in float32",
        )
    off = numpy.abs(found - expected).reshape(-1, 3).max(axis=0)
    px, likelihood = float(f"{off[:2].max():.3g}"), float(f"{off[2]:.3g}")
    result.from_float32 = FromFloat32(len(frames), px, likelihood)
    report(
        Message(
            f"{job.precision}: on its first {len(frames)} frames up to {px} px and {likelihood} in likelihood from "
            "float32, which is what stock DeepLabCut computes in"
        )
    )


def _predict_with_openvino(network: Network, frames: Any) -> Any:
    """OpenVINO's first positions. Any failure is a reason not to use it, even memory: smaller batches need as much."""
    try:
        return network.predict(frames)
    except Exception as error:
        raise openvino.refusal(error) from error


def predict(network: Network, frames: Any, result: LoopResult, report: Report) -> Any:
    """Positions of a batch, in smaller batches once memory does not suffice; no frame is left out."""
    return start(network, frames, result, report)()


def start(network: Network, frames: Any, result: LoopResult, report: Report) -> Finish:
    """Begin with a batch as `predict` does; the function that is returned waits for its positions.

    What is in `frames` may change as soon as this returns.
    """
    import numpy

    parts, first = list[Finish](), 0
    while first < len(frames):
        batch = frames[first : first + result.batch_size]
        part = _try(network, batch)
        if part is None:
            parts = [_there(each()) for each in parts]  # what they hold of the memory is free then
            network.release_memory()
            result.batch_size = len(batch) // 2
            report(Message(f"out of memory: continuing with batches of {result.batch_size}"))
        else:
            parts.append(part)
            first += len(batch)
    return parts[0] if len(parts) == 1 else lambda: numpy.concatenate([part() for part in parts])


def _there(positions: Any) -> Finish:
    return lambda: positions


def _try(network: Network, frames: Any) -> Finish | None:
    """A batch that was begun, or None if memory does not suffice and the batch can be made smaller."""
    try:
        return network.start(frames)
    except Exception as error:  # it holds on to the memory: nothing can be given back before it is gone
        if len(frames) == 1 or not network.is_out_of_memory(error):
            raise
        return None
