"""Batches whose random augmentation depends on their number alone, so that a training that goes on sees the same."""

from __future__ import annotations

import random
import threading
from typing import Any


def start_preloading(sess: Any, enqueue_op: Any, dataset: Any, placeholders: Any, *, seed: int, first: int) -> Any:
    """Fill DeepLabCut's queue in a thread, as its own `start_preloading` does, from batch `first` on.

    Returns
    -------
    tuple
        Coordinator and thread.
    """
    import tensorflow as tf

    coord = tf.compat.v1.train.Coordinator()

    def fill() -> None:
        number = first
        with coord.stop_on_exception():
            while not coord.should_stop():
                seed_batch(seed, number)
                batch = dataset.next_batch()
                sess.run(enqueue_op, feed_dict={place: batch[name] for name, place in placeholders.items()})
                number += 1

    thread = threading.Thread(target=fill, name="batches", daemon=True)
    thread.start()
    return coord, thread


def seed_batch(seed: int, number: int) -> None:
    """Set the generators that DeepLabCut's loaders draw from."""
    import imgaug
    import numpy as np

    random.seed(f"{seed} {number}")
    drawn = np.random.SeedSequence([seed, number]).generate_state(2)
    np.random.seed(int(drawn[0]))
    imgaug.seed(int(drawn[1]) % (1 << 31))
