"""The report as one file of HTML: everything inline, nothing asked of anybody's server.

Names of videos, notes and messages come from outside. They reach the page as text only: the template escapes them, and
the data is JSON in which no character can end the element that holds it. A content security policy lets nothing run
but the page's own script, and nothing be loaded but the pictures in the page.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from dlcctr import __version__
from dlcctr.model.curve.picture import losses_svg
from dlcctr.quality.flagging.flag_kinds import FLAG_KINDS
from dlcctr.quality.report.collect import Report, Video
from dlcctr.quality.report.details import judgement, overview, provenance
from dlcctr.quality.report.methods import methods_text
from dlcctr.quality.report.own_page import refuse_another_file
from dlcctr.quality.report.pictures import embed, rooms_for
from dlcctr.quality.report.summary import Summary, hours_text
from dlcctr.quality.report.timeline import encoded
from dlcctr.results.row_state import State
from dlcctr.system.files import write_text_atomic
from dlcctr.system.source_tree import own_sources
from dlcctr.system.terminal.console import one_line
from dlcctr.system.terminal.progress import RowProgress, no_progress

FOLDER = "dlcctr/quality/report/web"
TEMPLATE, STYLE = "page.html.j2", "page.css"
SCRIPTS = ("text", "data", "ratings", "plot", "trajectory", "list", "panel", "filters", "keys", "main")
"""Parts of the page's script, in the order in which they are put together."""
MARK = '<meta name="generator" content="dlcctr-report'
"""By this the file is known, so that nothing else is replaced by one."""
_UNSAFE = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"}


def write_page(file: Path, report: Report, summary: Summary, *, progress: RowProgress = no_progress) -> int:
    """Write the page; an older page is replaced. Gives its size in bytes.

    Raises
    ------
    UsageError
        The file is there and no page of ours.
    OutputError
        It cannot be written.
    """
    refuse_another_file(file, mark=MARK, kind="report", remedy="give another name with -o")
    text = make_page(report, summary, progress=progress)
    write_text_atomic(file, text)
    return len(text.encode())


def make_page(report: Report, summary: Summary, *, progress: RowProgress = no_progress) -> str:
    """Text of the page."""
    from markupsafe import Markup

    script = "\n".join(_own(f"{name}.js") for name in SCRIPTS)
    script = f'(function () {{\n"use strict";\n{script}}})();\n'
    text: str = _template().render(
        mark=MARK,
        version=__version__,
        made=datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        title=one_line(report.name),
        style=_own(STYLE),
        script=script,
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii"),
        summary=summary,
        methods=methods_text(report, summary),
        notes=[one_line(note) for note in report.notes],
        trainings=[(each, Markup(losses_svg(each.losses, each.unit))) for each in report.trainings],
        total=len(report.videos),
        index=safe_json(index_of(report)),
        details=_details(report, progress),
    )
    return text


def _own(name: str) -> str:
    return own_sources().read(f"{FOLDER}/{name}")


def _template() -> Any:
    import jinja2

    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["one_line"] = one_line
    environment.filters["hours"] = hours_text
    return environment.from_string(_own(TEMPLATE))


def index_of(report: Report) -> dict[str, Any]:
    """What the page's list needs at once; the rest is read when a video is shown."""
    return {
        "key": report.key,
        "name": report.name,
        "manifest": report.check.manifest.name,
        "states": [state.value for state in State],
        "kinds": {kind.name: kind.says for kind in FLAG_KINDS.values()},
        "videos": [overview(video) for video in report.videos],
    }


def _details(report: Report, progress: RowProgress) -> Iterator[tuple[int, str]]:
    """Row and JSON of each video; files are read by several threads, one after the other of them is written."""
    pictured = [video for video in report.videos if video.quality and video.quality.pictures]
    rooms = dict(zip((v.row.index for v in pictured), rooms_for([bool(v.flags) for v in pictured]), strict=True))

    def work(video: Video) -> str:
        return _detail(video, rooms.get(video.row.index, 0))

    with progress("putting in pictures", len(report.videos)) as step, ThreadPoolExecutor(max_workers=4) as pool:
        for video, text in zip(report.videos, pool.map(work, report.videos), strict=True):
            step()
            yield video.row.index, text


def _detail(video: Video, room: int) -> str:
    quality, folder = video.quality, video.result.folder
    images = embed(folder, quality, room) if quality and folder else {}
    return safe_json(
        {
            **judgement(video),
            "frames": quality.frames if quality else video.row.frames,
            "size": [video.row.width, video.row.height],
            "pictures": [
                {
                    "name": each.file,
                    "frame": each.frame,
                    "time_s": each.time_s,
                    "why": each.why,
                    "src": images[each.file],
                }
                for each in (quality.pictures if quality else ())
                if each.file in images
            ],
            "timeline": encoded(quality.timeline) if quality else {},
            "provenance": provenance(video),
        }
    )


def safe_json(value: object) -> str:
    """JSON that may stand in a script element: ASCII, without a character that ends or opens one."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    for character, escaped in _UNSAFE.items():
        text = text.replace(character, escaped)
    return text
