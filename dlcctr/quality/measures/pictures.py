"""Measures of a video's pictures, cheap enough to be taken of every frame while it is analysed. Needs numpy.

    statistics = PictureStatistics()
    for picture in pictures:         # uint8, (height, width, 3) or (height, width)
        statistics.add(picture)      # or statistics.skip() for a frame that did not decode
    series = statistics.finish()

Of every frame some pixels are kept; of every sixteenth some whole lines are looked at. The measures are those of
`dlcctr.model.prior.appearance`, which takes them of labelled pictures.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dlcctr.model.prior.appearance import EDGES, FAR_PX, STEP_PX, measured_lines, scene_step
from dlcctr.model.prior.record import SCENE_HEIGHT, SCENE_WIDTH
from dlcctr.quality.measures.track import import_numpy

LOOK_EVERY = 16
BATCH = 64
COLUMNS = 160
MAX_LOOKS = 512
"""More looks than these are thinned out by half."""


@dataclass(frozen=True)
class PictureSeries:
    """Measures of a video's pictures.

    Parameters
    ----------
    brightness : array, (n_frames,)
        Mean grey level, 0-255; NaN for frames that did not decode.
    change : array, (n_frames,)
        Mean difference from the frame before, in grey levels; NaN where there is none.
    looked : array of int, (n_looks,)
        Frames of which more was measured.
    contrast, sharpness : array, (n_looks,)
        See `dlcctr.model.prior.record.Appearance`.
    scenes : array, (n_looks, 192)
        Coarse pictures, 16 x 12 grey levels.
    width, height : int
        Size of the pictures, in px.
    """

    brightness: Any
    change: Any
    looked: Any
    contrast: Any
    sharpness: Any
    scenes: Any
    width: int = 0
    height: int = 0


class PictureStatistics:
    """Takes a video's pictures one by one."""

    def __init__(self, look_every: int = LOOK_EVERY) -> None:
        self._numpy = import_numpy()
        self._every = look_every
        self._brightness: list[Any] = []
        self._change: list[Any] = []
        self._batch: list[Any] = []
        self._last: Any = None
        self._looks: list[tuple[int, float, float, Any]] = []
        self._n_frames = 0
        self._size = (0, 0)

    def add(self, picture: Any) -> None:
        """Measure the next frame."""
        if picture.shape[:2] != self._size:
            self._new_size(picture.shape[:2])
        green = picture if picture.ndim == 2 else picture[..., 1]
        self._batch.append(self._numpy.ascontiguousarray(green[self._lines, :: self._step]))
        if self._n_frames % self._every == 0:
            self._look(self._numpy.ascontiguousarray(green[self._lines]), picture)
        self._n_frames += 1
        if len(self._batch) == BATCH:
            self._flush()

    def skip(self) -> None:
        """Count a frame that did not decode."""
        self._flush()
        nothing = self._numpy.full(1, self._numpy.nan, self._numpy.float32)
        self._brightness.append(nothing)
        self._change.append(nothing)
        self._last = None
        self._n_frames += 1

    def finish(self) -> PictureSeries:
        """All that was measured."""
        numpy = self._numpy
        self._flush()
        none = [numpy.zeros(0, numpy.float32)]
        return PictureSeries(
            brightness=numpy.concatenate(self._brightness or none),
            change=numpy.concatenate(self._change or none),
            looked=numpy.array([look[0] for look in self._looks], int),
            contrast=numpy.array([look[1] for look in self._looks], float),
            sharpness=numpy.array([look[2] for look in self._looks], float),
            scenes=numpy.array([look[3] for look in self._looks], float).reshape(-1, SCENE_WIDTH * SCENE_HEIGHT),
            width=self._size[1],
            height=self._size[0],
        )

    def _new_size(self, size: tuple[int, int]) -> None:
        self._flush()
        self._last = None
        self._size = size
        height, width = size
        step = measured_lines(height).step
        self._lines = slice(step // 2, height, step)
        self._step = max(STEP_PX if width > 2 * STEP_PX else 1, width // COLUMNS)

    def _flush(self) -> None:
        if not self._batch:
            return
        numpy = self._numpy
        batch = numpy.stack(self._batch)
        self._batch = []
        self._brightness.append(batch.mean(axis=(1, 2), dtype=numpy.float32))
        thin = batch[:, ::2, ::2].astype(numpy.int16)
        change = numpy.full(len(thin), numpy.nan, numpy.float32)
        if self._last is not None:
            change[0] = numpy.abs(thin[0] - self._last).mean()
        change[1:] = numpy.abs(numpy.diff(thin, axis=0)).mean(axis=(1, 2), dtype=numpy.float32)
        self._change.append(change)
        self._last = thin[-1]

    def _look(self, lines: Any, picture: Any) -> None:
        numpy = self._numpy
        step = scene_step(picture.shape[0])
        whole = picture[::step] if picture.ndim == 2 else picture[::step, :, 1]
        low, high = numpy.percentile(lines[:, ::STEP_PX], (5, 95))
        far = self._edges(lines, min(FAR_PX, max(1, lines.shape[1] - 2)), EDGES)
        sharpness = self._edges(lines, 1, EDGES / FAR_PX) / max(far, 1.0)
        self._looks.append((self._n_frames, float(high - low), sharpness, _coarse(numpy, whole)))
        if len(self._looks) > MAX_LOOKS:
            self._looks = self._looks[::2]
            self._every *= 2

    def _edges(self, lines: Any, px: int, share: float) -> float:
        """Mean of the strongest differences of pixels that are some px apart."""
        numpy = self._numpy
        steps = numpy.abs(lines[:, px:].astype(numpy.int16) - lines[:, :-px]).ravel()
        kept = len(steps) - max(1, int(share * len(steps)))
        return float(numpy.partition(steps, kept)[kept:].mean()) if len(steps) else 0.0


def _coarse(numpy: Any, lines: Any) -> Any:
    """Means of 16 x 12 cells."""
    height, width = lines.shape
    if height < SCENE_HEIGHT or width < SCENE_WIDTH:
        rows = numpy.arange(SCENE_HEIGHT) * height // SCENE_HEIGHT
        return lines[rows][:, numpy.arange(SCENE_WIDTH) * width // SCENE_WIDTH].astype(float).ravel()
    tops = numpy.arange(SCENE_HEIGHT) * height // SCENE_HEIGHT
    lefts = numpy.arange(SCENE_WIDTH) * width // SCENE_WIDTH
    sums = numpy.add.reduceat(numpy.add.reduceat(lines, tops, axis=0, dtype=numpy.int64), lefts, axis=1)
    sizes = numpy.outer(numpy.diff([*tops, height]), numpy.diff([*lefts, width]))
    return (sums / sizes).ravel()
