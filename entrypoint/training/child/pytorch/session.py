"""DeepLabCut's training loop, continued where it was stopped: its runner's `fit` and its snapshots are wrapped."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dlcctr.model.curve.losses import DETECTOR, POSE, LossRow
from entrypoint.training.child.measures import host_mb
from entrypoint.training.child.pytorch.state import (
    State,
    load_state,
    remove_state,
    restore_generators,
    save_state,
    save_whole,
)
from entrypoint.training.events import Began, Order, Progress, Tell, pause_s, row_cells


class Session:
    """One call of train_network: a detector's epochs, where there is one, then the pose network's.

    Parameters
    ----------
    train : Path
        Folder of the snapshots.
    """

    def __init__(self, order: Order, train: Path, tell: Tell) -> None:
        self._order, self._train, self._tell = order, train, tell
        self.kept = None if order.trial else load_state(train, "cpu")
        self._curve: list[list[str]] = list(self.kept.curve) if self.kept else []
        self._saved_at = self._epoch_at = time.monotonic()
        self._save_s = 0.0
        self._wanted = 0
        self.snapshot = ""

    def install(self) -> None:
        """Wrap `fit`, and have every snapshot written whole."""
        import torch
        from deeplabcut.pose_estimation_pytorch.runners import train as runners

        fit, save = runners.TrainingRunner.fit, torch.save

        def fit_here(runner: Any, train_loader: Any, valid_loader: Any, epochs: int, display_iters: int) -> None:
            self._fit(runner, epochs, lambda left: fit(runner, train_loader, valid_loader, left, display_iters))

        def save_here(content: Any, f: Any, *args: Any, **kwargs: Any) -> None:
            if isinstance(f, (str, Path)):
                save_whole(lambda each, stream: save(each, stream, *args, **kwargs), content, Path(f))
            else:
                save(content, f, *args, **kwargs)

        runners.TrainingRunner.fit = fit_here
        torch.save = save_here

    def _fit(self, runner: Any, epochs: int, fit_more: Callable[[int], None]) -> None:
        network, self._wanted = network_of(runner), epochs
        if self.kept and self.kept.network == POSE and network == DETECTOR:
            return  # it is trained; the pose network's state has the generators
        done, remark = self._resume(runner, network)
        if done >= epochs:
            if done and done not in {each.epochs for each in runner.snapshot_manager.snapshots()}:
                runner.snapshot_manager.update(done, runner.state_dict(), last=True)  # fewer are wanted than before
            self._finish(runner, network, done)
            return
        self._tell(Began(network, done, epochs, self._curve, remark))
        update = runner.snapshot_manager.update

        def after_epoch(epoch: int, state_dict: dict[str, Any], last: bool = False) -> None:
            before = _names(runner)
            update(epoch, state_dict, last=last)
            self._after(runner, network, epoch, is_saved=before != _names(runner))

        runner.snapshot_manager.update = after_epoch
        self._epoch_at = time.monotonic()
        fit_more(epochs - done)
        self._finish(runner, network, epochs)

    def _resume(self, runner: Any, network: str) -> tuple[int, str]:
        """Epochs that are done, and where the rest goes on from; the runner is set to that."""
        kept = self.kept
        if kept is None or kept.network != network:
            if kept is None and (last := runner.snapshot_manager.last()):
                return self._from_snapshot(runner, last)
            self._begin_at(runner, 0)
            return 0, ""
        if kept.is_done:
            restore_generators(kept.generators)
            return kept.epoch, ""
        model = runner.model.module if runner._data_parallel else runner.model
        model.load_state_dict(kept.runner["model"])
        runner.optimizer.load_state_dict(kept.runner["optimizer"])
        if runner.scheduler is not None and "scheduler" in kept.runner:
            runner.scheduler.load_state_dict(kept.runner["scheduler"])
        runner._metadata = kept.runner["metadata"]
        self._begin_at(runner, kept.epoch)
        manager = runner.snapshot_manager
        manager._best_metric = kept.best if manager.best() is not None else None
        restore_generators(kept.generators)
        self.kept = None  # its tensors are in the network now
        return kept.epoch, f"from the checkpoint after epoch {kept.epoch}"

    def _from_snapshot(self, runner: Any, last: Any) -> tuple[int, str]:
        """Go on from DeepLabCut's last snapshot, where the checkpoint is lost: not the same training any more."""
        import torch
        from deeplabcut.pose_estimation_pytorch.utils import fix_seeds

        snapshot = torch.load(last.path, map_location="cpu", weights_only=True)
        runner.model.load_state_dict(snapshot["model"])
        if "optimizer" in snapshot:
            runner.optimizer.load_state_dict(snapshot["optimizer"])
        runner.starting_epoch = last.epochs
        runner._load_scheduler_state_dict(True, snapshot)
        self._begin_at(runner, last.epochs)
        fix_seeds((self._order.seed or 0) + last.epochs)
        what = "" if "optimizer" in snapshot else " without the optimizer's state"
        return last.epochs, f"from {last.path.name}{what}: the checkpoint is lost"

    def _begin_at(self, runner: Any, epoch: int) -> None:
        """Let the runner begin after an epoch, and drop what a killed process had of later ones."""
        runner.starting_epoch = runner.current_epoch = epoch
        for each in runner.snapshot_manager.snapshots():
            if each.epochs > epoch:
                each.path.unlink(missing_ok=True)
        _forget_log(runner, epoch)
        names = [each.path.name for each in runner.snapshot_manager.snapshots()]
        self.snapshot = names[-1] if names else ""

    def _after(self, runner: Any, network: str, epoch: int, *, is_saved: bool) -> None:
        now = time.monotonic()
        is_tested = epoch % runner.eval_interval == 0 and network == POSE
        row = LossRow(
            network,
            epoch,
            runner.history["train_loss"][-1],
            runner.history["eval_loss"][-1] if is_tested else math.nan,
            runner.optimizer.param_groups[0]["lr"],
            round(now - self._epoch_at, 4),
        )
        self._epoch_at = now
        self._curve.append(row_cells(row))
        if is_saved:
            self.snapshot = runner.snapshot_manager.snapshots()[-1].path.name
        # A snapshot and the checkpoint of its epoch go together: DeepLabCut has removed the best one before
        if is_saved or now - self._saved_at >= pause_s(self._order.checkpoint_s, self._save_s):
            self._save(runner, network, epoch)
        self._tell(Progress(row_cells(row), host_mb(), gpu_mb(), self.snapshot))

    def _save(self, runner: Any, network: str, epoch: int, *, is_done: bool = False) -> None:
        started = time.monotonic()
        content = {} if is_done else runner.state_dict()
        best = runner.snapshot_manager._best_metric
        save_state(
            self._train,
            State(network, epoch, is_done, content, None if best is None else float(best), self._curve),
        )
        self._saved_at = time.monotonic()
        self._save_s = self._saved_at - started

    def _finish(self, runner: Any, network: str, epoch: int) -> None:
        if network == DETECTOR:
            self._save(runner, network, epoch, is_done=True)
            self.kept = State(network, epoch, is_done=True, runner={}, best=None, curve=[])
        else:
            last = runner.snapshot_manager.snapshots()[-1:]
            self.snapshot = last[0].path.name if last else ""
            remove_state(self._train)


def network_of(runner: Any) -> str:
    """`DETECTOR` or `POSE`."""
    from deeplabcut.pose_estimation_pytorch.runners.train import DetectorTrainingRunner

    return DETECTOR if isinstance(runner, DetectorTrainingRunner) else POSE


def gpu_mb() -> float:
    """Most memory of the GPU that PyTorch has taken; 0 without one."""
    import torch

    return float(round(torch.cuda.max_memory_reserved() / 2**20, 1)) if torch.cuda.is_available() else 0.0


def _names(runner: Any) -> set[str]:
    return {each.path.name for each in runner.snapshot_manager.snapshots()}


def _forget_log(runner: Any, epoch: int) -> None:
    """Remove later epochs from DeepLabCut's learning_stats.csv, which it reads when it begins."""
    log = runner.csv_logger
    kept = [n for n, step in enumerate(log._steps) if step <= epoch]
    log._steps = [log._steps[n] for n in kept]
    log._metric_store = [log._metric_store[n] for n in kept]
