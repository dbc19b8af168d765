"""What the predictions say: sets of frames, figures of each, and what a reader has to know about them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from dlcctr.model.inspection import ModelInfo
from dlcctr.system.terminal.console import plural
from dlcctr.training.set_files import Frame
from entrypoint.evaluation import record
from entrypoint.evaluation.both import Both
from entrypoint.evaluation.choose import Chosen
from entrypoint.evaluation.figures import Threshold, difference, make_figures
from entrypoint.evaluation.record import BEFORE, NOW, Counts, Difference, Evaluation, ModelFacts, Precision
from entrypoint.evaluation.stock.run_deeplabcut import PRECISIONS
from entrypoint.evaluation.training_set import Point, TrainingSet

FEW_FRAMES = 20
ROUNDING_PX = 0.0051
"""DeepLabCut rounds its figures to hundredths."""
Sets = dict[str, tuple[int, ...]]
"""Numbers of the frames of each set, by its name in `record`."""


def summarise(name: str, both: Both, pcutoff: float, threshold: Threshold) -> Evaluation:
    """Figures and notes.

    Parameters
    ----------
    name : str
        Of the project.
    """
    sets, split = frame_sets(both), both.training_set.split
    counts = Counts(len(both.training_set.frames), len(split.train), len(split.test))
    if record.FAIR in sets:
        counts = replace(
            counts, added=len(sets[record.ADDED]), added_test=len(sets[record.ADDED_TEST]),
            test_known_to_before=len(split.test) - len(sets[record.FAIR]),
        )  # fmt: skip
    evaluation = Evaluation(
        project=name,
        now=_facts(both.now.model, both.devices[NOW]),
        before=_facts(both.before.model, both.devices[BEFORE]) if both.before else None,
        bodyparts=both.now.model.bodyparts + both.now.model.unique_bodyparts,
        individuals=both.now.model.individuals,
        precisions=tuple(_precisions(both)),
        pcutoff=pcutoff,
        pck=str(threshold),
        counts=counts,
        figures=tuple(make_figures(both.points, sets, pcutoff, threshold)),
        differences=tuple(_differences(both, sets)),
        own_figures={
            name: each for name, each in both.own_figures[NOW].items() if name.split(" ")[1] not in PRECISIONS
        },
        notes=(),
    )
    return replace(evaluation, notes=tuple(_notes(both, evaluation)))


def frame_sets(both: Both) -> Sets:
    """Sets of frames; those that need to know what the model before was trained on are left out where nobody does."""
    held = both.training_set
    split, added, known = held.split, added_frames(both), known_to_before(both)
    sets = {record.TRAIN: split.train, record.TEST: split.test}
    if added is None or known is None:
        return sets
    sets[record.FAIR] = tuple(n for n in split.test if held.frames[n] not in known)
    sets[record.ADDED] = tuple(n for n, frame in enumerate(held.frames) if frame in added)
    sets[record.ADDED_TRAIN] = tuple(n for n in split.train if held.frames[n] in added)
    sets[record.ADDED_TEST] = tuple(n for n in split.test if held.frames[n] in added)
    return sets


def added_frames(both: Both) -> frozenset[Frame] | None:
    """Frames that the training set of the model before did not have; None where that is not known."""
    theirs = both.before.training_set if both.before else None
    return None if theirs is None else frozenset(both.training_set.frames) - frozenset(theirs.frames)


def known_to_before(both: Both) -> frozenset[Frame] | None:
    """Frames that the model before was trained on; None where that is not known."""
    theirs = both.before.training_set if both.before else None
    return None if theirs is None else theirs.train


def _differences(both: Both, sets: Sets) -> Iterator[Difference]:
    for name, numbers in sets.items() if both.before else ():
        if each := difference(both.points, name, numbers):
            yield each


def _precisions(both: Both) -> Iterator[Precision]:
    for model, own in both.own_figures.items():
        for side in (record.TRAIN, record.TEST):
            found = [own.get(f"{side} {name}") for name in PRECISIONS]
            if any(each is not None for each in found):
                yield Precision(model, side, *found)


def _facts(model: ModelInfo, device: str) -> ModelFacts:
    return ModelFacts(
        model.iteration, model.shuffle, model.train_fraction, model.engine, model.net_type, model.snapshot, model.id,
        model.hash, device,
    )  # fmt: skip


def _notes(both: Both, evaluation: Evaluation) -> Iterator[str]:
    counts = evaluation.counts
    if not counts.test:
        yield "the test set is empty: errors of frames that it was trained on say little about others"
    elif counts.test < FEW_FRAMES:
        yield f"{plural(counts.test, 'test frame')} only: a single bad one moves the mean"
    yield from _notes_of_labels(both, counts)
    yield from _notes_of_before(both, counts)
    for name, value in evaluation.own_figures.items():
        side, key = name.split(" ")
        figure = evaluation.figure(NOW, side)
        ours = None if figure is None else figure.error_px if key == "rmse" else figure.error_sure_px
        if ours is not None and abs(ours - value) > ROUNDING_PX:
            yield f"DeepLabCut's own {side} error is {value:g} px, not {ours:.3f}: please report this"


def _notes_of_labels(both: Both, counts: Counts) -> Iterator[str]:
    import numpy

    label = both.points[NOW].label
    if outside := _n_lost(both.xy, both.counted):
        yield f"{plural(outside, 'label')} on or outside the border of a picture left out, as by DeepLabCut"
    if alone := _n_lost(both.counted, label):
        yield f"{plural(alone, 'label')} left out: DeepLabCut compares animals with two labelled points or more"
    found = numpy.isfinite(both.points[NOW].predicted[..., 0])
    if missed := int((numpy.isfinite(label).all(axis=2) & ~found).sum()):
        yield f"{plural(missed, 'labelled point')} not found by the model at all: in no mean, and wrong in PCK"
    if empty := int((~numpy.isfinite(label).any(axis=(1, 2))).sum()):
        yield f"{plural(empty, 'frame')} without any label that counts"
    if both.training_set.split.is_by_names:
        yield _by_names(both.now)
    if neither := counts.frames - counts.train - counts.test:
        yield f"{plural(neither, 'frame')} in neither training nor test set"


def _by_names(chosen: Chosen) -> str:
    """What a reader has to know of a split whose table is another one now."""
    lost = chosen.training_set.split.lost if chosen.training_set else 0
    return (
        f"the labels of {chosen.name} were gathered anew after its training set was made: which frames it was trained "
        "on is known by their names, and all others count as test frames"
        + (f"; {plural(lost, 'frame')} that it was trained on {'is' if lost == 1 else 'are'} gone" if lost else "")
    )


def _n_lost(labels: Any, kept: Any) -> int:
    import numpy

    return int((numpy.isfinite(labels) & ~numpy.isfinite(kept)).all(axis=2).sum())


def _notes_of_before(both: Both, counts: Counts) -> Iterator[str]:
    before = both.before
    if before is None:
        if both.why:
            yield both.why
        return
    theirs = before.model.bodyparts + before.model.unique_bodyparts
    lacking = [part for part in both.now.model.bodyparts + both.now.model.unique_bodyparts if part not in theirs]
    if lacking:
        yield f"{before.name} has no {', '.join(lacking)}; its mean over all is over fewer parts"
    if before.training_set is None:
        yield f"which of the frames {before.name} was trained on is not known: {before.unknown}"
        return
    if before.training_set.split.is_by_names:
        yield _by_names(before)
    if counts.test_known_to_before:
        yield (
            f"{before.name} was trained on {counts.test_known_to_before} of the {plural(counts.test, 'test frame')}, "
            "which makes it look better there: compare on the others"
        )
    if moved := _moved(both.training_set, before.training_set, both.points[NOW].points):
        yield f"{plural(moved, 'frame')} labelled otherwise since {before.name}; the labels of now count"


def _moved(now: TrainingSet, then: TrainingSet, points: tuple[Point, ...]) -> int:
    """Frames of both that have other labels."""
    import numpy

    parts = [point for point in points if point in then.points]
    places = {frame: n for n, frame in enumerate(then.frames)}
    ours = [n for n, frame in enumerate(now.frames) if frame in places]
    theirs = [places[now.frames[n]] for n in ours]
    same = numpy.isclose(now.only(parts)[ours], then.only(parts)[theirs], rtol=0, atol=0.01, equal_nan=True)
    return int((~same.all(axis=(1, 2))).sum())
