"""Child process that imports DeepLabCut. It reads one job per line from stdin and answers on a pipe of its own.

stdout and stderr are left to DeepLabCut and its progress bars; the supervisor reads them
(`entrypoint.analyze.worker_process`).
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import platform
import signal
import sys
import time
import traceback
from collections.abc import Iterator
from dataclasses import asdict, replace
from typing import Any, TextIO

from dlcctr.errors import AnalysisError, DlcctrError, GpuError, OutputError, VideoError
from entrypoint.engines import output_files
from entrypoint.engines.base import Engine, NotCovered, get_engine
from entrypoint.engines.versions import versions
from entrypoint.loop.loop import Loop
from entrypoint.protocol import Job

PR_SET_PDEATHSIG = 1
MEMORY_HINT = "use a smaller --batch-size, or give the job more memory"


def main(engine_name: str, answers: int, threads: int) -> None:
    """Import the engine, say so, then do jobs until stdin ends."""
    _die_with_parent()
    with os.fdopen(answers, "w", encoding="utf-8") as channel:
        engine = _load(engine_name, threads, channel)
        if engine is not None:
            loop = Loop(engine.open_network)
            for line in sys.stdin:
                _answer(channel, _run(engine, loop, Job(**json.loads(line))))
    sys.stdout.flush()
    # Interpreter shutdown of the big libraries takes seconds and can hang; all is written.
    os._exit(0)


def _die_with_parent() -> None:
    """Ask Linux to kill this process when the supervisor is killed, so that no orphan keeps a GPU busy."""
    with contextlib.suppress(OSError, AttributeError):
        import ctypes

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _answer(channel: TextIO, message: dict[str, Any]) -> None:
    channel.write(json.dumps(message) + "\n")
    channel.flush()


def _load(name: str, threads: int, channel: TextIO) -> Engine | None:
    started = time.monotonic()
    try:
        engine = get_engine(name)
        facts = engine.load(threads)
    except Exception as error:
        traceback.print_exc()
        _answer(channel, _failure(AnalysisError(f"DeepLabCut cannot be imported: {_line(error)}", "run `dlc doctor`")))
        return None
    found = {"python": platform.python_version(), **versions(), **{k: v for k, v in facts["versions"].items() if v}}
    _answer(
        channel,
        {"event": "ready", "cuda": facts["cuda"], "versions": found, "import_s": time.monotonic() - started},
    )
    return engine


def _run(engine: Engine, loop: Loop, job: Job) -> dict[str, Any]:
    """Do a job."""
    try:
        with _explained():
            scorer, facts = _analyze_own(loop, job) if job.path == "own" else _analyze_stock(engine, loop, job)
            device = {**engine.device_used(job), **facts.pop("device", {})}
            analysed = time.monotonic()
            output_files.verify(replace(job, decoded=job.frames) if job.path == "own" else job, scorer)
            if job.missing and job.path != "own":
                output_files.expand(job)
            columns = output_files.describe(job)
            names = output_files.rename(job)
    except output_files.ShortRead as short:
        return {"event": "short", "rows": short.rows}
    except NotCovered as why:
        return {"event": "uncovered", "why": str(why)}
    except DlcctrError as error:
        return _failure(error)
    return {
        "event": "done",
        "scorer": scorer,
        "device": device,
        "columns": columns,
        "files": names,
        "verification_s": time.monotonic() - analysed,
        **facts,
    }


def _analyze_own(loop: Loop, job: Job) -> tuple[str, dict[str, Any]]:
    result = loop.analyze(job)
    return result.scorer, {
        "timings_s": result.timings_s,
        "batch_size": result.batch_size,
        "device": {"backend": result.backend},
        "why_engine": result.why_engine,
        "parts": [asdict(part) for part in result.parts],
    }


def _analyze_stock(engine: Engine, loop: Loop, job: Job) -> tuple[str, dict[str, Any]]:
    loop.forget()  # DeepLabCut loads the model once more
    return engine.analyze(job), {}


@contextlib.contextmanager
def _explained() -> Iterator[None]:
    """Turn what DeepLabCut and the engines raise into this project's errors."""
    try:
        yield
    except (DlcctrError, output_files.ShortRead, NotCovered):
        raise
    except Exception as error:
        traceback.print_exc()
        raise _explain(error) from error


def _explain(error: Exception) -> DlcctrError:
    text = _line(error)
    lower = text.lower()
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return OutputError(
            f"the scratch folder's disk is full: {text}", "free space there, or choose one with --scratch"
        )
    if isinstance(error, MemoryError) or "out of memory" in lower or "oom when allocating" in lower:
        return AnalysisError(f"out of memory: {text}", MEMORY_HINT)
    if "video could not be opened" in lower:
        return VideoError(f"OpenCV cannot open the video: {text}", "play it, or convert it with ffmpeg")
    if "no kernel image" in lower or ("cuda" in lower and "driver" in lower):
        return GpuError(f"the GPU cannot run this image's engine: {text}", "run `dlc doctor` on this machine")
    if "tracklets are empty" in lower or "could not reconstruct" in lower:
        return AnalysisError(f"DeepLabCut could not make tracks: {text}", output_files.EMPTY_HINT)
    return AnalysisError(f"DeepLabCut failed: {text}", "the lines above are the last that it said")


def _failure(error: DlcctrError) -> dict[str, Any]:
    return {"event": "failed", "code": int(error.exit_code), "message": error.message, "hint": error.hint}


def _line(error: BaseException) -> str:
    text = " ".join(str(error).split())[:400]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
