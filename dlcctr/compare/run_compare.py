"""Compare two models: prepare, run both here, read what there is, write the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from dlcctr.campaign.derive import ModelChoice
from dlcctr.compare.clips import clips_command, clips_manifest, find_clips, prepare_clips
from dlcctr.compare.page import write_page
from dlcctr.compare.pairs import Pair, read_pairs
from dlcctr.compare.plan import OUTCOMES, SIDES, Outcome, default_folder
from dlcctr.compare.prepare import Prepared, prepare
from dlcctr.compare.reuse import reuse_finished
from dlcctr.compare.verdict import Comparison, compare_models
from dlcctr.contract import ExitCode
from dlcctr.errors import UsageError
from dlcctr.runtime.rows.run_campaign import RunOptions, run_campaign
from dlcctr.system.files import write_text_atomic
from dlcctr.system.terminal.console import plural, warn
from dlcctr.system.terminal.progress import RowProgress, no_progress


@dataclass(frozen=True)
class CompareRequest:
    """What to compare.

    Parameters
    ----------
    choices : tuple of ModelChoice
        A and B; only B where A is the campaign's own model.
    folder : Path or None
        Where both campaigns go; beside the manifest by default.
    sample : int
        Number of videos.
    run : bool
        Analyse here what is missing.
    videos : bool
        Make clips of both side by side, too.
    options : RunOptions
        As of `dlcctr run`.
    images : tuple of str
        Images of A and B, or one for both.
    """

    manifest: Path
    choices: tuple[ModelChoice, ...]
    folder: Path | None = None
    sample: int = 20
    seed: int = 0
    run: bool = True
    videos: bool = False
    options: RunOptions = field(default_factory=RunOptions)
    images: tuple[str, ...] = ()


@dataclass(frozen=True)
class Compared:
    """What became of it.

    Parameters
    ----------
    found : Comparison or None
        None while no video has both results.
    page : Path or None
        None without a page.
    exit_code : int
        Of the runs: that of the first failed row, 75 where they were stopped.
    n_reused : int
        Results of the campaign that were taken.
    clips_note : str
        How clips are made; empty where they are there, or cannot be made.
    """

    prepared: Prepared
    found: Comparison | None
    page: Path | None
    exit_code: int = 0
    n_reused: int = 0
    clips_note: str = ""
    not_judged: tuple[str, ...] = field(default=())


def compare(request: CompareRequest, words: Sequence[str] = (), progress: RowProgress = no_progress) -> Compared:
    """Compare two models on a sample of a campaign's videos; the same request goes on where it was.

    Parameters
    ----------
    words : sequence of str
        Options of `dlcctr run` as they were typed, for commands that are shown.

    Raises
    ------
    DlcctrError
        As `dlcctr.compare.prepare.prepare` and `dlcctr.runtime.rows.run_campaign.run_campaign`.
    """
    folder = request.folder or default_folder(request.manifest)
    if len(request.images) > len(SIDES):
        raise UsageError(f"{len(request.images)} images are named", "name one for both models, or one for each")
    prepared = prepare(request.manifest, request.choices, folder, request.sample, request.seed)
    for note in prepared.plan.notes:
        warn(f"note: {note}")
    n_reused = reuse_finished(prepared, progress)
    code = _run(prepared, request) if request.run else 0
    if code == ExitCode.TRY_AGAIN:
        return Compared(prepared, None, None, code, n_reused)
    pairs = read_pairs(prepared, progress)
    if not any(pair.is_complete for pair in pairs):
        return Compared(prepared, None, None, code, n_reused, not_judged=_not_judged(prepared, pairs))
    found = compare_models(pairs, [*prepared.plan.notes, *_about_parts(prepared)])
    n_videos = prepare_clips(prepared, pairs)
    if n_videos and request.videos and request.run:
        code = code or run_campaign(clips_manifest(prepared), _options(request, 1)).exit_code
    made = {pair.row.index: clips for pair in pairs if (clips := find_clips(pair)) is not None}
    note = ""
    if len(made) < n_videos:
        note = f"clips of both models side by side: {clips_command(prepared, words)}"
    elif n_videos and not any(made.values()):
        note = "no clips of both models: no moment of these videos looks suspicious"
    write_page(prepared.folder.page, prepared.plan, found, clips=made, clips_note=note)
    outcome = Outcome(found.better, found.verdict, found.n_complete, len(pairs))
    write_text_atomic(prepared.folder.outcome, OUTCOMES.text(outcome))
    return Compared(
        prepared, found, prepared.folder.page, code, n_reused, note, not_judged=_not_judged(prepared, pairs)
    )


def _run(prepared: Prepared, request: CompareRequest) -> int:
    """Analyse what is missing, A first; gives the exit code of the first run that did not end well."""
    codes = []
    for n, side in enumerate(SIDES):
        if n == 0 and not prepared.has_a:
            continue  # all of its rows were finished before; its model is not there to go on with
        warn(f"model {side}: {prepared.plan.models[n].id}, {plural(len(prepared.rows), 'video')}")
        codes.append(run_campaign(prepared.folder.manifest(side), _options(request, n)).exit_code)
        if codes[-1] == ExitCode.TRY_AGAIN:
            return codes[-1]
    return next((code for code in codes if code), 0)


def _options(request: CompareRequest, n: int) -> RunOptions:
    image = request.images[min(n, len(request.images) - 1)] if request.images else ""
    return replace(request.options, image=image)


def _about_parts(prepared: Prepared) -> list[str]:
    common = prepared.common
    a, b = (set(model.parts) for model in prepared.plan.models)
    if a == b:
        return []
    left = [f"{name} alone has {', '.join(sorted(more))}" for name, more in (("A", a - b), ("B", b - a)) if more]
    return [f"only the body parts of both are compared ({', '.join(common)}); {'; '.join(left)}"]


def _not_judged(prepared: Prepared, pairs: Sequence[Pair]) -> tuple[str, ...]:
    """Manifests with rows that are finished and were not judged."""
    return tuple(
        str(prepared.folder.manifest(side))
        for side, name in zip(SIDES, ("a", "b"), strict=True)
        if any(getattr(pair, name).receipt and not getattr(pair, name).measures for pair in pairs)
    )
