"""The command `notice`: report how far a campaign is, as at the end of its work."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def add(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="notice")(show_notice)


def show_notice(
    manifest: Annotated[Path, typer.Argument(help="Manifest; campaign.toml beside it is read.")],
    *,
    send: Annotated[
        bool, typer.Option("--send", help="Send it as the site profile says, to see whether that works.")
    ] = False,
    site: Annotated[
        str, typer.Option("--site", help="Site profile: a name or a .toml file; see `dlcctr site list`.")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """Print, or send, the notice of a campaign's end.

    Counts as `check --quick`. A site profile's [notice] says how it is sent after `submit`, `resubmit` and `run`.
    """
    from dlcctr.contract import ExitCode
    from dlcctr.errors import UsageError
    from dlcctr.results.notice import count_rows, notice_fields
    from dlcctr.results.notice import send as send_notice
    from dlcctr.slurm.site.files import find_site
    from dlcctr.system.terminal.console import print_json, print_lines, warn

    profile = find_site(site) if send else None
    notice = count_rows(manifest)
    if as_json:
        print_json("notice", **notice_fields(notice))
    else:
        print_lines([notice.text])
    if profile is None:
        return
    if not profile.command and not profile.webhook:
        raise UsageError(
            f"the site profile {profile.name} says nothing of a notice",
            "write command or webhook below [notice] in it, see docs/sites.md",
        )
    problems = send_notice(notice, profile.command, profile.webhook)
    for problem in problems:
        warn(problem)
    raise typer.Exit(int(ExitCode.COMMAND_FAILED if problems else ExitCode.OK))
