"""Stands in for the worker: speaks its protocol without DeepLabCut. What it does is named by $FAKE_WORKER."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

SCORER = "DLC_Fake"


def main() -> None:
    mode = os.environ["FAKE_WORKER"]
    channel = os.fdopen(int(sys.argv[3]), "w")

    def answer(message: dict[str, Any]) -> None:
        channel.write(json.dumps(message) + "\n")
        channel.flush()

    if mode == "no import":
        answer({"event": "failed", "code": 7, "message": "DeepLabCut cannot be imported", "hint": "see doctor"})
        return
    print("importing")
    versions = {"deeplabcut": "0", "cuda_mask": os.environ["CUDA_VISIBLE_DEVICES"]}
    answer({"event": "ready", "cuda": mode == "cuda", "versions": versions, "import_s": 0.1})
    for line in sys.stdin:
        job = json.loads(line)
        if mode == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        elif mode == "exit":
            print("RuntimeError: deep inside")
            sys.exit(3)
        elif mode in ("keep", "lose"):
            keep(job, mode)
        elif mode == "sleep":
            Path(os.environ["FAKE_STARTED"]).write_text(str(os.getpid()))
            time.sleep(600)
        elif job["path"] == "own" and mode != "own":
            answer({"event": "uncovered", "why": "this worker is a fake"})
        elif mode == "full":
            answer({"event": "failed", "code": 8, "message": "disk full", "hint": "free space"})
        elif mode == "always short" or (mode == "short" and Path(job["video"]).stem == "video"):
            answer({"event": "short", "rows": job["decoded"] - 1})
        else:
            analyse(job, answer)


def keep(job: dict[str, Any], mode: str) -> None:
    """Finish a part of the frames, as far as the supervisor can tell, and then work for ever."""
    if mode == "keep":
        Path(job["parts"]).mkdir()
        (Path(job["parts"]) / "0-8.npz").touch()
    Path(os.environ["FAKE_STARTED"]).write_text(str(os.getpid()))
    time.sleep(600)


def analyse(job: dict[str, Any], answer: Any) -> None:
    assert list(Path(job["folder"]).iterdir()) == []
    first = 0
    if job["path"] == "own":
        first, parts = 5 * Path(job["parts"]).exists(), [{"first": 0, "stop": 5}]
        own = {"timings_s": {"network": 0.0}, "batch_size": 2, "parts": parts if first else []}
        print("dlcctr says: warning: the fake is tired")
        print(f"dlcctr says: going on at frame {first} of 12" if first else "", flush=True)
    print("Running pose prediction with batch size 8")
    for done in range(first, job["decoded"] + 1, 5):
        print(f"\r {done}%|#| {done}/{job['decoded']} [00:00<00:00]", end="")
    names = [f"{job['stem']}{SCORER}{ending}" for ending in (".h5", ".csv", "_meta.pickle")]
    for name in names:
        (Path(job["folder"]) / name).write_text(json.dumps(job))
    answer(
        {
            "event": "done",
            "scorer": SCORER,
            "device": {"type": job["device"]},
            "columns": {"rows": job["frames"], "names": job["columns"]},
            "files": names,
            "verification_s": 0.0,
            **(own if job["path"] == "own" else {}),
        }
    )


main()
