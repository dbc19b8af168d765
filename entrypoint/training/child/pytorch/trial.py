"""A short trial: some steps of each network, timed, without an epoch and without a snapshot."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from entrypoint.training.child.measures import host_mb
from entrypoint.training.child.pytorch.session import gpu_mb, network_of
from entrypoint.training.events import Measured, Tell

STEPS, TESTS, WARM = 12, 5, 2
"""Batches that train and that test, and how many of the first ones are not counted."""
LONGEST_S = 120.0


def install(tell: Tell) -> None:
    """Have `fit` measure in place of training."""
    from deeplabcut.pose_estimation_pytorch.runners import train as runners

    def fit(runner: Any, train_loader: Any, valid_loader: Any, epochs: int, display_iters: int) -> None:
        del display_iters
        runner.model.to(runner.device)
        step_s, steps = _time_steps(runner, train_loader, "train", STEPS)
        test_s, _ = _time_steps(runner, valid_loader, "eval", TESTS)
        seconds = step_s * len(train_loader) + test_s * len(valid_loader) / max(1, runner.eval_interval)
        tell(Measured(network_of(runner), round(seconds, 4), epochs, steps, host_mb(), gpu_mb()))

    runners.TrainingRunner.fit = fit


def _time_steps(runner: Any, loader: Any, mode: str, wanted: int) -> tuple[float, int]:
    """Seconds of a step with the loading of its batch, and how many were done; 0 seconds without any."""
    import torch

    runner.model.train(mode == "train")
    times: list[float] = []
    clock = started = time.monotonic()
    with torch.set_grad_enabled(mode == "train"):
        for batch in _again_and_again(loader):
            runner.step(batch, mode)
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            now = time.monotonic()
            times.append(now - clock)
            clock = now
            if len(times) >= wanted or now - started > LONGEST_S:
                break
    counted = times[WARM:] or times
    return (sum(counted) / len(counted) if counted else 0.0), len(times)


def _again_and_again(loader: Any) -> Iterator[Any]:
    while len(loader):
        yield from loader
