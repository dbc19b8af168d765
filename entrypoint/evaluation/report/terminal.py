"""The evaluation as tables of at most 80 columns."""

from __future__ import annotations

from collections.abc import Iterator

from dlcctr.model.engines import ENGINES
from dlcctr.system.terminal.console import one_line, plural
from entrypoint.evaluation.record import (
    ADDED_TEST,
    ADDED_TRAIN,
    ALL,
    BEFORE,
    FAIR,
    NOW,
    TEST,
    TRAIN,
    Difference,
    Evaluation,
    Figure,
    ModelFacts,
)

WIDEST_NAME = 17
WIDEST_CUTOFF = 7
"""Columns are 8 wide."""
SETS = {
    TEST: "test frames",
    FAIR: "test frames that neither was trained on",
    ADDED_TRAIN: "frames added this round, for training",
    ADDED_TEST: "frames added this round, for testing",
}
"""Sets of frames on which two models are compared."""
ONLY_FAIR = "test frames; neither was trained on any of them"
"""Title of both sets of test frames where they are the same one."""


def evaluation_lines(found: Evaluation) -> Iterator[str]:
    """Lines for a terminal; names may come from outside."""
    counts = found.counts
    yield f"{one_line(found.project)}: {model_text(found.now)}"
    animals = f" of {plural(len(found.individuals), 'animal')}" if found.individuals else ""
    yield f"{plural(counts.frames, 'labelled frame')}{animals}: {counts.train} trained on, {counts.test} to test"
    yield ""
    yield from _by_bodypart(found)
    if found.before:
        yield ""
        yield from _beside(found)
    if found.notes:
        yield ""
    for note in found.notes:
        yield f"note: {note}"


def compared_sets(found: Evaluation) -> Iterator[tuple[str, str, int]]:
    """Name, title and number of frames of each set on which two models are compared; the same one is told once."""
    figures = [(name, found.figure(NOW, name)) for name in SETS if found.figure(BEFORE, name)]
    sizes = {name: figure.n_frames for name, figure in figures if figure and figure.n_frames}
    is_fair = TEST in sizes and sizes.get(FAIR) == sizes[TEST]
    for name, n_frames in sizes.items():
        if not (is_fair and name == TEST):
            yield name, ONLY_FAIR if is_fair and name == FAIR else SETS[name], n_frames


def model_text(model: ModelFacts) -> str:
    """``iteration 1, shuffle 1, snapshot-best-120 (PyTorch resnet_50)``."""
    kind = " ".join(filter(None, (ENGINES[model.engine].title, model.net_type)))
    return f"iteration {model.iteration}, shuffle {model.shuffle}, {model.snapshot} ({kind})"


def difference_text(each: Difference) -> str:
    """``-1.69 px (95 %: -2.90 to -0.48; 24 points of 6 frames)``."""
    known = each.low_px is not None and each.high_px is not None
    between = f"95 %: {each.low_px:+.2f} to {each.high_px:+.2f}; " if known else "too few frames for an interval; "
    return f"{each.mean_px:+.2f} px ({between}{plural(each.n, 'point')} of {plural(each.n_frames, 'frame')})"


def _by_bodypart(found: Evaluation) -> Iterator[str]:
    width = _width(found)
    sure, likelihood = f"p>={found.pcutoff:g}", "that likelihood"
    if len(sure) > WIDEST_CUTOFF:
        sure, likelihood = "sure", f"a likelihood of {found.pcutoff:g}"
    yield f"{'error in px':{width}}{'train':>8}{'n':>6}{sure:>8}{'n':>6}{'test':>8}{'n':>6}{sure:>8}{'n':>6}{'PCK':>6}"
    for part in (*found.bodyparts, ALL):
        cells = [_name(part, width)]
        for frames in (TRAIN, TEST):
            figure = found.figure(NOW, frames, part)
            if figure:
                cells += [px(figure.error_px, 8), f"{figure.n:6}", px(figure.error_sure_px, 8), f"{figure.n_sure:6}"]
        cells.append(percent(found.figure(NOW, TEST, part)))
        yield "".join(cells)
    yield f"n: labelled points; {sure}: those of at least {likelihood}"
    yield f"PCK: share of the test points within {found.pck} of their label"
    if animals := animals_text(found, NOW):
        yield f"whole animals, 0 to 100: {animals}"


def animals_text(found: Evaluation, model: str) -> str:
    """``train mAP 61.2, mAR 65.0; test mAP 55.0, mAR 60.1``; empty in a project of one animal."""
    both = [found.precision(model, frames) for frames in (TRAIN, TEST)]
    return "; ".join(
        f"{each.frames} mAP {_score(each.map_percent)}, mAR {_score(each.mar_percent)}" for each in both if each
    )


def _score(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


def _beside(found: Evaluation) -> Iterator[str]:
    assert found.before
    width = _width(found)
    yield "beside it, on the same frames:"
    yield model_text(found.before)
    if animals := animals_text(found, BEFORE):
        yield f"whole animals, 0 to 100: {animals}"
    for frames, title, n_frames in compared_sets(found):
        yield ""
        yield f"{title} ({n_frames})"
        yield f"{'':{width}}{'now':>8}{'n':>6}{'PCK':>6}{'before':>10}{'n':>6}{'PCK':>6}"
        for part in (*found.bodyparts, ALL):
            cells = [_name(part, width)]
            for model, wide in ((NOW, 8), (BEFORE, 10)):
                each = found.figure(model, frames, part)
                if each:
                    cells += [px(each.error_px, wide), f"{each.n:6}", percent(each)]
            yield "".join(cells)
        for change in found.differences:
            if change.frames == frames:
                yield f"change: {difference_text(change)}"


def _width(found: Evaluation) -> int:
    return min(WIDEST_NAME, max(11, *(len(one_line(part)) for part in found.bodyparts)))


def _name(part: str, width: int) -> str:
    text = one_line(part) if part != ALL else "all"
    return f"{text if len(text) <= width else text[: width - 1] + '…':{width}}"


def px(value: float | None, width: int) -> str:
    """A distance, or a dash."""
    return f"{'-' if value is None else f'{value:.2f}':>{width}}"


def percent(figure: Figure | None) -> str:
    """PCK as a percentage, or a dash."""
    return f"{'-' if figure is None or figure.pck is None else f'{100 * figure.pck:.0f}%':>6}"
