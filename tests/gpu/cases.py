"""The cases of the check, the most telling first; each is in a module of its subject."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

from tests.benchmarks.loop import Case as Setting
from tests.gpu import equal_cases, network_case, row_cases, speed
from tests.gpu.context import Context, Outcome


@dataclass(frozen=True)
class Case:
    """One case.

    Parameters
    ----------
    name : str
        What ``--only`` takes.
    title : str
        Its heading on the page.
    run : callable
        Does it, or raises.
    needs_s : float
        Seconds without which it is not begun.
    must : bool
        The check fails where it was not done.
    """

    name: str
    title: str
    run: Callable[[Context], Outcome]
    needs_s: float
    must: bool = False


def _setting(network: str, width: int, height: int, batch_size: int, frames: int) -> Setting:
    return Setting("pytorch", network, width, height, batch_size, frames)


SPEEDS = (
    _setting("ResNet-50", 640, 480, 8, 2000),
    _setting("ResNet-50", 640, 480, 64, 2000),
    _setting("ResNet-18", 640, 480, 8, 2000),
    _setting("ResNet-18", 640, 480, 64, 2000),
    _setting("ResNet-18", 256, 192, 64, 4000),
    _setting("ResNet-50", 1280, 1024, 8, 600),
    _setting("ResNet-18", 1280, 1024, 8, 1000),
    _setting("ResNet-50", 256, 192, 64, 4000),
    _setting("ResNet-50", 640, 480, 1, 1000),
    _setting("ResNet-18", 256, 192, 8, 4000),
    _setting("ResNet-18", 640, 480, 1, 1000),
    _setting("ResNet-50", 256, 192, 8, 2000),
    _setting("ResNet-50", 1280, 1024, 32, 600),
)
"""On a GPU. The first comes early, and is measured in several turns."""
SMALL_SPEEDS = (_setting("ResNet-50", 256, 192, 2, 6), _setting("ResNet-18", 640, 480, 2, 4))
"""On a CPU: that the measuring works."""
FIRST_TURNS = 2


def _speed_case(setting: Setting, needs_s: float, turns: int = 1) -> Case:
    network, size = setting.network, f"{setting.width} x {setting.height}"
    return Case(
        f"speed-{network.removeprefix('ResNet-')}-{setting.width}-{setting.batch_size}",
        f"Speed: {network}, {size}, batch {setting.batch_size}",
        functools.partial(speed.measure_speed, case=setting, turns=turns),
        needs_s,
    )


def cases_of(device: str) -> list[Case]:
    """All cases for a device, ``cuda`` or ``cpu``, in their order."""
    first, *others = SPEEDS if device == "cuda" else SMALL_SPEEDS
    return [
        Case("doctor", "doctor", equal_cases.examine, 5, must=True),
        Case("real", "Equal: the open-field clip with the trained model", equal_cases.compare_real, 25, must=True),
        _speed_case(first, 30, FIRST_TURNS),
        Case("kinds", "Equal: seeded models of each kind", equal_cases.compare_kinds, 40, must=True),
        Case("kill", "Killed and resumed", row_cases.kill_and_resume, 50, must=True),
        Case("two-rows", "Two rows at once on one device", row_cases.two_rows, 40, must=True),
        *([Case("decode", "Decoded by the GPU", row_cases.decode_on_gpu, 40)] if device == "cuda" else []),
        Case("network", "The network alone, by layout, TF32 and batch", network_case.measure_network, 15),
        *(_speed_case(setting, 15) for setting in others),
    ]
