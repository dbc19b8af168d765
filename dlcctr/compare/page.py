"""`compare.html`: two models side by side, as one file that asks nothing of anybody's server.

Names come from outside and reach the page as text only. Clips are links to files beside it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from dlcctr import __version__
from dlcctr.compare.page_template import TEMPLATE
from dlcctr.compare.paired import Paired
from dlcctr.compare.pairs import Pair
from dlcctr.compare.plan import ComparisonPlan
from dlcctr.compare.sample import Why
from dlcctr.compare.verdict import NUMBERS, Comparison, difference, percent
from dlcctr.quality.flagging.flag_kinds import FLAG_KINDS
from dlcctr.quality.record import PartQuality
from dlcctr.quality.report.own_page import refuse_another_file
from dlcctr.system.files import write_text_atomic
from dlcctr.system.terminal.console import one_line

MARK = '<meta name="generator" content="dlcctr-compare'
"""By this the file is known, so that nothing else is replaced by one."""


def write_page(
    file: Path,
    plan: ComparisonPlan,
    found: Comparison,
    *,
    clips: Mapping[int, Sequence[Path]] | None = None,
    clips_note: str = "",
) -> None:
    """Write the page; an older page is replaced.

    Parameters
    ----------
    clips : mapping
        Clips of each row that has some.
    clips_note : str
        How clips can be made.

    Raises
    ------
    UsageError
        The file is there and no page of ours.
    OutputError
        It cannot be written.
    """
    refuse_another_file(file, mark=MARK, kind="comparison", remedy="name another folder with -o")
    write_text_atomic(file, page_text(plan, found, file.parent, clips=clips or {}, clips_note=clips_note))


def page_text(
    plan: ComparisonPlan,
    found: Comparison,
    folder: Path,
    *,
    clips: Mapping[int, Sequence[Path]],
    clips_note: str = "",
) -> str:
    """Text of the page that lies in a folder."""
    import jinja2

    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    environment.filters["one_line"] = one_line
    most = max((share for pair in found.pairs for share in _wrong(pair) if share is not None), default=0.0)
    manifest = Path(plan.manifest)
    text: str = environment.from_string(TEMPLATE).render(
        mark=_safe(MARK),
        version=__version__,
        title=one_line(f"{manifest.parent.name}/{manifest.name}"),
        total=len(found.pairs),
        models=plan.models,
        better=found.better,
        verdict=one_line(found.verdict),
        notes=found.notes,
        numbers=_numbers(found),
        flagged=found.flagged,
        agree=agreement_text(found),
        videos=[_video(pair, most, [_link(clip, folder) for clip in clips.get(pair.row.index, ())])
                for pair in found.pairs],
        kinds={kind.name: kind.says for kind in FLAG_KINDS.values()},
        parts=_parts(found.pairs),
        clips_note=clips_note,
    )  # fmt: skip
    return text


def _safe(text: str) -> Any:
    from markupsafe import Markup

    return Markup(text)


def agreement_text(found: Comparison) -> str:
    """How far both models agree, in words; empty where that is not known."""
    if found.median_lengths is None:
        return ""
    far = f", {percent(found.apart_share)} of them more than half a length" if found.apart_share is not None else ""
    return f"{found.median_lengths:.2g} body lengths apart{far} (medians over videos)"


def _numbers(found: Comparison) -> list[dict[str, Any]]:
    groups = ((Why.RANDOM, found.at_random), (Why.WORST, found.worst))
    return [
        {
            "name": text,
            "why": why.value,
            "n": paired.n,
            "a": percent(paired.mean_a),
            "b": percent(paired.mean_b),
            "off": difference(paired),
            "lower": f"{paired.n_lower} of {paired.n}",
        }
        for name, text in NUMBERS.items()
        for why, numbers in groups
        if (paired := numbers.get(name, Paired(0))).n
    ]


def _wrong(pair: Pair) -> tuple[float | None, float | None]:
    a, b = (side.measures.wrong if side.measures else None for side in (pair.a, pair.b))
    return a, b


def _video(pair: Pair, most: float, clips: Sequence[str]) -> dict[str, Any]:
    wrong = _wrong(pair)
    known = [share for share in wrong if share is not None]
    return {
        "row": pair.row.index,
        "video": pair.row.video,
        "why": pair.why.value,
        "a": percent(wrong[0]),
        "b": percent(wrong[1]),
        "bars": [round(110 * share / most) for share in known] if most and len(known) == len(wrong) else [],
        "flags": [side.measures.flags if side.measures else () for side in (pair.a, pair.b)],
        "apart": apart_text(pair),
        "clips": clips,
        "causes": [f"{name}: {side.cause}" for name, side in (("A", pair.a), ("B", pair.b)) if side.cause]
        + ([f"no agreement: {pair.note}"] if pair.note else []),
    }


def apart_text(pair: Pair) -> str:
    """Median distance of a video's points by both models: in body lengths, else in px; a dash where not known."""
    found = pair.agreement
    if found is None or found.median_px is None:
        return "–"
    return f"{found.median_px:.1f} px" if found.median_lengths is None else f"{found.median_lengths:.2g}"


def _link(clip: Path, folder: Path) -> str:
    return quote(os.path.relpath(clip, folder).replace(os.sep, "/"))


def _parts(pairs: Sequence[Pair]) -> list[dict[str, Any]]:
    """Mean shares of each common body part over the videos with both results."""
    complete = [pair for pair in pairs if pair.is_complete]
    names = dict.fromkeys(part.name for pair in complete for part in pair.a.parts)
    return [
        {
            "name": name,
            "cells": [
                percent(_mean([getattr(part, number) for pair in complete for part in _named(pair, side, name)]))
                for number in ("low_share", "jump_share", "odd_share")
                for side in ("a", "b")
            ],
        }
        for name in names
    ]


def _named(pair: Pair, side: str, name: str) -> list[PartQuality]:
    return [part for part in getattr(pair, side).parts if part.name == name]


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
