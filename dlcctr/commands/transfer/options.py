"""Options that `push` and `fetch` share."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from dlcctr.transfer.remote.address import Remote

TransferHost = Annotated[
    str, typer.Option(metavar="HOST", help="The site's data transfer host, if it has one; files go through it.")
]
Streams = Annotated[int, typer.Option(min=1, max=8, help="Number of transfers at once.")]
Bwlimit = Annotated[float | None, typer.Option(min=0.01, metavar="MB/S", help="Total bandwidth limit, in MB/s.")]
Ssh = Annotated[
    str, typer.Option(metavar="COMMAND", help="ssh and its options, such as 'ssh -F my.conf'; also DLCCTR_SSH.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


def resolve_remote(manifest: Path, target: str, transfer_host: str) -> Remote:
    """Where the campaign is: as given, else as campaign.toml remembers."""
    from dataclasses import replace

    from dlcctr.campaign.config import read_campaign
    from dlcctr.campaign.spreadsheet import check_manifest_is_there
    from dlcctr.transfer.remote.address import parse_target, remote_of

    check_manifest_is_there(manifest)
    if target:
        return parse_target(target, transfer_host)
    known = remote_of(read_campaign(manifest))
    return replace(known, transfer_host=transfer_host or known.transfer_host)


def end_as_by_ctrl_c() -> None:
    """Let a plain `kill` stop the transfers cleanly, too."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
