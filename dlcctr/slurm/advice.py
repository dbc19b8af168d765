"""What to type next, after `check` and `status`, depending on where the rows are analysed (`dlcctr.slurm.whereabouts`).

Every command stands complete at the end of its text, before a ``;``, in brackets or in backticks, so that people can
copy it; `tests/unit/test_suggested_commands.py` gives each to the real parser.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from dlcctr.campaign.paths import is_typed_elsewhere, typed_manifest
from dlcctr.campaign.rows import NO_FOLDER_HINT
from dlcctr.contract import ExitCode
from dlcctr.results.row_state import CheckResult, Hindrance, State
from dlcctr.slurm.status.pending import release_command
from dlcctr.slurm.status.row_status import Phase, RowStatus, StatusResult
from dlcctr.slurm.whereabouts import Whereabouts, Work
from dlcctr.system.terminal.console import ranges

MOST_RANGES = 60
"""Most characters of a list of rows in a table; JSON and --all show all of it."""
NEW_VIDEO = (
    "put a readable video there under a new name, add it (`dlcctr manifest VIDEO -o {manifest} --append`), "
    "and remove the old row's line"
)
CHANGED_VIDEO = (
    "put the old file back; or give the new one another name, add it "
    "(`dlcctr manifest VIDEO -o {manifest} --append`), and remove the old row's line"
)
OWN_ROOT = (
    "a result of another video has this name: give this campaign a results folder of its own (output.root in "
    "campaign.toml); only if that result is not needed, "
)
INSTEAD = {
    Hindrance.VIDEO: CHANGED_VIDEO,
    Hindrance.MODEL: "put the model back, or correct what names it (`dlcctr validate {manifest}` shows the lines)",
    Hindrance.FOLDER: NO_FOLDER_HINT,
}
"""What helps broken rows that cannot be analysed again as they are."""

Steps = list[tuple[State, Sequence[int], str]]
"""For each state: the rows' indices, and what to do about them."""


def short_ranges(indices: Iterable[int]) -> str:
    """Ranges of rows, shortened if they would fill the line."""
    text = ranges(indices)
    return text if len(text) <= MOST_RANGES else text[:MOST_RANGES].rpartition(",")[0] + ",…"


def after_check(result: CheckResult, place: Whereabouts) -> list[str]:
    """One line for each kind of row that is not whole."""
    of = {state: [row.row.index for row in result.unwhole if row.state is state] for state in State}
    hindered = {each: [row.row.index for row in result.unwhole if row.hindrance is each] for each in Hindrance}
    foreign = hindered[Hindrance.FOREIGN]
    stays = {index for each in Hindrance if each for index in hindered[each]}
    of[State.BROKEN] = [index for index in of[State.BROKEN] if index not in stays]
    advise = {
        Work.HERE: _check_here,
        Work.SLURM: _check_slurm,
        Work.OTHER: _check_other,
        Work.ELSEWHERE: _check_elsewhere,
    }[place.work]
    manifest = typed_manifest(result.manifest)
    steps = advise(manifest, of, place)
    over: dict[State, Sequence[int]] = {state: foreign if state is State.BROKEN else () for state in State}
    steps += [(state, rows, OWN_ROOT + text) for state, rows, text in advise(manifest, over, place) if rows]
    steps += [(State.BROKEN, hindered[each], text.format(manifest=manifest)) for each, text in INSTEAD.items()]
    degraded = f"check whether these frames matter; if not: dlcctr check {manifest} --accept-degraded"
    steps += [
        (State.UNREADABLE, of[State.UNREADABLE], _new_video(manifest, place)),
        (State.DEGRADED, of[State.DEGRADED], degraded),
    ]
    return [f"next, {state.value} ({ranges(rows)}): {text}" for state, rows, text in steps if rows]


def _check_here(manifest: str, of: Mapping[State, Sequence[int]], _: Whereabouts) -> Steps:
    broken = ranges(of[State.BROKEN])
    texts = {
        State.UNFINISHED: f"dlcctr run {manifest}",
        State.BROKEN: f"once the cause is clear, analyse it again: dlcctr run {manifest} --rows {broken} --overwrite",
        State.FAILED: f"fix the cause, then: dlcctr run {manifest}",
        State.QUARANTINED: f"look at these videos; once they are repaired: dlcctr run {manifest}",
    }
    return [(state, of[state], text) for state, text in texts.items()]


def _check_slurm(manifest: str, of: Mapping[State, Sequence[int]], place: Whereabouts) -> Steps:
    """Next steps on a login node, where nothing is computed: `resubmit` for rows that Slurm has had, else `submit`."""
    steps: Steps = []
    for is_had in (False, True):
        some = {state: [row for row in rows if (row in place.submitted) is is_had] for state, rows in of.items()}
        texts = _submitted_before(manifest, some) if is_had else _never_submitted(manifest, some)
        steps += [(state, some[state], text) for state, text in texts.items()]
    return sorted(steps, key=lambda step: list(State).index(step[0]))


def _never_submitted(manifest: str, rows: Mapping[State, Sequence[int]]) -> dict[State, str]:
    broken, bad = ranges(rows[State.BROKEN]), ranges(rows[State.QUARANTINED])
    return {
        State.UNFINISHED: f"dlcctr submit {manifest}",
        State.BROKEN: "once the cause is clear, move these results folders away, then: "
        f"dlcctr submit {manifest} --rows {broken}",
        State.FAILED: f"fix the cause, then: dlcctr submit {manifest}",
        State.QUARANTINED: f"look at these videos; once they are repaired: dlcctr submit {manifest} --rows {bad}",
    }


def _submitted_before(manifest: str, rows: Mapping[State, Sequence[int]]) -> dict[State, str]:
    broken, bad = ranges(rows[State.BROKEN]), ranges(rows[State.QUARANTINED])
    return {
        State.UNFINISHED: f"`dlcctr status {manifest}` says whether they wait, run or were lost; "
        f"those that do neither: dlcctr resubmit {manifest}",
        State.BROKEN: "once the cause is clear, move these results folders away, then: "
        f"dlcctr resubmit {manifest} --rows {broken}",
        State.FAILED: f"dlcctr resubmit {manifest} (it first shows what it would do)",
        State.QUARANTINED: "look at these videos; once they are repaired: "
        f"dlcctr resubmit {manifest} --rows {bad} --again",
    }


def _check_other(manifest: str, of: Mapping[State, Sequence[int]], place: Whereabouts) -> Steps:
    """Nobody knows here which rows wait or run; a script without --rows would take all that have no result."""
    look = place.scheduler.look if place.scheduler else ""
    again = {state: _other_script(manifest, rows, place) for state, rows in of.items()}
    texts = {
        State.UNFINISHED: f"those that neither wait nor run (`{look}`): {again[State.UNFINISHED]}",
        State.BROKEN: f"once the cause is clear, move these results folders away, then: {again[State.BROKEN]}",
        State.FAILED: f"fix the cause, then: {again[State.FAILED]}",
        State.QUARANTINED: f"look at these videos; once they are repaired: {again[State.QUARANTINED]}",
    }
    return [(state, of[state], text) for state, text in texts.items()]


def _other_script(manifest: str, rows: Sequence[int], place: Whereabouts) -> str:
    """Print a script for the scheduler that is not Slurm, and submit it."""
    if place.scheduler is None:
        return ""
    name, submit = place.scheduler.name, place.scheduler.submit
    return f"dlcctr script {manifest} --scheduler {name} --rows {ranges(rows)} -o job.sh; then: {submit} job.sh"


def _check_elsewhere(manifest: str, of: Mapping[State, Sequence[int]], place: Whereabouts) -> Steps:
    texts = {
        State.UNFINISHED: _fetch(manifest, place),
        State.BROKEN: f"fetch these rows again: dlcctr fetch {manifest}",
        State.FAILED: _again_there(manifest, place),
        State.QUARANTINED: f"look at these videos; before they are repaired, another try on {place.host} will not help",
    }
    return [(state, of[state], text) for state, text in texts.items()]


def after_status(result: StatusResult, place: Whereabouts, *, watched: bool = False) -> list[str]:
    """One line for each kind of row that is not done; `watched` where a person looks on already."""
    manifest = typed_manifest(result.manifest)
    of = {phase: [row for row in result.rows if row.phase is phase] for phase in Phase}
    again = [*of[Phase.FAILED], *of[Phase.LOST], *of[Phase.BROKEN]]
    held = [row for row in of[Phase.PENDING] if row.is_held]
    stuck = [row for row in of[Phase.PENDING] if row.is_stuck and not row.is_held]
    degraded = [] if result.accept_degraded else of[Phase.DEGRADED]
    advice = [
        (again, _again(manifest, again, place)),
        (of[Phase.UNSUBMITTED], first_time(manifest, place, [row.index for row in of[Phase.UNSUBMITTED]])),
        (held, _release(held)),
        (
            stuck,
            f"`dlcctr cancel {manifest} --rows {ranges(row.index for row in stuck)}`, then with what has to be "
            f"changed: dlcctr resubmit {manifest}",
        ),
        (of[Phase.QUARANTINED], "look at these videos; analysing them again will not help until they are repaired"),
        (of[Phase.UNREADABLE], _new_video(manifest, place)),
        (degraded, f"check whether these frames matter; if not: dlcctr status {manifest} --accept-degraded"),
    ]
    steps = [f"next, {rows[0].phase.value} ({short_ranges(row.index for row in rows)}): {text}"
             for rows, text in advice if rows]  # fmt: skip
    if result.is_live and not steps and place.work is not Work.ELSEWHERE and not watched:
        steps.append(f"next: dlcctr status {manifest} --wait")
    return steps or ([f"next: {_after_all(manifest)}"] if result.exit_code is ExitCode.OK else [])


def _release(rows: Sequence[RowStatus]) -> str:
    """How to let held jobs go on, where Slurm is."""
    there = "on the cluster: " if is_typed_elsewhere() else ""
    commands = [
        release_command(dict.fromkeys(row.job for row in rows if row.cluster == cluster), cluster)
        for cluster in dict.fromkeys(row.cluster for row in rows)
    ]
    return there + "; ".join(commands)


def _new_video(manifest: str, place: Whereabouts) -> str:
    """What to do about a row whose video could not be read; a campaign that was pushed is pushed again."""
    pushed = is_typed_elsewhere() or place.work is Work.ELSEWHERE
    return NEW_VIDEO.format(manifest=manifest) + (f"; then: dlcctr push {manifest}" if pushed else "")


def _after_all(manifest: str) -> str:
    check = f"dlcctr check {manifest}"
    return f"dlcctr fetch {manifest}; then: {check}" if is_typed_elsewhere() else check


def _again(manifest: str, rows: Sequence[RowStatus], place: Whereabouts) -> str:
    """How to try a row again where it was tried: by Slurm here, by Slurm elsewhere, or on this machine."""
    if not rows:
        return ""
    if place.work is Work.ELSEWHERE:
        return _again_there(manifest, place)
    log = next((row.index for row in rows if row.canary is None), rows[0].canary)
    logs = f"the log of row {log}: dlcctr logs {manifest} {log}"
    if any(row.job for row in rows):
        return f"dlcctr resubmit {manifest} (it first shows what it would do); {logs}"
    if place.work is Work.HERE:
        return f"fix the cause, then: dlcctr run {manifest}; {logs}"
    if place.work is Work.OTHER:
        return f"{logs}; fix the cause, then: {_other_script(manifest, [row.index for row in rows], place)}"
    return f"fix the cause, then: dlcctr submit {manifest}; {logs}"


def first_time(manifest: str, place: Whereabouts, rows: Sequence[int]) -> str:
    """What to type for rows that were never started; `manifest` is quoted for a shell."""
    return {
        Work.HERE: f"here: dlcctr run {manifest}; on a cluster's login node: dlcctr submit {manifest}",
        Work.SLURM: f"dlcctr submit {manifest}",
        Work.OTHER: _other_script(manifest, rows, place),
        Work.ELSEWHERE: _fetch(manifest, place),
    }[place.work]


def _fetch(manifest: str, place: Whereabouts) -> str:
    finished = f"fetch what is finished on {place.host}: dlcctr fetch {manifest}"
    if place.manifest_there:
        return f"{finished} (to see its progress, there: dlcctr status {place.manifest_there})"
    return f"{finished} (to see its progress: dlcctr status {manifest})"


def _again_there(manifest: str, place: Whereabouts) -> str:
    if place.manifest_there:
        return f"on {place.host}: dlcctr resubmit {place.manifest_there}; then here: dlcctr fetch {manifest}"
    return f"dlcctr resubmit {manifest} (it runs on {place.host}); then: dlcctr fetch {manifest}"
