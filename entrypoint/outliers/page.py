"""`outliers.html`: all frames that were taken, and why, as one file that asks nothing of anybody's server."""

from __future__ import annotations

import base64
from collections.abc import Sequence

from dlcctr import __version__
from dlcctr.quality.flagging.flag_kinds import FLAG_KINDS
from dlcctr.system.terminal.console import one_line, plural
from entrypoint.outliers.take_row import Taken
from entrypoint.video.stills import colours

TEMPLATE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="generator" content="dlcctr-outliers {{ version }}">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Frames to label: {{ title }}</title>
<style>
body { font: 15px/1.4 system-ui, sans-serif; margin: 1.5rem; }
main { display: grid; grid-template-columns: repeat(auto-fill, minmax(20rem, 1fr)); gap: 1.2rem; }
figure { margin: 0; } img { width: 100%; border-radius: 4px; }
.key { display: inline-block; width: 0.8em; height: 0.8em; border-radius: 50%; margin: 0 0.2em 0 0.8em; }
figcaption { overflow-wrap: anywhere; font-size: 0.9em; } b { font-weight: 600; } small { opacity: 0.75; }
</style>
</head>
<body>
<h1>Frames to label: <bdi>{{ title }}</bdi></h1>
<p>{{ amount }}; points are the model's, faint where it is unsure.
Score: how probably they are wrong, 0 to 1.</p>
<p>{% for colour, part in key %}<span class="key" style="background:rgb{{ colour }}"></span>{{ part|one_line }}\
{% endfor %}</p>
{% for note in notes %}<p><small>{{ note }}</small></p>
{% endfor %}
<main>
{% for each in frames %}
<figure>
<img alt="frame {{ each.frame.frame }} of {{ each.frame.video|one_line }}"
 src="data:image/jpeg;base64,{{ each.jpeg|b64 }}">
<figcaption><b>{% for why in each.frame.why %}{% if not loop.first %}, {% endif %}\
<span title="{{ kinds.get(why, why) }}">{{ why|one_line }}</span>{% endfor %}</b> ·
score {{ "%.2f"|format(each.frame.score) }}<br>
<bdi>{{ each.frame.video|one_line }}</bdi> · row {{ each.frame.row }}, frame {{ each.frame.frame }}\
{% if each.frame.time_s is not none %} · {{ "%.2f"|format(each.frame.time_s) }} s{% endif %}<br>
<small>labeled-data/{{ each.folder }}/{{ each.picture }}</small></figcaption>
</figure>
{% endfor %}
</main>
</body>
</html>
"""


def page_text(title: str, taken: Sequence[Taken], parts: Sequence[str], notes: Sequence[str]) -> str:
    """Text of the page. Names come from outside and reach it as text only.

    Parameters
    ----------
    parts : sequence of str
        Body parts in the order in which they were drawn, those that exist once last.
    """
    import jinja2

    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    environment.filters["one_line"] = one_line
    environment.filters["b64"] = lambda data: base64.b64encode(data).decode("ascii")
    text: str = environment.from_string(TEMPLATE).render(
        version=__version__,
        title=one_line(title),
        frames=taken,
        amount=f"{plural(len(taken), 'frame')} of {plural(len({each.folder for each in taken}), 'video')}",
        key=list(zip(colours(len(parts)), parts, strict=True)),
        notes=[one_line(note) for note in notes],
        kinds={kind.name: kind.says for kind in FLAG_KINDS.values()},
    )
    return text
