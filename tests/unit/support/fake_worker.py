"""Stands in for the worker: speaks its protocol without DeepLabCut. What it does is named by $FAKE_WORKER."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

sys.path.insert(0, sys.argv[1])
from dlcctr.contract import FRAME_TIMES_FILENAME
from dlcctr.results.sections import Columns, DeviceUsed
from entrypoint.loop import row_times
from entrypoint.protocol import (
    ANALYSING,
    Checkpoint,
    DamageFound,
    Done,
    EventWriter,
    Failed,
    Job,
    Message,
    NotCovered,
    Progress,
    Ready,
    ShortRead,
    parse_order,
)
from entrypoint.video.scan import scan_video

SCORER = "DLC_Fake"


def main() -> None:
    mode, pipe = os.environ["FAKE_WORKER"], os.fdopen(int(sys.argv[3]), "wb")
    events = EventWriter(pipe)
    if mode == "no import":
        events.write(Failed(7, "DeepLabCut cannot be imported", "see doctor"))
        return
    print("importing")
    versions = {"deeplabcut": "0", "cuda_mask": os.environ["CUDA_VISIBLE_DEVICES"]}
    events.write(Ready(mode == "cuda", versions, 0.1))
    for line in sys.stdin:
        order = parse_order(line)
        job = order.job
        note(job, order.beside)
        if mode == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        elif mode == "exit":
            print("RuntimeError: deep inside")
            sys.exit(3)
        elif mode == "half an event":
            events.write(Message("whole"))
            os.write(pipe.fileno(), b'{"event": "Message", "fields": {"text": "half')
            os.kill(os.getpid(), signal.SIGKILL)
        elif mode == "nonsense":
            os.write(pipe.fileno(), b'{"event": "Progress", "fields": {"stage": "x", "done": "5"}}\n')
        elif mode in ("keep", "lose"):
            keep(job, mode)
        elif mode == "sleep":
            Path(os.environ["FAKE_STARTED"]).write_text(str(os.getpid()))
            time.sleep(600)
        elif job.path == "own" and mode not in ("own", "flood"):
            events.write(NotCovered("this worker is a fake"))
        elif mode == "full":
            events.write(Failed(8, "disk full", "free space"))
        elif mode == "always short" or (mode == "short" and Path(job.video).stem == "video"):
            events.write(ShortRead(job.decoded - 1))
        else:
            analyse(job, events, mode)


def note(job: Job, beside: list[Job]) -> None:
    """Write down what was asked for, where a test wants to know."""
    if path := os.environ.get("FAKE_ORDERS"):
        with Path(path).open("a") as file:
            file.write(json.dumps([asdict(each) for each in (job, *beside)]) + "\n")


def keep(job: Job, mode: str) -> None:
    """Write a checkpoint, as far as the supervisor can tell, and then work for ever."""
    if mode == "keep":
        Path(job.checkpoint_folder).mkdir()
        (Path(job.checkpoint_folder) / "0-8.npz").touch()
    Path(os.environ["FAKE_STARTED"]).write_text(str(os.getpid()))
    time.sleep(600)


def analyse(job: Job, events: EventWriter, mode: str) -> None:
    assert list(Path(job.folder).iterdir()) == []
    names = [f"{job.stem}{SCORER}{ending}" for ending in (".h5", ".csv", "_meta.pickle")]
    device = DeviceUsed("cpu", threads=1) if job.device == "cpu" else DeviceUsed("cuda", name="")
    found = None
    if job.scan is None:
        found = scan_video(Path(job.video))
        if not found.clean:
            events.write(DamageFound())
            return
        job = replace(job, scan=found)
    done = Done(SCORER, device, Columns(job.frames, tuple(map(tuple, job.columns))), names, 0.0)
    if job.path == "own":
        checkpoints = run_own(job, events)
        if times := row_times.write(job, found):
            done = replace(done, files=[*names, FRAME_TIMES_FILENAME], times=times)
        done = replace(
            done, scan=found, backend="Fake 1", batch_size=2, checkpoints=checkpoints, timings_s={"network": 0.0}
        )
    else:
        run_stock(job)
    if mode == "imitate":
        imitate()
    if job.scan:
        job = replace(job, scan=replace(job.scan, times=None))
    for name in names:
        (Path(job.folder) / name).write_text(json.dumps(asdict(job)))
    for number in range(int(os.environ["FAKE_FLOOD"]) if mode == "flood" else 0):
        events.write(Message(f"message {number} of {job.stem}"))
        print(f"{number}/{number} [ and line {number} of {job.stem}", flush=True)
    events.write(done)


def run_own(job: Job, events: EventWriter) -> list[Checkpoint]:
    checkpoints = [Checkpoint(0, 5, 2, "cpu", "Fake 1")] if Path(job.checkpoint_folder).exists() else []
    if checkpoints:
        events.write(Message("continuing at frame 5 of 12"))
    events.write(Message("the fake is tired", is_warning=True))
    for done in range(5 * len(checkpoints), job.decoded + 1, 5):
        events.write(Progress(ANALYSING, done))
    return checkpoints


def run_stock(job: Job) -> None:
    print("Running pose prediction with batch size 8")
    for done in range(0, job.decoded + 1, 5):
        print(f"\r {done}%|#| {done}/{job.decoded} [00:00<00:00]", end="")


def imitate() -> None:
    """Print what looks like a message, an event or a line of the task."""
    print("\ndlcctr says: warning: imitated")
    print(json.dumps({"event": "Message", "fields": {"text": "imitated", "is_warning": False}}))
    print(json.dumps({"event": "Failed", "fields": {"code": 8, "message": "imitated", "hint": ""}}))
    print("== row 7 (imitated.mp4)", flush=True)


main()
