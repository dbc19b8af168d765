"""One video as tables of plain values: for the page, and for programs."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Any

from dlcctr.quality.report.collect import Video
from dlcctr.system.terminal.console import duration
from dlcctr.system.values.records import to_table

if TYPE_CHECKING:
    from dlcctr.results.receipt import Receipt


def likelihood_of(video: Video) -> float | None:
    """Median of the body parts' median likelihoods."""
    parts = video.quality.parts if video.quality else ()
    known = [part.likelihood_median for part in parts if part.likelihood_median is not None]
    return statistics.median(known) if known else None


def overview(video: Video) -> dict[str, Any]:
    """What a list shows of a video."""
    row, rating = video.row, video.rating
    return {
        "row": row.index,
        "video": row.video,
        "fingerprint": row.fingerprint,
        "state": video.result.state.value,
        "cause": video.result.cause,
        "badness": round(video.badness, 4),
        "flags": video.flag_names,
        "likelihood": likelihood_of(video),
        "duration_s": video.duration_s,
        "camera": video.compared.camera,
        "day": video.compared.day,
        "is_judged": video.quality is not None,
        "rating": {"rating": rating.rating, "note": rating.note, "rater": rating.rater, "time": rating.time}
        if rating
        else None,
    }


def judgement(video: Video) -> dict[str, Any]:
    """What is known of a video's quality, without timelines and pictures."""
    quality = video.quality
    return {
        "flags": [to_table(flag) for flag in video.flags],
        "stretches": [to_table(stretch) for stretch in quality.stretches] if quality else [],
        "parts": [to_table(part) for part in quality.parts] if quality else [],
        "summary": quality.summary if quality else {},
        "notes": list(video.notes),
    }


def for_programs(video: Video) -> dict[str, Any]:
    """A video in the JSON output; its flags stand there whole."""
    folder = video.result.folder
    pictures = [to_table(picture) for picture in video.quality.pictures] if video.quality else []
    return {
        **overview(video),
        **judgement(video),
        "pictures": pictures,
        "folder": str(folder) if folder else None,
        "provenance": dict(provenance(video)),
    }


def provenance(video: Video) -> list[tuple[str, str]]:
    """Where a result came from: names and values, those that are known."""
    row, attempt, receipt = video.row, video.attempt, video.receipt
    found = [("row", str(row.index)), ("fingerprint", row.fingerprint)]
    found += [("picture", f"{row.width} × {row.height} px")] if row.width and row.height else []
    found += [("frame rate", f"{row.fps:g} frames/s")] if row.fps else []
    if receipt:
        found += _of_receipt(receipt)
    elif attempt:
        found += [("host", attempt.host), ("exit code", str(attempt.exit_code)), ("job", attempt.job_id)]
    prior = video.quality.prior if video.quality else None
    if prior:
        found += [("poses compared with", prior.source), ("prior", prior.hash)]
    return [(name, value) for name, value in found if value]


def _of_receipt(receipt: Receipt) -> list[tuple[str, str]]:
    model, device, image, used = receipt.model, receipt.device, receipt.image, receipt.parameters
    frames = receipt.frames
    total = receipt.timings_s.get("total")
    return [
        ("frames", f"{frames.decoded:,} of {frames.stream:,} decoded" if frames else ""),
        ("model", model.id),
        ("model hash", model.hash),
        ("scorer", model.scorer),
        ("engine", f"{model.engine}, {device.backend}" if device.backend else model.engine),
        ("parameters", _parameters(receipt)),
        ("precision", used.precision),
        (
            "device",
            (device.name or "GPU") if device.on_gpu else f"CPU, {device.threads} threads" if device.type else "",
        ),
        ("image", " ".join(filter(None, (image.name, image.digest)))),
        ("software", ", ".join(f"{name} {version}" for name, version in receipt.software.items())),
        ("path", receipt.path),
        ("time", duration(total) if total else ""),
        ("started", receipt.started),
        ("finished", receipt.finished),
        ("host", receipt.host),
        ("job", receipt.job_id + (f"_{receipt.array_index}" if receipt.array_index is not None else "")),
        ("files", ", ".join(entry.name for entry in receipt.files)),
    ]


def device_of(receipt: Receipt) -> str:
    """What computed a result, for people; empty where it does not say it."""
    device = receipt.device
    if device.on_gpu:
        return device.name or "a GPU"
    return f"CPU, {device.threads or '?'} threads" if device.type else ""


def _parameters(receipt: Receipt) -> str:
    used = receipt.parameters
    words = [
        f"shuffle {used.shuffle}" if used.shuffle is not None else "",
        f"training set {used.trainset_index}" if used.trainset_index is not None else "",
        f"crop {','.join(map(str, used.crop))}" if used.crop else "whole picture",
        f"batches of {used.batch_size}" if used.batch_size else "",
    ]
    return ", ".join(filter(None, words))
