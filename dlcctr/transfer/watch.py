"""`watch`: new videos in, results out; every round continues where the last one stopped."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from dlcctr.campaign.config import read_campaign
from dlcctr.campaign.create import extend_campaign
from dlcctr.campaign.manifest import read_manifest
from dlcctr.campaign.paths import CampaignPaths
from dlcctr.campaign.rows import Row
from dlcctr.errors import CommandFailedError, DlcctrError, ManifestError, TryAgainError
from dlcctr.results.check import finished_rows
from dlcctr.system import locks
from dlcctr.system.files import write_text_atomic
from dlcctr.system.state_files import StateFile
from dlcctr.system.terminal.console import plural, ranges, row_ranges
from dlcctr.system.values.records import Open, RecordError, from_table, parse_object
from dlcctr.transfer.fetch import FetchOptions, fetch
from dlcctr.transfer.new_videos import SAME, Arrival, look
from dlcctr.transfer.push import PushOptions, push
from dlcctr.transfer.remote.address import Remote
from dlcctr.transfer.remote.program import command_in_folder, command_to_type
from dlcctr.transfer.remote.ssh import log_in

SETTLE_S = 60.0
SHOWN_CHARS = 300

Say = Callable[[str], None]


@dataclass(frozen=True)
class WatchOptions:
    """Options for what to watch, and what to do with new videos.

    Parameters
    ----------
    folders : tuple of str
        Folders to watch, below the campaign's video root.
    submit : tuple of str
        Options of ``dlcctr submit`` on the remote host.
    program : str
        Command that runs dlcctr on the remote host; empty for the one in campaign.toml.
    settle_s : float
        Seconds for which a file must keep its size before it counts as complete.
    resubmit : bool
        Run ``dlcctr resubmit`` on the remote host as well, which retries what another try can fix.
    """

    remote: Remote
    ssh: tuple[str, ...]
    folders: tuple[str, ...]
    image: Path | None = None
    submit: tuple[str, ...] = ()
    program: str = ""
    settle_s: float = SETTLE_S
    resubmit: bool = True
    streams: int = 2
    limit_mb_s: float | None = None


@dataclass(frozen=True)
class WatchState:
    """What the next round must know; everything else is in the manifest, the results and on the remote host.

    Parameters
    ----------
    seen : dict
        Files without a row: video's name below the video root to what was last seen of it.
    pushed : tuple of int
        Indices of rows whose videos are on the remote host.
    submitted : tuple of int
        Indices of rows that were submitted there.
    last_round : str
        Local time at which the last round ended.
    last_error : str
        Error that ended the last round early; empty for none.
    """

    seen: dict[str, Arrival] = field(default_factory=dict)
    pushed: tuple[int, ...] = ()
    submitted: tuple[int, ...] = ()
    last_round: str = ""
    last_error: str = ""


@dataclass(frozen=True)
class Round:
    """What one round did. `error` is what ended it early; the next round continues."""

    added: list[int] = field(default_factory=list)
    pushed: list[int] = field(default_factory=list)
    submitted: list[int] = field(default_factory=list)
    fetched: list[int] = field(default_factory=list)
    waiting: int = 0
    open: int = 0
    error: DlcctrError | None = None

    @property
    def is_idle(self) -> bool:
        """Whether nothing is left to be done or waited for."""
        return not self.open and not self.waiting and self.error is None


def watch_once(manifest: Path, options: WatchOptions, *, say: Say = lambda _: None) -> Round:
    """Run one round: add new videos to the manifest, push, submit, fetch.

    Each step can be repeated safely: rows are appended once, existing files are not sent again, rows are
    submitted once, results are fetched once.

    Raises
    ------
    DlcctrError
        No further round can fix it: the campaign cannot be read, or another watch is running.
    """
    paths = CampaignPaths.of(manifest)
    with locks.transfer_lock(paths.watch_lock, wait_s=1.0):
        file = paths.watch_state
        worker = _Worker(manifest, options, read_state(file), file, say)
        added = worker.add()
        try:
            done = worker.work(added)
        except (TryAgainError, CommandFailedError) as error:
            done = Round(added, waiting=worker.waiting, open=len(worker.open_rows()), error=error)
        last_error = done.error.message[:SHOWN_CHARS] if done.error else ""
        worker.keep(replace(worker.state, last_round=time.strftime("%Y-%m-%d %H:%M:%S"), last_error=last_error))
        return done


@dataclass
class _Worker:
    """The steps of a round; the state is written down after each that changed something elsewhere."""

    manifest: Path
    options: WatchOptions
    state: WatchState
    file: Path
    say: Say

    @property
    def waiting(self) -> int:
        """Files that may still be added; copies of videos that have a row never are."""
        return sum(not arrival.note.startswith(SAME) for arrival in self.state.seen.values())

    def keep(self, state: WatchState) -> None:
        write_state(self.file, state)
        self.state = state

    def open_rows(self) -> list[Row]:
        """Rows without a result here."""
        finished = finished_rows(self.manifest)
        return [row for row in read_manifest(self.manifest) if not row.error and row.index not in finished]

    def add(self) -> list[int]:
        campaign, rows = read_campaign(self.manifest), read_manifest(self.manifest)
        own = (self.manifest, campaign.file, campaign.out, CampaignPaths.of(self.manifest).root)
        settle_s = self.options.settle_s
        sighting = look(
            self.options.folders, rows, self.state.seen,
            root=campaign.video_root, own=own, now=time.time(), settle_s=settle_s,
        )  # fmt: skip
        self.keep(replace(self.state, seen=sighting.seen))
        if not sighting.ready:
            return []
        made = extend_campaign([str(path) for path in sighting.ready], self.manifest)
        for row in made.rows:
            self.say(f"new: row {row.index}, {row.video}" + (f" ({row.error})" if row.error else ""))
        return [row.index for row in made.rows]

    def work(self, added: list[int]) -> Round:
        todo = [row.index for row in self.open_rows()]
        pushed = self.push([index for index in todo if index not in self.state.pushed])
        submitted = self.submit([i for i in todo if i in self.state.pushed and i not in self.state.submitted])
        fetched = self.fetch() if set(self.state.submitted) & set(todo) else []
        left = [row.index for row in self.open_rows()]
        if self.options.resubmit and not submitted and set(left) & set(self.state.submitted):
            self.resubmit()
        return Round(added, pushed, submitted, fetched, self.waiting, len(left))

    def push(self, rows: list[int]) -> list[int]:
        if not rows:
            return []
        sent = push(self.manifest, _push_options(self.options, rows, first=not self.state.pushed))
        for index, why in sent.left_out.items():
            self.say(f"row {index} was not sent: {why}")
        pushed = [index for index in rows if index not in sent.left_out]
        self.keep(replace(self.state, pushed=tuple(sorted({*self.state.pushed, *pushed}))))
        self.say(f"pushed: {row_ranges(pushed)}")
        return pushed

    def submit(self, rows: list[int]) -> list[int]:
        if rows:
            words = ["submit", self.manifest.name, "--rows", ranges(rows), "--skip-bad-videos", "--json"]
            _ask_there(self.options, [*words, *self.options.submit])
            self.keep(replace(self.state, submitted=tuple(sorted({*self.state.submitted, *rows}))))
            self.say(f"submitted: {row_ranges(rows)}")
        return rows

    def fetch(self) -> list[int]:
        options = self.options
        done = fetch(
            self.manifest,
            FetchOptions(options.remote, options.ssh, streams=options.streams, limit_mb_s=options.limit_mb_s),
        )
        for row in done.refused:
            self.say(f"row {row.index} was not fetched: {row.cause}")
        if done.taken:
            self.say(f"fetched: {row_ranges(done.taken)}")
        return done.taken

    def resubmit(self) -> None:
        arrays = _ask_there(self.options, ["resubmit", self.manifest.name, "--no-cancelled", "--yes", "--json"])
        if arrays:
            self.say(f"submitted again: {plural(len(arrays), 'array')}")


def _push_options(options: WatchOptions, rows: Sequence[int], *, first: bool) -> PushOptions:
    return PushOptions(
        remote=options.remote,
        ssh=options.ssh,
        rows=ranges(rows),
        image=options.image if first else None,
        videos_only=not first,
        streams=options.streams,
        limit_mb_s=options.limit_mb_s,
        skip_bad_videos=True,
    )


@dataclass(frozen=True)
class _SubmitAnswer(Open):
    """The part of the output of `submit --json` and `resubmit --json` that is needed here."""

    arrays: list[object]


def _ask_there(options: WatchOptions, words: Sequence[str]) -> list[object]:
    """Run the remote host's dlcctr in the campaign's folder; returns the arrays that it submitted."""
    command = command_in_folder(options.remote, words, options.program)
    with log_in(options.remote.host, options.ssh) as login:
        answer = login.ask(command, [], what=f"dlcctr {words[0]} there")
    try:
        return from_table(_SubmitAnswer, parse_object(answer)).arrays
    except RecordError as error:
        raise CommandFailedError(
            f"{options.remote.host}: `dlcctr {words[0]}` gave an unexpected reply: {answer[:SHOWN_CHARS]!r}",
            f"run it there by hand: {command_to_type(options.remote, words, options.program)}",
        ) from error


WATCH_STATES = StateFile(
    WatchState,
    "the state of a watch",
    ManifestError,
    hint="remove it: rows are still appended, pushed and submitted only once",
)


def read_state(file: Path) -> WatchState:
    """Read the state file; an empty state where there is none.

    Raises
    ------
    ManifestError
        The file cannot be read, or is damaged; the message names file and key.
    """
    return WATCH_STATES.find(file) or WatchState()


def write_state(file: Path, state: WatchState) -> None:
    """Write the state for the next round, and for people to read."""
    write_text_atomic(file, WATCH_STATES.text(replace(state, seen=dict(sorted(state.seen.items())))))


def describe(done: Round) -> str:
    """One line that sums up a round."""
    parts = [(done.added, "new"), (done.pushed, "pushed"), (done.submitted, "submitted"), (done.fetched, "fetched")]
    words = [f"{plural(len(rows), 'row')} {what}" for rows, what in parts if rows]
    words += [f"{plural(done.waiting, 'file')} not complete yet (see watch.json)"] if done.waiting else []
    words += [f"{plural(done.open, 'row')} without a result so far"] if done.open else []
    return ", ".join(words) or "nothing to do"
