"""A paragraph for a paper's methods, from what the receipts say; where rows differ, it says so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from dlcctr import __version__
from dlcctr.contract import RowState
from dlcctr.quality.report.collect import Report, Video
from dlcctr.quality.report.summary import Summary, hours_text
from dlcctr.results.receipt import Receipt
from dlcctr.system.terminal.console import one_line, plural, row_ranges

CITATIONS = {
    "mathis2018": "Mathis A, Mamidanna P, Cury KM, Abe T, Murthy VN, Mathis MW, Bethge M (2018). DeepLabCut: "
    "markerless pose estimation of user-defined body parts with deep learning. Nature Neuroscience 21, 1281-1289. "
    "doi:10.1038/s41593-018-0209-y",
    "nath2019": "Nath T, Mathis A, Chen AC, Patel A, Bethge M, Mathis MW (2019). Using DeepLabCut for 3D markerless "
    "pose estimation across species and behaviors. Nature Protocols 14, 2152-2176. doi:10.1038/s41596-019-0176-0",
    "lauer2022": "Lauer J, Zhou M, Ye S, Menegas W, Schneider S, Nath T, et al. (2022). Multi-animal pose "
    "estimation, identification and tracking with DeepLabCut. Nature Methods 19, 496-504. "
    "doi:10.1038/s41592-022-01443-0",
}
MAX_VARIANTS = 4
HASH_CHARS = 12
ENGINES = {"pytorch": ("PyTorch", ("torch",)), "tensorflow": ("TensorFlow", ("tensorflow",))}
"""Engine to its name, and to the names of its package in a receipt."""


def methods_text(report: Report, summary: Summary) -> str:
    """Paragraph to paste; paragraphs after it are citations."""
    made = [video for video in report.by_index if video.receipt and video.result.analysed]
    if not made:
        return "No video of this campaign has a result yet, so there is nothing to describe."
    sentences = [
        _model_sentence(made, summary),
        _software_sentence(made),
        _parameters_sentence(made),
        _hardware_sentence(made, summary),
        _completeness_sentence(report, summary),
        _quality_sentence(report, summary),
    ]
    is_multi = any(video.receipt and video.receipt.model.individuals for video in made)
    cited = [CITATIONS[key] for key in CITATIONS if key != "lauer2022" or is_multi]
    return one_line(" ".join(filter(None, sentences))) + "\n\n" + "\n".join(cited)


def _each(videos: Iterable[Video], fact: Callable[[Receipt], str]) -> str:
    """A fact of all receipts: the one value, or each with its rows."""
    found: dict[str, list[int]] = {}
    for video in videos:
        if video.receipt:
            found.setdefault(fact(video.receipt), []).append(video.row.index)
    if len(found) == 1:
        return next(iter(found))
    ordered = sorted(found.items(), key=lambda item: -len(item[1]))
    shown = [f"{value or 'not recorded'} ({row_ranges(rows)})" for value, rows in ordered[:MAX_VARIANTS]]
    more = len(ordered) - MAX_VARIANTS
    return "differing between videos: " + "; ".join([*shown, *([f"{more} others"] if more > 0 else [])])


def _model_sentence(made: Sequence[Video], summary: Summary) -> str:
    is_multi = any(video.receipt and video.receipt.model.individuals for video in made)
    cites = "Mathis et al., 2018; Nath et al., 2019" + ("; Lauer et al., 2022" if is_multi else "")
    size = f"{hours_text(summary.analysed_h)}, {summary.frames:,} frames"
    return (
        f"Poses were estimated in {plural(len(made), 'video')} ({size}) with DeepLabCut {_each(made, _deeplabcut)} "
        f"({cites}). The trained model was {_each(made, _model)}, with {_each(made, _parts)}."
    )


def _deeplabcut(receipt: Receipt) -> str:
    return _version(receipt, "deeplabcut") or "(version not recorded)"


def _version(receipt: Receipt, *names: str) -> str:
    versions = {**(receipt.image.versions or {}), **receipt.software}
    return next((versions[name] for name in names if versions.get(name)), "")


def _model(receipt: Receipt) -> str:
    model = receipt.model
    snapshot = f", {model.snapshot}" if model.snapshot else ""
    detector = f", detector {model.detector_snapshot}" if model.detector_snapshot else ""
    return f"{model.id or 'unnamed'} (SHA-256 {model.hash[:HASH_CHARS] or 'not recorded'}{snapshot}{detector})"


def _parts(receipt: Receipt) -> str:
    model = receipt.model
    parts = [*model.bodyparts, *model.unique_bodyparts]
    text = f"{plural(len(parts), 'body part')} ({', '.join(parts)})" if parts else "body parts not recorded"
    return text + (f" of {plural(len(model.individuals), 'individual')}" if model.individuals else "")


def _software_sentence(made: Sequence[Video]) -> str:
    return f"Software: {_each(made, _software)}."


def _software(receipt: Receipt) -> str:
    name, packages = ENGINES.get(receipt.model.engine, (receipt.model.engine, ()))
    image = receipt.image
    digest = f", digest {image.digest.removeprefix('sha256:')[:HASH_CHARS]}" if image.digest else ""
    python, cuda = _version(receipt, "python"), image.cuda
    words = [
        f"{name} {_version(receipt, *packages)}".strip(),
        f"Python {python}" if python else "",
        f"CUDA {cuda}" if cuda and receipt.device.on_gpu else "",
        f"network computed by {receipt.device.backend}" if receipt.device.backend else "",
        f"container image {image.name}{digest}" if image.name else "no container image",
        f"dlcctr {image.version or __version__}",
    ]
    return ", ".join(filter(None, words))


def _parameters_sentence(made: Sequence[Video]) -> str:
    return f"Parameters: {_each(made, _parameters)}."


def _parameters(receipt: Receipt) -> str:
    used, tracking = receipt.parameters, receipt.parameters.tracking
    crop = f"cropped to x {used.crop[0]}-{used.crop[1]}, y {used.crop[2]}-{used.crop[3]} px" if used.crop else ""
    words = [
        f"shuffle {used.shuffle}" if used.shuffle is not None else "",
        f"training set {used.trainset_index}" if used.trainset_index is not None else "",
        crop or "whole pictures",
        f"{used.precision} arithmetic",
        f"tracker {tracking.tracker}" if tracking.tracker else "",
        f"{tracking.n_tracks} tracks" if tracking.n_tracks is not None else "",
        "through DeepLabCut's analyze_videos" if receipt.path.startswith("stock") else "",
    ]
    return ", ".join(filter(None, words))


def _hardware_sentence(made: Sequence[Video], summary: Summary) -> str:
    devices = "; ".join(f"{name} ({plural(count, 'video')})" for name, count in summary.devices.items())
    used = [
        f"{hours:.1f} {what}-hours" for hours, what in ((summary.gpu_h, "GPU"), (summary.cpu_h, "CPU")) if hours >= 0.05
    ]
    return f"Hardware: {devices}{f', {chr(32).join(used)} in total' if used else ''}." if devices else ""


def _completeness_sentence(report: Report, summary: Summary) -> str:
    degraded = [video for video in report.by_index if video.receipt and video.receipt.state is RowState.DEGRADED]
    lost = sum(v.receipt.frames.stream - v.receipt.frames.decoded for v in degraded if v.receipt and v.receipt.frames)
    text = "Every result was checked against its receipt (sizes and number of frames); "
    text += f"{summary.analysed - len(degraded)} of {plural(len(report.videos), 'video')} are complete"
    if degraded:
        text += f", and in {len(degraded)} some frames ({lost:,} in all) did not decode and are missing values"
    without = len(report.videos) - summary.analysed
    return text + (f"; {without} {'has' if without == 1 else 'have'} no result." if without else ".")


def _quality_sentence(report: Report, summary: Summary) -> str:
    if not summary.judged:
        return ""
    priors = Counter(video.quality.prior.source for video in report.by_index if video.quality)
    sources = {"labels": "the labelled frames", "campaign": "the campaign's own confident frames"}
    against = "; ".join(
        f"{sources[name]} ({plural(count, 'video')})" for name, count in priors.most_common() if name in sources
    )
    rated = f" {plural(summary.rated, 'video')} were judged by eye" if summary.rated else ""
    words = ", ".join(f"{count} {name}" for name, count in summary.ratings.items())
    return (
        f"Tracking was judged automatically in {plural(summary.judged, 'video')}"
        f"{f', poses against {against}' if against else ''}; {summary.flagged} were flagged."
        f"{rated}{f' ({words}).' if rated else ''}"
    )
