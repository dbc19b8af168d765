"""Batches whose random augmentation depends on their number alone, so that a training that goes on sees the same."""

from __future__ import annotations

import contextlib
import random
import threading
import traceback
from typing import Any


class Batches:
    """Fills DeepLabCut's queue in a thread.

    Attributes
    ----------
    error : Exception or None
        Why there are no more batches. DeepLabCut's own thread ends in silence, and its loop waits for ever.
    """

    def __init__(self, dataset: Any, *, seed: int, first: int) -> None:
        self.error: Exception | None = None
        self._dataset, self._seed, self._first = dataset, seed, first

    def start(self, sess: Any, enqueue_op: Any, placeholders: Any) -> tuple[Any, threading.Thread]:
        """Begin with the first batch; returns what DeepLabCut's own `start_preloading` does."""
        import tensorflow as tf

        coord = tf.compat.v1.train.Coordinator()
        closed = (tf.errors.CancelledError, RuntimeError)

        def fill() -> None:
            number = self._first
            try:
                while not coord.should_stop():
                    seed_batch(self._seed, number)
                    batch = self._dataset.next_batch()
                    number += 1
                    with contextlib.suppress(*closed):  # the session is closed before the threads are told to stop
                        sess.run(enqueue_op, feed_dict={place: batch[name] for name, place in placeholders.items()})
            except Exception as error:  # of the dataset; the loop reports it
                self.error = error
                traceback.print_exc()
                sess.close()

        thread = threading.Thread(target=fill, name="batches", daemon=True)
        thread.start()
        return coord, thread


def seed_batch(seed: int, number: int) -> None:
    """Set the generators that DeepLabCut's loaders draw from."""
    import imgaug
    import numpy as np

    random.seed(f"{seed} {number}")
    drawn = np.random.SeedSequence([seed, number]).generate_state(2)
    imgaug.seed(int(drawn[1]) % (1 << 31))  # the first time in a process it draws from NumPy's
    np.random.seed(int(drawn[0]))
