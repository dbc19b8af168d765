"""From videos with both results to numbers over all of them, and to one line that says which model is better."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

from dlcctr.compare.paired import LEAST_N, Paired, compare_pairs
from dlcctr.compare.pairs import Measures, Pair
from dlcctr.compare.sample import Why
from dlcctr.system.terminal.console import plural

LEAST = 0.001
"""Smallest difference in the share of wrong points that anybody would care for."""
LEAST_AGAINST = 0.01
"""Smallest difference in another share, and the other way, with which nothing is called better."""
AGAINST = {"jumping": "jump", "odd": "are unlike the other parts"}
"""Measures that do not depend on how sure a network is of itself, as the share of wrong points does in part."""
NUMBERS = {
    "wrong": "probably wrong",
    "unsure": "unsure",
    "jumping": "jumping",
    "odd": "unlike the other parts",
}
"""Measures of a video, and what they are shares of: points that are …"""


@dataclass(frozen=True)
class Comparison:
    """Two models over a sample of videos.

    Parameters
    ----------
    pairs : tuple of Pair
        All videos of the sample, by index.
    at_random : dict
        Measure to what the videos at random say of it.
    worst : dict
        The same of the videos that were chosen because they were bad.
    flagged : tuple of int
        Videos with flags: with A, with B.
    median_lengths, apart_share : float or None
        How far both agree: medians over all videos of the median distance in body lengths, and of the share of points
        that are more than half a body length apart.
    verdict : str
        One line.
    better : str
        ``A``, ``B``, or empty where no difference was shown.
    notes : tuple of str
        What a reader of the verdict must know.
    """

    pairs: tuple[Pair, ...]
    at_random: dict[str, Paired]
    worst: dict[str, Paired]
    flagged: tuple[int, int]
    median_lengths: float | None
    apart_share: float | None
    verdict: str
    better: str = ""
    notes: tuple[str, ...] = field(default=())

    @property
    def n_complete(self) -> int:
        """Videos with both results."""
        return sum(pair.is_complete for pair in self.pairs)


def compare_models(pairs: Sequence[Pair], notes: Sequence[str] = ()) -> Comparison:
    """Compare two models by all videos that have both results.

    The verdict counts the videos that were taken at random. The worst ones were chosen because one model was bad there:
    another model looks better in them even if it is only as good.
    """
    complete = [pair for pair in pairs if pair.is_complete]
    at_random = _compare(complete, Why.RANDOM)
    worst = _compare(complete, Why.WORST)
    better, verdict = _verdict(at_random, worst["wrong"])
    known = [pair.agreement for pair in complete if pair.agreement]
    return Comparison(
        tuple(pairs),
        at_random,
        worst,
        (_flagged(complete, "a"), _flagged(complete, "b")),
        _median([each.median_lengths for each in known]),
        _median([each.apart_share for each in known]),
        verdict,
        better,
        (*notes, *_about(pairs)),
    )


def _compare(pairs: Sequence[Pair], why: Why) -> dict[str, Paired]:
    chosen = [(pair.a.measures, pair.b.measures) for pair in pairs if pair.why is why]
    return {name: compare_pairs([(_of(a, name), _of(b, name)) for a, b in chosen]) for name in NUMBERS}


def _of(measures: Measures | None, name: str) -> float | None:
    value: float | None = getattr(measures, name, None)
    return value


def _flagged(pairs: Sequence[Pair], side: str) -> int:
    return sum(bool(getattr(pair, side).measures.flags) for pair in pairs)


def _median(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


def _verdict(at_random: dict[str, Paired], worst: Paired) -> tuple[str, str]:
    chance = at_random["wrong"]
    n = chance.n + worst.n
    if not n or chance.mean_a is None or chance.mean_b is None:
        return "", "no verdict: no video at random has both results" if n else "no verdict: no video has both results"
    sign = chance.sign if abs(chance.typical or 0) >= LEAST else 0
    videos = plural(chance.n, "video")
    if not sign:
        few = f"; at least {LEAST_N} are needed" if chance.n < LEAST_N else ""
        said = f"no difference that {videos} can show{few}"
        return "", (
            f"{said}: {percent(chance.mean_a)} of points are probably wrong with A, {percent(chance.mean_b)} with B; "
            f"fewer with B in {chance.n_lower} of {chance.n}{_worst(worst, 'B')}"
        )
    if against := _against(at_random, sign):
        return "", (
            f"no verdict, the numbers disagree: {percent(chance.mean_b)} of points are probably wrong with B, "
            f"{percent(chance.mean_a)} with A, but {against}: look at the videos"
        )
    better, lower = ("B", chance.n_lower) if sign < 0 else ("A", chance.n_higher)
    its, others = (chance.mean_b, chance.mean_a) if sign < 0 else (chance.mean_a, chance.mean_b)
    return better, (
        f"{better} is better: {percent(its)} of points are probably wrong instead of {percent(others)}, "
        f"fewer in {lower} of {videos} at random{_worst(worst, better)}"
    )


def _against(at_random: dict[str, Paired], sign: int) -> str:
    """What speaks clearly for the other model; empty where nothing does."""
    for name, words in AGAINST.items():
        each = at_random[name]
        if each.sign == -sign and abs(each.typical or 0) >= LEAST_AGAINST:
            return f"{percent(each.mean_b)} {words} with B and {percent(each.mean_a)} with A"
    return ""


def _worst(worst: Paired, better: str) -> str:
    """What the videos say that were chosen because they were bad."""
    if not worst.n:
        return ""
    lower = worst.n_lower if better == "B" else worst.n_higher
    return f", and in {lower} of the {worst.n} worst"


def _about(pairs: Sequence[Pair]) -> list[str]:
    """Notes on what is missing, and on what was not judged alike."""
    notes = []
    lacking = [pair for pair in pairs if not pair.is_complete]
    if lacking:
        notes.append(f"{plural(len(lacking), 'video')} left out, for lack of both results")
    priors = {(pair.a.measures.prior, pair.b.measures.prior) for pair in pairs if pair.a.measures and pair.b.measures}
    if uneven := sorted((a, b) for a, b in priors if a != b):
        a, b = uneven[0]
        notes.append(
            f"poses of A were compared with those of {PRIORS.get(a, a)}, of B with those of {PRIORS.get(b, b)}: "
            "part of a difference can come from that"
        )
    if reasons := sorted({pair.note for pair in pairs if pair.note}):
        notes.append(f"no agreement for {plural(sum(bool(pair.note) for pair in pairs), 'video')}: {reasons[0]}")
    return notes


PRIORS = {"labels": "its labels", "campaign": "its own confident frames", "none": "nothing"}


def percent(share: float | None) -> str:
    """``4.1%``; small shares with two decimals. A dash where it is not known."""
    if share is None:
        return "–"
    return f"{100 * share:.2f}%" if abs(share) < 0.01 else f"{100 * share:.1f}%"


def difference(paired: Paired) -> str:
    """Typical difference with its interval: ``-1.5% (-2.2 to -0.7)``, in points of a percentage."""
    if paired.typical is None:
        return "–"
    text = f"{100 * paired.typical:+.1f}%"
    if paired.low is None or paired.high is None:
        return f"{text} (too few)"
    return f"{text} ({100 * paired.low:+.1f} to {100 * paired.high:+.1f})"
