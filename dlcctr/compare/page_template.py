"""What `compare.html` looks like (`dlcctr.compare.page`)."""

TEMPLATE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
{{ mark }} {{ version }}">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>A and B: {{ title }}</title>
<style>
:root { --soft: #5b6570; --line: #d9dee3; --a: #b87800; --b: #0072b2; --raised: #f6f7f8; }
@media (prefers-color-scheme: dark) {
  :root { --soft: #9aa5b0; --line: #343c44; --a: #e69f00; --b: #56b4e9; --raised: #1c2227; }
}
body { font: 15px/1.45 system-ui, sans-serif; margin: 1.5rem; font-variant-numeric: tabular-nums; }
h1 { font-size: 20px; } h2 { font-size: 16px; margin-top: 2rem; } h1, li, bdi, td small { overflow-wrap: anywhere; }
.name { min-width: 9rem; }
.verdict { font-size: 18px; padding: 0.6rem 0.9rem; border-left: 5px solid var(--b); background: var(--raised); }
.verdict.A { border-color: var(--a); } .verdict.none { border-color: var(--soft); }
table { border-collapse: collapse; } th { text-align: left; font-weight: 600; } small, .soft { color: var(--soft); }
td, th { padding: 3px 14px 3px 0; border-top: 1px solid var(--line); vertical-align: top; } thead th { border: 0; }
.number { text-align: right; white-space: nowrap; } .scroll { overflow-x: auto; }
.bar { display: block; height: 5px; border-radius: 2px; min-width: 1px; margin: 2px 0; }
.bar.A { background: var(--a); } .bar.B { background: var(--b); } .bars { width: 120px; }
i.A, i.B { display: inline-block; width: 10px; height: 10px; border-radius: 2px; }
i.A { background: var(--a); } i.B { background: var(--b); }
</style>
</head>
<body>
<h1>Two models on {{ total }} videos of <bdi>{{ title }}</bdi></h1>
<p><i class="A"></i> <b>A</b> <bdi>{{ models[0].id|one_line }}</bdi> <small><bdi>{{ models[0].path|one_line }}</bdi>\
</small><br><i class="B"></i> <b>B</b> <bdi>{{ models[1].id|one_line }}</bdi> \
<small><bdi>{{ models[1].path|one_line }}</bdi></small></p>
<p class="verdict {{ better or 'none' }}">{{ verdict }}</p>
{% for note in notes %}<p class="soft">{{ note|one_line }}</p>
{% endfor %}
<h2>Over all videos</h2>
<div class="scroll"><table>
<thead><tr><th>share of points that are</th><th>videos</th><th class="number">n</th><th class="number">A</th>\
<th class="number">B</th><th class="number">B − A (95%)</th><th class="number">lower with B</th></tr></thead>
<tbody>
{% for line in numbers %}<tr><td>{{ line.name }}</td><td>{{ line.why }}</td><td class="number">{{ line.n }}</td>\
<td class="number">{{ line.a }}</td><td class="number">{{ line.b }}</td><td class="number">{{ line.off }}</td>\
<td class="number">{{ line.lower }}</td></tr>
{% endfor %}
</tbody></table></div>
<p>Flags in {{ flagged[0] }} videos with A and in {{ flagged[1] }} with B.
{% if agree %}Where both are sure, they put a body part {{ agree }}.{% endif %}</p>
<h2>By video</h2>
<div class="scroll"><table>
<thead><tr><th>row</th><th>video</th><th>chosen</th><th class="number">wrong, A</th><th class="number">wrong, B</th>\
<th class="bars"></th><th>flags, A</th><th>flags, B</th><th class="number">apart</th><th>clips</th></tr></thead>
<tbody>
{% for each in videos %}<tr><td class="number">{{ each.row }}</td><td class="name"><bdi>{{ each.video|one_line }}</bdi>\
{% for cause in each.causes %}<br><small>{{ cause|one_line }}</small>{% endfor %}</td><td>{{ each.why }}</td>\
<td class="number">{{ each.a }}</td><td class="number">{{ each.b }}</td><td class="bars">\
{% if each.bars %}<span class="bar A" style="width:{{ each.bars[0] }}px"></span>\
<span class="bar B" style="width:{{ each.bars[1] }}px"></span>{% endif %}</td>\
{% for flags in each.flags %}<td>{% for name in flags %}{% if not loop.first %}, {% endif %}\
<span title="{{ kinds.get(name, name) }}">{{ name|one_line }}</span>{% endfor %}</td>{% endfor %}\
<td class="number">{{ each.apart }}</td><td>{% for clip in each.clips %}<a href="{{ clip }}">{{ loop.index }}</a> \
{% endfor %}</td></tr>
{% endfor %}
</tbody></table></div>
{% if clips_note %}<p class="soft">{{ clips_note|one_line }}</p>{% endif %}
<h2>By body part</h2>
<div class="scroll"><table>
<thead><tr><th>body part</th><th class="number">unsure, A</th><th class="number">unsure, B</th>\
<th class="number">jumping, A</th><th class="number">jumping, B</th><th class="number">unlike, A</th>\
<th class="number">unlike, B</th></tr></thead>
<tbody>
{% for part in parts %}<tr><td class="name"><bdi>{{ part.name|one_line }}</bdi></td>{% for cell in part.cells %}\
<td class="number">{{ cell }}</td>{% endfor %}</tr>
{% endfor %}
</tbody></table></div>
<h2>How to read this</h2>
<ul>
<li><b>Probably wrong</b>: mean of the scores in quality.csv.gz, how probably a point is more than 5 px off. No labels
of these videos are known: a score can be wrong. Errors on labelled frames are what an evaluation says.</li>
<li><b>Verdict</b>: Wilcoxon's signed-rank test on the videos at random, two-sided, 5%. The difference in the table is
the typical one (median of the means of all pairs), with the interval of all shifts that this test does not refuse. It
is exact for up to 50 videos; fewer than 6 can show nothing. Differences below 0.1% count as none.</li>
<li><b>Worst</b> videos were chosen because the campaign's tracking is bad there. Another model looks better in them
even if it is as good, so they do not count for the verdict.</li>
<li><b>Apart</b>: median distance between the two models' points of which both are sure (likelihood 0.6), in body
lengths; of a long video up to 10,000 frames are compared.</li>
</ul>
</body>
</html>
"""
