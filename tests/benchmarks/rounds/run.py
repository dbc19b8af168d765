"""All rounds of one engine: ``python -m tests.benchmarks.rounds.run ENGINE OUT …`` in the native environment.

Every training adds one line to `results.jsonl`; what is there is not done again.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from dlcctr.campaign.paths import CampaignPaths
from tests.benchmarks.rounds.settings import FIRST, RECIPES

ROOT = Path(__file__).resolve().parents[3]
WATCH_S = 2.0
PRELOADED = {
    "pytorch": ["tests.benchmarks.rounds.preload_pytorch"],
    "tensorflow": ["tests.benchmarks.rounds.preload_tensorflow"],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("engine", choices=list(PRELOADED))
    parser.add_argument("out", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", required=True)
    parser.add_argument("--sizes", type=int, nargs="+", required=True)
    parser.add_argument("--ways", nargs="+", required=True)
    parser.add_argument("--iterations", type=int, help="of the training after a round; the recipe's by default")
    given = parser.parse_args()
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED[given.engine])
    rounds = Rounds(given.engine, given.out.absolute(), context, given.iterations or RECIPES[given.engine].more)
    for seed in given.seeds:
        rounds.campaign(seed)
        for n_frames in given.sizes:
            for way in given.ways:
                rounds.round(seed, way, n_frames)


class Rounds:
    """What is there of one engine's rounds, and how more is made."""

    def __init__(self, engine: str, out: Path, context: Any, iterations: int) -> None:
        self._engine, self._context, self._iterations = engine, context, iterations
        self._folder, self.results = out / engine, out / engine / "results.jsonl"
        self._folder.mkdir(parents=True, exist_ok=True)
        lines = self.results.read_text().splitlines() if self.results.exists() else []
        self._done = {
            (line["seed"], line["way"], line["frames"])
            for line in map(json.loads, lines)
            if line.get("iterations") in (0, iterations)
        }

    def first_model(self) -> Path:
        """Project of the first model, trained once for all seeds."""
        folder = self._folder / "first"
        if not (folder / "trained").exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            self._in_child(train_first, self._engine, folder)
            (folder / "trained").touch()
        return next(folder.glob("project/*/config.yaml")).parent

    def campaign(self, seed: int) -> None:
        """Videos, and the campaign that the first model has analysed and judged; the first model's held-out error."""
        folder, project = self._folder / f"seed-{seed}", self.first_model()
        manifest = folder / "m.csv"
        if not (folder / "analysed").exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            self._in_child(render, seed, folder)
            _run("-m", "dlcctr", "manifest", str(folder / "videos"), "-o", str(manifest), "--model", str(project))
            _run("-m", "dlcctr", "plan", str(manifest), "--tasks", "1", "--fps", "100", "--all")
            plan = max(CampaignPaths.of(manifest).plans.glob("*.json"))
            task = ["analyze", "--manifest", str(manifest), "--plan", str(plan), "--task", "0", "--allow-cpu"]
            _run("-m", "entrypoint", *task)
            (folder / "analysed").touch()
        if (seed, FIRST, 0) not in self._done:
            began = time.monotonic()
            error, cpu_s = self._in_child(measure, self._engine, seed, folder, project / "config.yaml", FIRST)
            self._add(seed, FIRST, 0, {"iterations": 0, "error": error, "seconds": cpu_s}, began)

    def round(self, seed: int, way: str, n_frames: int) -> None:
        """Pick, label by the truth, train, and measure the held-out error."""
        if (seed, way, n_frames) in self._done:
            return
        folder, project, began = self._folder / f"seed-{seed}", self.first_model(), time.monotonic()
        n = self._iterations
        place = folder / f"{way}-{n_frames}"
        config, picked, trained_s = self._in_child(one_round, self._engine, seed, folder, project, way, n_frames, n)
        # training with a seed makes TensorFlow deterministic, which then refuses a graph without one
        error, measured_s = self._in_child(measure, self._engine, seed, folder, config, place.name)
        shutil.rmtree(place)
        found = {"iterations": n, "error": error, "picked": picked, "seconds": trained_s + measured_s}
        self._add(seed, way, n_frames, found, began)

    def _add(self, seed: int, way: str, n_frames: int, found: dict[str, Any], began: float) -> None:
        self._done.add((seed, way, n_frames))
        line = {"engine": self._engine, "seed": seed, "way": way, "frames": n_frames, **found}
        with self.results.open("a") as stream:
            stream.write(json.dumps(line) + "\n")
        each = {name: f"{found['error'][name]['mean']:.2f}" for name in ("all", "new", "known")}
        took = f"{found['seconds']:.0f} s of CPU, {time.monotonic() - began:.0f} s"
        print(f"{self._engine} seed {seed} {way} {n_frames}: mean px {each}; {took}", flush=True)

    def _in_child(self, do: Callable[..., Any], *words: Any) -> Any:
        """Result of a function in a process of its own: engines keep state."""
        with ProcessPoolExecutor(1, mp_context=self._context, initializer=end_with, initargs=(os.getpid(),)) as pool:
            return pool.submit(do, *words).result()


def end_with(process: int) -> None:
    """End this process once another one is gone: the server that forked it may outlive who asked for it."""

    def watch() -> None:
        while Path(f"/proc/{process}").exists():
            time.sleep(WATCH_S)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _run(*words: str) -> None:
    env = {**os.environ, "SLURM_CPUS_PER_TASK": "1"}
    with (Path("/dev/null")).open("w") as quiet:
        subprocess.run([sys.executable, *words], env=env, check=True, stdout=quiet)


def train_first(engine: str, folder: Path) -> None:
    """Train the first model."""
    from tests.benchmarks.rounds import learn
    from tests.benchmarks.rounds.campaign import first_frames

    with _quiet(folder / "first.log"):
        config = learn.make_first(folder / "project", *first_frames())
        recipe = RECIPES[engine]
        learn.train(engine, config, iterations=recipe.first, rate=recipe.first_rate, weights="none")


def measure(engine: str, seed: int, folder: Path, config: Path, name: str) -> tuple[dict[str, Any], float]:
    """Held-out error of a project's newest network, and seconds of CPU that this took."""
    began = time.process_time()
    with _quiet(folder / f"{name}-measured.log"):
        error = _errors(engine, config, seed, folder)
    return error, time.process_time() - began


def render(seed: int, folder: Path) -> None:
    """Write the campaign's videos."""
    from tests.benchmarks.rounds.campaign import World

    World.of(seed).write_videos(folder)


def one_round(
    engine: str, seed: int, folder: Path, project: Path, way: str, n_frames: int, iterations: int
) -> tuple[Path, list[tuple[str, int]], float]:
    """Pick, label and train from the first model: the new config.yaml, what was picked, seconds of CPU."""
    from tests.benchmarks.rounds import learn
    from tests.benchmarks.rounds.campaign import World, read_frames
    from tests.benchmarks.rounds.pick import by_video, pick

    began = time.process_time()
    place = folder / f"{way}-{n_frames}"
    truth = World.of(seed).write_videos(folder)
    with _quiet(folder / f"{way}-{n_frames}.log"):
        picked = pick(way, folder / "m.csv", n_frames, place / "pick", seed)
        labelled = {}
        for video, numbers in by_video(picked).items():
            pictures = read_frames(folder / "videos" / video, set(numbers))
            labelled[video] = (numbers, [pictures[n] for n in numbers], truth[video][numbers])
        config = learn.add_frames(project, place, labelled)
        learn.train(engine, config, iterations=iterations, rate=RECIPES[engine].more_rate, weights=str(project))
    return config, picked, time.process_time() - began


def _errors(engine: str, config: Path, seed: int, folder: Path) -> dict[str, Any]:
    """Distances from the truth in the held-out videos, summed up: all, each arena, the new ones."""
    import numpy as np

    from tests.benchmarks.rounds import learn
    from tests.benchmarks.rounds.campaign import KNOWN, World
    from tests.benchmarks.rounds.pick import summary

    held_out = World.of(seed).held_out(folder)
    # one network for all: TensorFlow takes longer to build one than to use it
    find = learn.open_network(engine, config)
    away = {
        arena: np.concatenate([np.linalg.norm(find(pictures) - points, axis=-1) for pictures, points in videos]).ravel()
        for arena, videos in held_out.items()
    }
    new = np.concatenate([off for arena, off in away.items() if arena != KNOWN])
    together = {"all": np.concatenate(list(away.values())), "new": new, **away}
    return {name: summary(off) for name, off in together.items()}


class _quiet:
    """What DeepLabCut prints goes into a log."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def __enter__(self) -> None:
        self._log = self._file.open("w")
        self._kept = [os.dup(1), os.dup(2)]
        for n in (1, 2):
            os.dup2(self._log.fileno(), n)

    def __exit__(self, *_: object) -> None:
        sys.stdout.flush()
        for n, kept in zip((1, 2), self._kept, strict=True):
            os.dup2(kept, n)
        self._log.close()


if __name__ == "__main__":
    main()
