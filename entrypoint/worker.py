"""Child process that imports DeepLabCut. It reads one job per line from stdin and answers with events on a pipe.

stdout and stderr are left to DeepLabCut and its progress bars; the supervisor reads them
(`entrypoint.analyze.worker.output`).
"""

from __future__ import annotations

import contextlib
import errno
import os
import platform
import sys
import time
import traceback
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from dlcctr.contract import FIXES_KEY, FRAME_TIMES_FILENAME
from dlcctr.errors import AnalysisError, DlcctrError, GpuError, OutputError, VideoError
from dlcctr.system.disk import OTHER_SCRATCH
from dlcctr.system.gpus import OUT_OF_GPU_MEMORY
from entrypoint import protocol
from entrypoint.engines import no_animal, output_files
from entrypoint.engines.base import Engine, NotCovered, get_engine
from entrypoint.engines.gpu_failures import is_gpu_failure, is_gpu_memory
from entrypoint.engines.versions import versions
from entrypoint.environment.parent import die_with_parent
from entrypoint.loop import row_times
from entrypoint.loop.judging.judge_files import judge_files
from entrypoint.loop.judging.judge_job import NOT_JUDGED
from entrypoint.loop.judging.judge_row import Judged
from entrypoint.loop.loop import Loop
from entrypoint.protocol import Answer, DamageFound, Done, EventWriter, Failed, Job, Order, Ready, Report, parse_order
from entrypoint.video.sound_pass import DamagedVideo

MEMORY_HINT = "use a smaller --batch-size, or give the job more memory"
GPU_MEMORY_HINT = "use a smaller --batch-size, or a GPU with more memory; look whether others use this one: nvidia-smi"


def main(engine_name: str, events: int, threads: int) -> None:
    """Import the engine, report that, then do jobs until stdin ends.

    Parameters
    ----------
    events : int
        File descriptor to write events to.
    """
    die_with_parent()
    with os.fdopen(events, "wb") as stream:
        writer = EventWriter(stream)
        engine = _load(engine_name, threads, writer)
        if engine is not None:
            loop = Loop(engine.open_network)
            for line in sys.stdin:
                writer.write(_run(engine, loop, parse_order(line), writer.write))
    sys.stdout.flush()
    # Interpreter shutdown of the big libraries takes seconds and can hang; all is written.
    os._exit(0)


def _load(name: str, threads: int, writer: EventWriter) -> Engine | None:
    started = time.monotonic()
    try:
        engine = get_engine(name)
        facts = engine.load(threads)
    except Exception as error:
        traceback.print_exc()
        writer.write(_failure(AnalysisError(f"DeepLabCut cannot be imported: {_line(error)}", "run `dlc doctor`")))
        return None
    told = {"cuda": facts.cuda_version, "cudnn": facts.cudnn_version, FIXES_KEY: " ".join(facts.fixes)}
    found = {"python": platform.python_version(), **versions(), **{name: text for name, text in told.items() if text}}
    writer.write(Ready(facts.cuda, found, time.monotonic() - started))
    return engine


def _run(engine: Engine, loop: Loop, order: Order, report: Report) -> Answer | Failed:
    """Do what is asked for; the answer is about the job itself, not those beside it."""
    try:
        with _explained():
            if order.job.path == "own":
                return _analyze_own(engine, loop, order, report)
            return _analyze_stock(engine, loop, order.job, report)
    except output_files.ShortRead as short:
        return protocol.ShortRead(short.rows)
    except NotCovered as why:
        return protocol.NotCovered(str(why))
    except DamagedVideo:
        return DamageFound()
    except DlcctrError as error:
        return _failure(error)


def _analyze_own(engine: Engine, loop: Loop, order: Order, report: Report) -> Done:
    job = order.job
    result = loop.analyze(job, report, order.beside)
    done = _finish(engine, replace(job, scan=result.scan), result.scorer)
    times = row_times.write(job, result.scan)
    judged = result.judged or NOT_JUDGED
    _write(judged, job)
    return replace(
        done,
        files=[*done.files, *([FRAME_TIMES_FILENAME] if times else []), *judged.files],
        times=times,
        backend=result.backend,
        why_engine=result.why_engine,
        batch_size=result.batch_size,
        checkpoints=result.checkpoints,
        timings_s=result.timings_s,
        scan=None if job.scan else result.scan,
        from_float32=result.from_float32,
        decoder=result.decoder,
        flags=list(judged.flags),
    )


def _analyze_stock(engine: Engine, loop: Loop, job: Job, report: Report) -> Done:
    loop.forget()  # DeepLabCut loads the model once more
    try:
        scorer = engine.analyze(job)
    except Exception as error:
        scorer = no_animal.write_empty_tracks(job, error)
    done, clock = _finish(engine, job, scorer), time.monotonic()
    judged = judge_files(job, report)
    _write(judged, job)
    return replace(
        done,
        files=[*done.files, *judged.files],
        flags=list(judged.flags),
        timings_s={"quality": time.monotonic() - clock},
    )


def _write(judged: Judged, job: Job) -> None:
    for name, data in judged.files.items():
        (Path(job.folder) / name).write_bytes(data)


def _finish(engine: Engine, job: Job, scorer: str) -> Done:
    """Verify the files in the job's folder, give them their places and names, and describe them."""
    device, analysed = engine.device_used(job), time.monotonic()
    output_files.verify(job, scorer)
    remark = no_animal.remark(job)
    if job.missing and job.path != "own":
        output_files.expand(job)
    columns, files = output_files.describe(job), output_files.rename(job)
    return Done(scorer, device, columns, files, time.monotonic() - analysed, remark=remark)


@contextlib.contextmanager
def _explained() -> Iterator[None]:
    """Turn what DeepLabCut and the engines raise into this project's errors."""
    try:
        yield
    except (DlcctrError, output_files.ShortRead, NotCovered, DamagedVideo):
        raise
    except Exception as error:
        traceback.print_exc()
        raise _explain(error) from error


def _explain(error: Exception) -> DlcctrError:
    text = _line(error)
    lower = text.lower()
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return OutputError(f"the scratch folder's disk is full: {text}", f"free space there; or else: {OTHER_SCRATCH}")
    if is_gpu_memory(text):
        return AnalysisError(f"{OUT_OF_GPU_MEMORY}: {text}", GPU_MEMORY_HINT)
    if isinstance(error, MemoryError) or "out of memory" in lower or "oom when allocating" in lower:
        return AnalysisError(f"out of memory: {text}", MEMORY_HINT)
    if "video could not be opened" in lower:
        return VideoError(f"OpenCV cannot open the video: {text}", "play it, or convert it with ffmpeg")
    if is_gpu_failure(text):
        return GpuError(
            f"the GPU failed, or cannot run this image's engine: {text}", "run `dlc doctor` on this machine"
        )
    return AnalysisError(f"DeepLabCut failed: {text}", "its last output is shown above")


def _failure(error: DlcctrError) -> Failed:
    return Failed(int(error.exit_code), error.message, error.hint)


def _line(error: BaseException) -> str:
    text = " ".join(str(error).split())[:400]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
