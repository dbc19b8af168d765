"""A GPU that does not wait: the next batch is copied to it while the network computes the one before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from entrypoint.engines.base import Finish

ROOMS = 2
"""Batches on the device: one that the network reads, one that is being copied."""


class _Room:
    """Memory of the device for a batch, and the moment from which it may be overwritten."""

    def __init__(self, read: Any) -> None:
        self.read = read
        self._memory: Any = None

    def take(self, like: Any, device: Any) -> Any:
        """Tensor of the shape of `like`; the memory grows with the largest."""
        import torch

        if self._memory is None or self._memory.shape[1:] != like.shape[1:] or len(self._memory) < len(like):
            torch.cuda.synchronize(device)  # what was freed before may still be in use by the network
            self._memory = torch.empty(like.shape, dtype=like.dtype, device=device)
        return self._memory[: len(like)]


class Overlap:
    """Batches through a network on a GPU, with nothing waited for but the copy of a batch that was just begun.

    Frames are copied in a stream of their own. Positions are copied to pinned memory behind the network, and waited for
    when they are asked for.

    Parameters
    ----------
    device : torch.device or str
    compute : callable
        From frames (n, height, width, 3), uint8, on the device to positions (n, n_bodyparts, 3), float32, there.
    """

    def __init__(self, device: Any, compute: Callable[[Any], Any]) -> None:
        import torch

        self._device, self._compute = device, compute
        self._copying = torch.cuda.Stream(device)
        self._rooms = [_Room(torch.cuda.Event()) for _ in range(ROOMS)]
        self._turn = 0

    def start(self, frames: Any) -> Finish:
        """Begin with a batch of `ndarray`, best in pinned memory; see `entrypoint.engines.base.Network.start`."""
        import torch

        source = torch.from_numpy(frames)
        room = self._rooms[self._turn]
        self._turn = (self._turn + 1) % ROOMS
        network = torch.cuda.current_stream(self._device)
        batch = room.take(source, self._device)
        with torch.cuda.stream(self._copying):
            self._copying.wait_event(room.read)
            batch.copy_(source, non_blocking=True)
            copied = torch.cuda.Event()
            copied.record(self._copying)
        try:
            network.wait_event(copied)
            positions = self._compute(batch)
            found = torch.empty(positions.shape, dtype=positions.dtype, pin_memory=True)
            found.copy_(positions, non_blocking=True)
            there = torch.cuda.Event()
            there.record(network)
        finally:
            room.read.record(network)
            copied.synchronize()  # from here on the caller may overwrite the frames

        def finish() -> Any:
            there.synchronize()
            return found.numpy()

        return finish
