"""The campaign that is already on the remote host: the same one, or another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dlcctr.campaign.config import Campaign, parse_campaign
from dlcctr.campaign.manifest import rows_of
from dlcctr.campaign.rows import Row
from dlcctr.campaign.spreadsheet import parse_sheet
from dlcctr.contract import CAMPAIGN_FILENAME
from dlcctr.errors import ManifestError
from dlcctr.system.terminal.console import ranges
from dlcctr.system.values.toml import parse_toml
from dlcctr.transfer.layout import RESULTS
from dlcctr.transfer.remote.address import Remote
from dlcctr.transfer.remote.folder import RemoteFolder

IDENTITY = ("model_hash", "shuffle", "trainset_index", "crop")
ELSEWHERE = "push to another folder; never give an index to another video"


@dataclass(frozen=True)
class RemoteCampaign:
    """The remote campaign and rows (None if there are none), and the results' root as written there.

    `texts` holds the files as they are, by name.
    """

    campaign: Campaign | None = None
    rows: list[Row] | None = None
    out: str = RESULTS
    texts: dict[str, bytes | None] = field(default_factory=dict)


def read_remote_campaign(remote_folder: RemoteFolder, manifest_name: str) -> RemoteCampaign:
    """Read campaign.toml and manifest on the remote host.

    Raises
    ------
    ManifestError, ContractError
        They exist but cannot be read.
    """
    text, sheet = remote_folder.read([CAMPAIGN_FILENAME, manifest_name])
    if text is None and sheet is None:
        return RemoteCampaign()
    file = Path(f"{remote_folder.remote}/{CAMPAIGN_FILENAME}")
    words = (text or b"").decode("utf-8-sig", "replace")
    campaign = parse_campaign(words, file) if text is not None else None
    out = str(parse_toml(words).get("output", {}).get("root", RESULTS))
    name = Path(f"{remote_folder.remote}/{manifest_name}")
    rows = rows_of(parse_sheet(name, sheet)) if sheet is not None else None
    return RemoteCampaign(campaign, rows, out, {CAMPAIGN_FILENAME: text, manifest_name: sheet})


def check_there(there: RemoteCampaign, remote: Remote, campaign: Campaign, rows: Sequence[Row]) -> list[str]:
    """Remarks on a campaign that is there and will be continued.

    Raises
    ------
    ManifestError
        It is another one: other models, other parameters, or an index that means another video.
    """
    if there.campaign:
        for name in IDENTITY:
            here, remote_folder = getattr(campaign, name), getattr(there.campaign, name)
            if here != remote_folder:
                raise ManifestError(
                    f"{remote}: another campaign is there: its {name} is {remote_folder!r}, not {here!r}",
                    "push to another folder, so that the results there stay untouched",
                )
    known = {row.index: row for row in rows}
    for row in there.rows or []:
        same = known.get(row.index)
        if same and (same.video, same.fingerprint or row.fingerprint) != (
            row.video,
            row.fingerprint or same.fingerprint,
        ):
            raise ManifestError(
                f"{remote}: row {row.index} of the manifest there is another video: {row.video!r}, here {same.video!r}",
                ELSEWHERE,
            )
    gone = [row.index for row in there.rows or [] if row.index not in known]
    return [f"rows {ranges(gone)} are in the manifest there, but no longer in this one"] if gone else []
