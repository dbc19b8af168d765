"""`evaluation.html`: figures, curves and the worst frames, as one file that asks nothing of anybody's server."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from dlcctr import __version__
from dlcctr.model.curve.losses import LossRow
from dlcctr.model.curve.picture import losses_svg
from dlcctr.system.terminal.console import one_line
from entrypoint.evaluation.record import ALL, BEFORE, NOW, Evaluation
from entrypoint.evaluation.report.curves import Curve, curves_svg
from entrypoint.evaluation.report.pictures import WorstFrame
from entrypoint.evaluation.report.terminal import animals_text, compared_sets, difference_text, model_text, percent, px
from entrypoint.video.stills import colours

TEMPLATE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="generator" content="dlcctr-evaluate {{ version }}">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Evaluation: {{ title }}</title>
<style>
body { font: 15px/1.4 system-ui, sans-serif; margin: 1.5rem; max-width: 75rem; }
table { border-collapse: collapse; margin: 0.5rem 0 1rem; } th, td { padding: 0.15rem 0.7rem; text-align: right; }
th:first-child, td:first-child { text-align: left; overflow-wrap: anywhere; } thead th { border-bottom: 1px solid; }
tr.all td { border-top: 1px solid; font-weight: 600; } td small { opacity: 0.7; }
.scroll { overflow-x: auto; } svg { max-width: 40rem; width: 100%; height: auto; }
main { display: grid; grid-template-columns: repeat(auto-fill, minmax(18rem, 1fr)); gap: 1.2rem; }
figure { margin: 0; } img { width: 100%; border-radius: 4px; }
figcaption { overflow-wrap: anywhere; font-size: 0.9em; } .note { border-left: 3px solid #c80; padding-left: 0.7rem; }
.key { display: inline-block; width: 0.8em; height: 0.8em; border-radius: 50%; margin: 0 0.2em 0 0.8em; }
</style>
</head>
<body>
<h1>Evaluation: <bdi>{{ title }}</bdi></h1>
<p>{{ now }}{% if before %}, beside {{ before }}{% endif %}.<br>
{{ found.counts.frames }} labelled frames{% if found.individuals %} of {{ found.individuals|length }} animals\
{% endif %}: {{ found.counts.train }} trained on, {{ found.counts.test }} to test\
{% if found.counts.added is not none %}; {{ found.counts.added }} added this round{% endif %}.</p>
{% for note in found.notes %}<p class="note">{{ note|one_line }}</p>
{% endfor %}
<h2>Error by body part</h2>
<div class="scroll"><table>
<thead><tr><th>px</th><th>train</th><th>n</th><th>p ≥ {{ found.pcutoff }}</th><th>n</th>\
<th>test</th><th>median</th><th>n</th><th>p ≥ {{ found.pcutoff }}</th><th>n</th><th>PCK</th><th>n</th></tr></thead>
<tbody>
{% for part in parts %}
{% set train = found.figure("now", "train", part) %}{% set test = found.figure("now", "test", part) %}
<tr{% if not part %} class="all"{% endif %}><td>{{ (part or "all")|one_line }}</td>
<td>{{ train.error_px|px }}</td><td>{{ train.n }}</td><td>{{ train.error_sure_px|px }}</td><td>{{ train.n_sure }}</td>
<td>{{ test.error_px|px }}</td><td>{{ test.median_px|px }}</td><td>{{ test.n }}</td>
<td>{{ test.error_sure_px|px }}</td><td>{{ test.n_sure }}</td><td>{{ test|pck }}</td><td>{{ test.n_pck }}</td></tr>
{% endfor %}
</tbody></table></div>
<p><small>Mean distance between label and prediction, which DeepLabCut calls RMSE; n: labelled points behind the figure.
p ≥ {{ found.pcutoff }}: only points that the model gives at least this likelihood. PCK: share of test points within
{{ found.pck }} of their label.</small></p>
{% if animals %}
<p>Whole animals, 0 to 100: {{ animals }}.<br>
<small>DeepLabCut's mean average precision and recall, by object keypoint similarity. Errors in px are of animals that
DeepLabCut takes for the same; one that was not found is in no mean, and wrong in PCK.</small></p>
{% endif %}
{{ svg }}
{% for title, picture in trainings %}
{% if loop.first %}<h2>Training</h2>
{% endif %}
<p>{{ title }}</p>
{{ picture }}
{% endfor %}
{% if before %}
<h2>Beside {{ before }}</h2>
{% if animals_before %}<p>Whole animals, 0 to 100: {{ animals_before }}.</p>
{% endif %}
{% for set in sets %}
<h3>{{ set.title }} ({{ set.n_frames }})</h3>
<div class="scroll"><table>
<thead><tr><th>px</th><th>now</th><th>n</th><th>PCK</th><th>before</th><th>n</th><th>PCK</th></tr></thead>
<tbody>
{% for part in parts %}
{% set now_ = found.figure("now", set.name, part) %}{% set then = found.figure("before", set.name, part) %}
<tr{% if not part %} class="all"{% endif %}><td>{{ (part or "all")|one_line }}</td>
<td>{{ now_.error_px|px }}</td><td>{{ now_.n }}</td><td>{{ now_|pck }}</td>
<td>{{ then.error_px|px }}</td><td>{{ then.n }}</td><td>{{ then|pck }}</td></tr>
{% endfor %}
</tbody></table></div>
{% if set.change %}<p>Change: {{ set.change }}</p>{% endif %}
{% endfor %}
{% endif %}
{% if worst %}
<h2>The frames with the largest errors</h2>
<p>Cross: label. Ring: prediction. Look for wrong labels too.\
{% for colour, part in key %}<span class="key" style="background:rgb{{ colour }}"></span>{{ part|one_line }}\
{% endfor %}</p>
<main>
{% for each in worst %}
<figure>
{% if each.jpeg %}<img alt="{{ each.frame|join("/")|one_line }}" src="data:image/jpeg;base64,{{ each.jpeg|b64 }}">
{% endif %}<figcaption><b>{{ each.bodypart|one_line }}: {{ "%.1f"|format(each.error_px) }} px</b>, likelihood \
{{ "%.2f"|format(each.likelihood) }} · {{ each.split or "in neither set" }}<br>
<bdi>{{ each.frame|join("/")|one_line }}</bdi><br>
<small>{% for part, error in each.errors[1:4] %}{% if not loop.first %}, {% endif %}{{ part|one_line }} \
{{ "%.1f"|format(error) }}{% endfor %}</small></figcaption>
</figure>
{% endfor %}
</main>
{% endif %}
</body>
</html>
"""


def page_text(
    found: Evaluation,
    curves: Sequence[Curve],
    worst: Sequence[WorstFrame],
    losses: Mapping[str, Sequence[LossRow]] = MappingProxyType({}),
) -> str:
    """Text of the page. Names come from outside and reach it as text only.

    Parameters
    ----------
    curves : sequence of Curve
        Errors in px, for the picture of shares.
    losses : mapping of str to sequence of LossRow
        Loss curves by the name of the model, ``now`` and ``before``; a model without one is left out.
    """
    import jinja2
    from markupsafe import Markup

    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    environment.filters["one_line"] = one_line
    environment.filters["b64"] = lambda data: base64.b64encode(data).decode("ascii")
    environment.filters["px"] = lambda value: px(value, 0)
    environment.filters["pck"] = lambda figure: percent(figure).strip()
    text: str = environment.from_string(TEMPLATE).render(
        version=__version__,
        title=one_line(found.project),
        found=found,
        parts=[*found.bodyparts, ALL],
        now=model_text(found.now),
        before=model_text(found.before) if found.before else "",
        animals=animals_text(found, NOW),
        animals_before=animals_text(found, BEFORE),
        sets=_sets(found),
        svg=Markup(curves_svg(curves)),
        trainings=[
            (f"Loss of {model_text(model)}", Markup(picture))
            for name, model in ((NOW, found.now), (BEFORE, found.before))
            if model and (picture := losses_svg(losses.get(name, ()), _unit(model.engine)))
        ],
        worst=worst,
        key=list(zip(colours(len(found.bodyparts)), found.bodyparts, strict=True)),
    )
    return text


def _unit(engine: str) -> str:
    return "iteration" if engine == "tensorflow" else "epoch"


def _sets(found: Evaluation) -> list[dict[str, Any]]:
    sets = []
    for name, title, n_frames in compared_sets(found):
        change = next((difference_text(each) for each in found.differences if each.frames == name), "")
        sets.append({"name": name, "title": title, "n_frames": n_frames, "change": change})
    return sets
