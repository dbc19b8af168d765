"""DeepLabCut's training loop, continued where it was stopped: what it calls is wrapped, the loop is its own."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

from dlcctr.model.curve.losses import POSE, LossRow
from entrypoint.training.child.measures import host_mb
from entrypoint.training.child.tensorflow.batches import Batches
from entrypoint.training.child.tensorflow.start import Start
from entrypoint.training.child.tensorflow.state import FOLDER, State, load_state, remove_state, save_state
from entrypoint.training.events import Began, Measured, Order, Planned, Progress, Tell, pause_s, row_cells

ROWS, MOST_EVERY = 200, 1000
"""Least rows of a long curve, and most iterations in one row (DeepLabCut's own number)."""
TRIAL_STEPS, WARM = 12, 2


class TrialEndedError(Exception):
    """Enough steps were timed."""


class Session:
    """One call of train_network.

    Parameters
    ----------
    train : Path
        Folder of the snapshots, in the project or in its copy.
    """

    def __init__(self, order: Order, plan: Planned, train: Path, start: Start, tell: Tell) -> None:
        self._order, self._train, self._tell, self._start, self._seed = order, train, tell, start, plan.seed
        self.wanted = plan.epochs_wanted
        self.kept = None if order.trial else load_state(train)
        self.first = self.kept.iteration + 1 if self.kept else 0
        self._iteration = self.first
        self._sum, self._count = (self.kept.loss_sum, self.kept.loss_count) if self.kept else (0.0, 0)
        self._curve = list(self.kept.curve) if self.kept else []
        self.every = max(1, min(self.wanted // ROWS, MOST_EVERY))
        self._save_every = 0
        self._saved_at = self._row_at = self._step_at = time.monotonic()
        self._save_s = 0.0
        self._rate = math.nan
        self._saver: Any = None
        self._steps: list[float] = []

    def install(self) -> None:
        """Wrap what DeepLabCut's two trainers call."""
        from deeplabcut.pose_estimation_tensorflow.core import train, train_multianimal
        from deeplabcut.utils import auxfun_models

        for trainer in (train, train_multianimal):
            load_config, rates = trainer.load_config, trainer.LearningRate

            def load_here(file: Any, load: Any = load_config) -> Any:
                return self._settings(load(file))

            trainer.load_config = load_here
            trainer.LearningRate = _continued(rates, self.first)
            trainer.start_preloading = self._preload
        auxfun_models.smart_restore = self._restore

    def finish(self) -> None:
        """After the last iteration: remove the checkpoint, and give DeepLabCut's log its beginning back."""
        if self.kept and self.kept.log:
            file = self._train / "learning_stats.csv"
            rest = file.read_text(encoding="utf-8") if file.is_file() else ""
            file.write_text(self.kept.log + rest, encoding="utf-8")
        remove_state(self._train)

    def _settings(self, cfg: Any) -> Any:
        import tensorflow as tf

        tf.compat.v1.set_random_seed(self._seed)  # of the graph that comes next
        cfg.update({"project_path": str(self._train.parents[3]), "snapshot_prefix": str(self._train / "snapshot")})
        if self._order.batch_size:
            cfg["batch_size"] = self._order.batch_size
        # DeepLabCut reads the first iteration from this name, and restores the head too
        cfg["init_weights"] = f"snapshot-{self.first}" if self.kept or self._start.with_head else "weights"
        self._save_every = int(cfg.get("save_iters", 50000))
        return cfg

    def _preload(self, sess: Any, enqueue_op: Any, dataset: Any, placeholders: Any) -> Any:
        run, batches = sess.run, Batches(dataset, seed=self._seed, first=self.first)

        def run_here(fetches: Any, feed_dict: Any = None, *args: Any, **kwargs: Any) -> Any:
            if feed_dict and self.first:
                feed_dict = {key: value + self.first if _is_step(key) else value for key, value in feed_dict.items()}
            try:
                result = run(fetches, feed_dict, *args, **kwargs)
            except Exception as error:
                if batches.error is not None:
                    raise batches.error from error
                raise
            if isinstance(fetches, list) and len(fetches) >= 3:
                self._after(sess, float(result[-2]), feed_dict)
            return result

        sess.run = run_here
        return batches.start(sess, enqueue_op, placeholders)

    def _restore(self, restorer: Any, sess: Any, _: str, net_type: str) -> None:
        import tensorflow as tf

        self._saver = tf.compat.v1.train.Saver(tf.compat.v1.global_variables(), max_to_keep=None)
        remark = ""
        if self.kept:
            self._saver.restore(sess, str(self._train / FOLDER / self.kept.name))
            remark = f"from the checkpoint after iteration {self.kept.iteration}"
        else:
            self._start.restore(restorer, sess, net_type)
        self._saved_at = self._row_at = self._step_at = time.monotonic()
        if not self._order.trial:
            self._tell(Began(POSE, max(0, self.first - 1), self.wanted, self._curve, remark))

    def _after(self, sess: Any, loss: float, feed_dict: Any) -> None:
        now, done = time.monotonic(), self._iteration
        self._iteration += 1
        rates = [float(each) for each in (feed_dict or {}).values()]
        self._rate = rates[0] if rates else math.nan
        if self._order.trial:
            self._time(now)
            return
        self._sum, self._count = self._sum + loss, self._count + 1
        if done and (done % self.every == 0 or done == self.wanted):
            row = LossRow(POSE, done, self._sum / self._count, math.nan, self._rate, round(now - self._row_at, 4))
            self._sum, self._count, self._row_at = 0.0, 0, now
            self._curve.append(row_cells(row))
            self._tell(Progress(row_cells(row), host_mb(), gpu_mb(), self._last()))
        is_next_a_snapshot = (done + 1) % self._save_every == 0  # DeepLabCut makes none at its first iteration
        due = now - self._saved_at >= pause_s(self._order.checkpoint_s, self._save_s)
        if due and done < self.wanted and not is_next_a_snapshot:
            self._save(sess, done)

    def _save(self, sess: Any, done: int) -> None:
        started = time.monotonic()
        file = self._train / "learning_stats.csv"
        log = (self.kept.log if self.kept else "") + (file.read_text(encoding="utf-8") if file.is_file() else "")

        def save(path: str) -> None:
            self._saver.save(sess, path, write_meta_graph=False)

        save_state(self._train, State(done, self._sum, self._count, self._curve, log), save)
        self._saved_at = time.monotonic()
        self._save_s = self._saved_at - started

    def _last(self) -> str:
        """Newest snapshot that DeepLabCut has written."""
        done = self._iteration // self._save_every * self._save_every
        return f"snapshot-{done}" if done and (self._train / f"snapshot-{done}.index").is_file() else ""

    def _time(self, now: float) -> None:
        self._steps.append(now - self._step_at)
        self._step_at = now
        if len(self._steps) >= TRIAL_STEPS:
            counted = self._steps[WARM:]
            seconds = round(sum(counted) / len(counted), 4)
            self._tell(Measured(POSE, seconds, self.wanted, len(self._steps), host_mb(), gpu_mb()))
            raise TrialEndedError


def _continued(rates: Any, first: int) -> Any:
    """DeepLabCut's schedule of learning rates, counted from the training's first iteration, not this process's."""

    class Continued(rates):  # type: ignore[misc]
        def __init__(self, cfg: Any) -> None:
            super().__init__(cfg)
            for each in range(first):
                super().get_lr(each)

        def get_lr(self, iteration: int) -> Any:
            return super().get_lr(iteration + first)

    return Continued


def _is_step(key: Any) -> bool:
    """Whether a placeholder is the one of EfficientNet's schedule, which DeepLabCut counts from its own start."""
    return str(getattr(key, "name", key)).partition(":")[0] == "tstep"


def gpu_mb() -> float:
    """Most memory of the GPU that TensorFlow has used; 0 without one."""
    import tensorflow as tf

    try:
        return float(round(tf.config.experimental.get_memory_info("GPU:0")["peak"] / 2**20, 1))
    except (ValueError, RuntimeError, KeyError, tf.errors.OpError):
        return 0.0
