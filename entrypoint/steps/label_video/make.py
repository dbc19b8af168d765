"""Puts the step together: tables and times in, a video or clips out, frame after frame."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from dlcctr.campaign.steps.label_video import Clips, LabelVideoParameters
from dlcctr.campaign.steps.spec import ANALYSIS
from dlcctr.errors import OutputError, VideoError
from dlcctr.model.project.drawing import Drawing, project_drawing
from dlcctr.results.h5.positions import open_positions
from dlcctr.results.times.frame_times import read_frame_times
from dlcctr.system.cpus import cpu_count
from entrypoint.steps.base import RowSource, StepInput, StepResult
from entrypoint.steps.label_video.beside import find_beside
from entrypoint.steps.label_video.clock import Clock
from entrypoint.steps.label_video.encoder import Encoder
from entrypoint.steps.label_video.look import make_look
from entrypoint.steps.label_video.pictures import First, VideoFrames
from entrypoint.steps.label_video.render import Panel, Renderer
from entrypoint.steps.label_video.track import Track
from entrypoint.steps.label_video.worst import (
    CLIPS_FILENAME,
    SHEET_FILENAME,
    Clip,
    ContactSheet,
    worst_clips,
    write_list,
)
from entrypoint.video.pixels import Box, stock_box

SAID_EVERY = 100
ENDING = "_labeled.mp4"
"""As DeepLabCut names its own: `dlcctr.campaign.videos.discover` takes no such file for an input."""


def run(given: StepInput) -> StepResult:
    """Draw the positions into the video, or into clips of it.

    Raises
    ------
    VideoError
        The video is not there, or cannot be decoded.
    OutputError
        A table cannot be read; clips are asked for of a row that was not judged.
    ManifestError
        A parameter names what the table does not have.
    """
    if given.video is None:
        raise VideoError("label-video needs the row's video", "it must be where the manifest says")
    with ExitStack() as stack:
        return _Making(given, given.video, stack).make()


@dataclass(frozen=True)
class _Part:
    """Frames ``[first, stop)``, and the file that they go to."""

    file: Path
    first: int
    stop: int
    clip: Clip | None = None


class _Making:
    """One run of the step."""

    def __init__(self, given: StepInput, video: Path, stack: ExitStack) -> None:
        self._given, self._video = given, video
        self._wanted: LabelVideoParameters = given.parameters
        self._stack = stack
        self._remarks: list[str] = []
        self._counts = given.source.receipt.frames
        self._crop = given.source.receipt.parameters.crop
        table = given.take_positions()
        self._stem = table.stem
        self._project = self._drawing()
        beside = find_beside(given)
        self._panels = [
            self._panel(table, given.source, given.source.positions.below.rpartition("/")[2] or ANALYSIS, bool(beside))
        ]
        self._panels += [self._panel(each.table, each.row, each.title, True) for each in beside]
        self._frames = self._counts.stream if self._counts else self._panels[0].track.rows
        self._clock = self._read_clock()

    def _drawing(self) -> Drawing:
        if self._given.model is None:
            if self._wanted.skeleton and not self._wanted.lines:
                self._remarks.append("the model is not there: no skeleton is drawn")
            return Drawing()
        found = project_drawing(self._given.model.project)
        return found

    def _panel(self, table: Path, row: RowSource, title: str, titled: bool) -> Panel:
        file = self._stack.enter_context(open_positions(table))
        crop = row.receipt.parameters.crop
        track = Track(file, (crop[0], crop[2]) if crop else (0, 0), self._wanted.trailpoints)
        return Panel(title if titled else "", track, make_look(self._wanted, self._project, file.columns))

    def _read_clock(self) -> Clock:
        file = self._given.take_times()
        times = read_frame_times(file) if file else None
        clock = Clock(times, self._frames, self._given.source.row.fps, self._wanted.speed)
        if not clock.known and self._frames:
            self._remarks.append(f"its times are not known: it is shown at {clock.rate:.4g} frames/s")
        return clock

    def make(self) -> StepResult:
        """Decode, draw, encode."""
        if not self._frames:
            raise OutputError(f"{self._video}: has no frames", "there is nothing to label")
        parts = self._parts()
        drawn, missing = 0, 0
        size = (0, 0)
        if parts:
            drawn, missing, size = self._draw(sorted(parts, key=lambda part: part.first))
        if missing:
            self._remarks.append(f"{missing} frames cannot be decoded: the picture before is shown, dark")
        files = [part.file for part in parts]
        if self._wanted.clips is Clips.WORST:
            clips = [part.clip for part in parts if part.clip]
            listing = self._given.work / CLIPS_FILENAME
            write_list(listing, clips, [file.name for file in files], self._clock)
            sheet = [self._given.work / SHEET_FILENAME] if parts else []
            files = [listing, *sheet, *files]
            if not parts:
                self._remarks.append("nothing suspicious was found: there are no clips")
        facts = {"frames": drawn, "missing": missing, "clips": sum(part.clip is not None for part in parts)}
        sizes = {"width": size[0], "height": size[1]} if parts else {}
        return StepResult(
            files, {name: float(value) for name, value in (facts | sizes).items()}, "; ".join(self._remarks)
        )

    def _parts(self) -> list[_Part]:
        if self._wanted.clips is Clips.NONE:
            return [_Part(self._given.work / f"{self._stem}{ENDING}", 0, self._frames)]
        clips = worst_clips(self._given, self._clock, self._frames)
        return [
            _Part(self._given.work / f"{self._stem}_clip{clip.number:02}{ENDING}", clip.first, clip.stop, clip)
            for clip in clips
        ]

    def _draw(self, parts: Sequence[_Part]) -> tuple[int, int, tuple[int, int]]:
        wanted = {part.first: list(self._clock.pick(part.first, part.stop)) for part in parts}
        everything = self._wanted.clips is Clips.NONE and self._wanted.speed <= 1
        chosen = set() if everything else {number for numbers in wanted.values() for number in numbers}
        total = sum(map(len, wanted.values()))
        video = self._stack.enter_context(VideoFrames(self._video, self._counts, parts[-1].stop))
        first = video.first()
        renderer = Renderer(self._wanted, first, self._box(first), self._panels, self._clock)
        frames = video.frames((lambda number: True) if everything else chosen.__contains__)
        sheet = ContactSheet()
        drawn = missing = 0
        for part in parts:
            numbers = wanted[part.first]
            middle = numbers[len(numbers) // 2]
            with self._encoder(part, renderer) as encoder:
                for number, after in zip(numbers, [*numbers[1:], part.stop], strict=True):
                    got, frame = next(frames)
                    assert got == number
                    made = renderer.make(number, frame)
                    if part.clip and number == middle:
                        sheet.add(made, part.clip, float(self._clock.true[number]))
                    encoder.add(made, self._clock.shown(number, part.first), self._clock.shown(after, part.first))
                    drawn, missing = drawn + 1, missing + (frame is None)
                    if drawn % SAID_EVERY == 0:
                        self._given.progress(drawn, total)
        self._given.progress(drawn, total)
        if parts[0].clip:
            sheet.write(self._given.work / SHEET_FILENAME)
        self._say_unwritten(renderer.unwritten)
        return drawn, missing, renderer.size

    def _encoder(self, part: _Part, renderer: Renderer) -> Encoder:
        return Encoder(
            part.file, renderer.size, rate=min(self._clock.rate * self._wanted.speed, 1000.0), crf=self._wanted.crf,
            preset=self._wanted.preset, bt709=renderer.bt709, threads=cpu_count(),
        )  # fmt: skip

    def _box(self, first: First) -> Box | None:
        return stock_box(list(self._crop), *first.turned_size) if self._crop else None

    def _say_unwritten(self, names: Sequence[str]) -> None:
        if names:
            shown = ", ".join(f"#{number} {name}" for number, name in enumerate(names[:20], 1))
            self._remarks.append(f"the font has no letters for {shown}")
