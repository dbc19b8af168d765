"""Utilisation, memory and power of the GPU, sampled by `nvidia-smi` in a thread while something runs."""

from __future__ import annotations

import contextlib
import shutil
import statistics
import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

EVERY_MS = 200
FIELDS = "utilization.gpu,memory.used,power.draw"


@dataclass(frozen=True)
class Sample:
    """One line of nvidia-smi; None where this GPU does not measure it.

    Parameters
    ----------
    at_s : float
        When, by `time.monotonic`.
    utilisation : float or None
        Share of the time in which a kernel ran, 0-1.
    memory_mb, power_w : float or None
        Memory of all processes in MiB, and power in W.
    """

    at_s: float
    utilisation: float | None
    memory_mb: float | None
    power_w: float | None


@dataclass(frozen=True)
class Usage:
    """Samples of a stretch of time, summarised: mean utilisation (0-1), most memory (MiB), mean power (W)."""

    samples: int
    utilisation: float | None
    memory_mb: float | None
    power_w: float | None


def parse_line(line: str, at_s: float) -> Sample | None:
    """A line of CSV without units; None where it is something else."""
    words = [word.strip() for word in line.split(",")]
    if len(words) != len(FIELDS.split(",")):
        return None
    numbers = [_number(word) for word in words]
    percent = numbers[0]
    return Sample(at_s, None if percent is None else percent / 100, numbers[1], numbers[2])


def _number(word: str) -> float | None:
    with contextlib.suppress(ValueError):
        return float(word)
    return None  # "[N/A]", "[Not Supported]"


def summarise_samples(samples: Sequence[Sample]) -> Usage | None:
    """None where there are no samples."""
    if not samples:
        return None
    used = [each.utilisation for each in samples if each.utilisation is not None]
    memory = [each.memory_mb for each in samples if each.memory_mb is not None]
    power = [each.power_w for each in samples if each.power_w is not None]
    return Usage(
        len(samples),
        statistics.fmean(used) if used else None,
        max(memory, default=None),
        statistics.fmean(power) if power else None,
    )


class GpuSamples:
    """Samples of one GPU from now on.

    Parameters
    ----------
    gpu : str
        Index or UUID as nvidia-smi takes it; empty for none: nothing is sampled.

    Attributes
    ----------
    missing : str
        Why there are no samples; empty where they are taken.
    """

    def __init__(self, gpu: str) -> None:
        self.missing = ""
        self._samples: list[Sample] = []
        self._process: subprocess.Popen[str] | None = None
        program = shutil.which("nvidia-smi")
        if not gpu:
            self.missing = "not measured: the check runs on the CPU"
        elif program is None:
            self.missing = "not measured: there is no nvidia-smi"
        else:
            self._process = subprocess.Popen(
                [program, "-i", gpu, f"--query-gpu={FIELDS}", "--format=csv,noheader,nounits", "-lms", str(EVERY_MS)],
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            )  # fmt: skip
            threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        for line in self._process.stdout:
            sample = parse_line(line, time.monotonic())
            if sample is not None:
                self._samples.append(sample)
            elif not self._samples and line.strip():
                self.missing = f"not measured: nvidia-smi says {line.strip()[:200]!r}"

    def between(self, start_s: float, stop_s: float) -> Usage | None:
        """Summary of a stretch of time by `time.monotonic`; None without samples."""
        return summarise_samples([each for each in list(self._samples) if start_s <= each.at_s <= stop_s])

    def close(self) -> None:
        """Stop sampling."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
