"""One small module per command; each has `add(app)`, which parses, calls and renders, and imports the rest late.

The table lists the commands under their headings in the help. Each command is described once, in its own docstring.
"""

from __future__ import annotations

PANELS = {
    "Prepare": ("manifest", "validate"),
    "Run here": ("run",),
    "On a cluster": ("site", "plan", "sbatch", "script", "submit", "status", "logs", "resubmit", "cancel"),
    "Results": ("check", "quality", "report", "rate", "steps", "step", "collect", "notice"),
    "Training": ("outliers", "labels", "train", "evaluate", "compare", "loop"),
    "Other machines": ("push", "fetch", "watch"),
    "Image and models": ("model", "image", "version"),
}
"""Commands by what a person wants, in the order of the help."""

IN_IMAGE = {
    *PANELS["Prepare"],
    *(set(PANELS["Results"]) - {"quality", "step"}),
    *("labels", "compare", "loop"),
    *("plan", "sbatch", "script", "status", "logs", "resubmit"),
    *("model", "version"),
}
"""Commands that need neither Docker nor a scheduler (`resubmit` for --print): the image's command line has them too."""

START_IMAGE = {"quality", "step", "outliers", "evaluate"}
"""Commands that start the image's own command of the same name."""

FOLDERS = {
    **dict.fromkeys(PANELS["On a cluster"], "cluster"),
    **dict.fromkeys(PANELS["Other machines"], "transfer"),
    **dict.fromkeys(PANELS["Results"], "results"),
    **dict.fromkeys(PANELS["Training"], "training"),
    **dict.fromkeys(("model", "image"), "models"),
    "train": "training.train",
}
"""Commands whose module is in its own folder."""


def panel_of(name: str) -> str:
    """Heading of a command in the help; raises KeyError for a name that is not in the table."""
    return {each: panel for panel, names in PANELS.items() for each in names}[name]


def module_of(name: str) -> str:
    """Dotted name of a command's module."""
    return ".".join(filter(None, ("dlcctr.commands", FOLDERS.get(name), name)))
