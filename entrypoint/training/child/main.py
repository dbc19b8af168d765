"""Child process of `dlc train`: it reads one order from stdin, and answers with events on a pipe.

stdout and stderr are DeepLabCut's: the supervisor keeps what it prints as a log.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from dlcctr.errors import DlcctrError, GpuError
from entrypoint.engines.base import get_engine
from entrypoint.environment.parent import die_with_parent
from entrypoint.training.child.explain import explained
from entrypoint.training.child.no_downloads import refuse_downloads
from entrypoint.training.child.training_set import find_or_make
from entrypoint.training.events import Ended, Event, Failed, Order, Tell, event_line, parse_order


def main(events: int) -> None:
    """Do what the order says; `events` is the file descriptor to write to."""
    die_with_parent()
    order = parse_order(sys.stdin.readline())
    with os.fdopen(events, "wb", buffering=0) as stream:

        def tell(event: Event) -> None:
            stream.write(event_line(event))

        try:
            with explained(order.config):
                tell(Ended(run(order, tell)))
        except DlcctrError as error:
            tell(Failed(int(error.exit_code), error.message, error.hint))
    sys.stdout.flush()
    # Interpreter shutdown of the big libraries takes seconds and can hang; all is written.
    os._exit(0)


def run(order: Order, tell: Tell) -> str:
    """Make the training set where there is none, and train; returns the name of the last snapshot."""
    facts = get_engine(order.engine).load(order.threads)
    if order.device == "cuda" and not facts.cuda:
        raise GpuError("the engine finds no GPU, though the driver shows one", "run `dlc doctor` on this node")
    refuse_downloads()
    if order.engine == "pytorch":
        from entrypoint.training.child.pytorch.train import prepare, train
    else:
        from entrypoint.training.child.tensorflow.train import prepare, train
    prepare(order)
    found = find_or_make(order)
    os.chdir(Path(order.config).parent)
    return train(order, found, tell)
