"""What the worker wants people to read, as lines among all that the libraries print."""

from __future__ import annotations

MARK = "dlcctr says: "
WARNING = "warning: "


def say(text: str) -> None:
    """Have the supervisor show a line, under the row's name."""
    print(f"{MARK}{text}", flush=True)


def warn(text: str) -> None:
    """The same for a warning."""
    say(f"{WARNING}{text}")
