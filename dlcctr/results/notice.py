"""The notice at the end of a campaign's work: one sentence, the same as JSON, and the ways to send it."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from dlcctr.errors import DlcctrError, UsageError
from dlcctr.results.check import CheckOptions, check
from dlcctr.results.row_state import CheckResult, State
from dlcctr.system import processes
from dlcctr.system.files import read_text_bounded
from dlcctr.system.terminal.console import envelope, one_line, plural
from dlcctr.system.values.names import is_url

LIMIT_S = 60
"""A command and a webhook may take so long."""
JSON_VARIABLE = "DLCCTR_NOTICE_JSON"
WEBHOOK_VARIABLE = "DLCCTR_WEBHOOK"
"""How the job that sends a notice is told the address: it stands in no file of the campaign."""
MAX_URL_BYTES = 4096


@dataclass(frozen=True)
class Notice:
    """How far a campaign is.

    Parameters
    ----------
    text : str
        One line for people.
    campaign : str
        Names of the campaign's folder and manifest.
    manifest : Path
        Absolute.
    rows : int
        Number of rows.
    totals : dict
        Number of rows in each state of `check`.
    exit_code : int
        Exit code of `check`.
    """

    text: str
    campaign: str = ""
    manifest: Path = Path("/")
    rows: int = 0
    totals: Mapping[str, int] = field(default_factory=dict)
    exit_code: int = 0

    @property
    def json(self) -> str:
        """The same for programs, on one line of ASCII: chat programs show `text` or `content`."""
        return json.dumps(envelope("notice", **notice_fields(self)))


def notice_fields(notice: Notice) -> dict[str, object]:
    """Fields of a notice's JSON."""
    return {**asdict(notice), "content": notice.text, "manifest": str(notice.manifest), "totals": dict(notice.totals)}


def count_rows(manifest: Path) -> Notice:
    """Count a campaign's rows as `check --quick` does; raises as that."""
    return notice_of(check(manifest, CheckOptions(quick=True)))


def notice_of(result: CheckResult) -> Notice:
    """Count the rows that `check` found in each state.

    Returns
    -------
    Notice
        ``mice/m.csv: 38 of 40 rows are whole; 1 failed, 1 unfinished``.
    """
    name = one_line(f"{result.manifest.absolute().parent.name}/{result.manifest.name}")
    totals, n_rows = result.totals, len(result.rows)
    whole = totals[State.WHOLE.value]
    others = ", ".join(f"{count} {state}" for state, count in totals.items() if count and state != State.WHOLE.value)
    are = "is" if n_rows == 1 else "are"
    all_whole = "its row is whole" if n_rows == 1 else f"all {n_rows} rows are whole"
    counted = f"{whole} of {plural(n_rows, 'row')} {are} whole; {others}" if others else all_whole
    return Notice(
        f"{name}: {counted}", name, result.manifest.absolute(), n_rows, totals, exit_code=int(result.exit_code)
    )


def find_url(webhook: str) -> str:
    """Address that a profile's `webhook` stands for: itself, ``$NAME`` of the environment, or a file's first line.

    Raises
    ------
    UsageError
        There is no such variable or file, or it contains no address. The address is not repeated: it is a secret.
    """
    if is_url(webhook):
        return webhook
    if webhook.startswith("$"):
        text, where = os.environ.get(webhook[1:], ""), f"the environment variable {webhook[1:]}"
    else:
        file = Path(os.path.expanduser(webhook))  # noqa: PTH111 - leaves ~nobody as it is
        where = str(file)
        try:
            text = read_text_bounded(file, MAX_URL_BYTES) or ""
        except (OSError, ValueError) as error:
            raise UsageError(f"webhook: {file} cannot be read", "write the address into its first line") from error
    url = text.strip().partition("\n")[0].strip()
    if not is_url(url):
        raise UsageError(f"webhook: {where} holds no address", "it is the whole address, from https:// on")
    return url


def command_words(command: str) -> list[str]:
    """Words of a profile's `command`, as a shell would split them; ``~/`` at their beginning is the home folder."""
    return [os.path.expanduser(word) for word in shlex.split(command)]  # noqa: PTH111 - leaves ~nobody as it is


def send(notice: Notice, command: str, webhook: str) -> list[str]:
    """Send a notice from this machine; gives what went wrong, one line each, and never raises for it."""
    problems = []
    for what, way in (("command", command), ("webhook", webhook)):
        try:
            if way:
                (_run if what == "command" else _post)(notice, way)
        except (DlcctrError, OSError) as error:
            said = error.message if isinstance(error, DlcctrError) else str(error)
            problems.append(f"warning: the notice was not sent by the {what} of [notice]: {said}")
    return problems


def _run(notice: Notice, command: str) -> None:
    processes.run(command_words(command), stdin=f"{notice.text}\n", env={JSON_VARIABLE: notice.json}, timeout_s=LIMIT_S)


def _post(notice: Notice, webhook: str) -> None:
    """By curl, which knows the site's certificates and proxies; the address goes past the list of processes."""
    body = notice.json.replace("\\", "\\\\").replace('"', '\\"')
    settings = [f'url = "{find_url(webhook)}"', 'header = "Content-Type: application/json"', f'data-binary = "{body}"']
    words = ["curl", "--silent", "--show-error", "--fail", "--max-time", str(LIMIT_S), "--config", "-"]
    processes.run(words, stdin="\n".join(settings) + "\n")
