"""Where a campaign is on another machine, how to write that, and how campaign.toml remembers it."""

from __future__ import annotations

import os
import re
import shlex
from dataclasses import dataclass
from typing import Any

from dlcctr.campaign.config import Campaign, campaign_text
from dlcctr.errors import UsageError
from dlcctr.system.files import write_text_atomic
from dlcctr.system.values.names import check_path

SSH_VARIABLE = "DLCCTR_SSH"
TARGET_HINT = "name host and folder as for scp: cluster:scratch/mice, you@login.example.edu:/scratch/you/mice"


@dataclass(frozen=True)
class Remote:
    """A campaign's folder on another machine.

    Parameters
    ----------
    host : str
        Host as ssh takes it: an alias of ~/.ssh/config, a name or an address, with ``user@`` or without.
    folder : str
        Absolute, or relative to the home folder there.
    transfer_host : str
        The site's data transfer host, which sees the same folder; empty for `host`.
    program : str
        Command that runs dlcctr on `host`: a name on the PATH of its shells, or a path.
    """

    host: str
    folder: str
    transfer_host: str = ""
    program: str = "dlcctr"

    def __str__(self) -> str:
        return f"{self.host}:{self.folder}"

    @property
    def data_host(self) -> str:
        """Host that the files go through."""
        return self.transfer_host or self.host


def parse_target(text: str, transfer_host: str = "") -> Remote:
    """Read ``HOST:FOLDER``.

    Raises
    ------
    UsageError
        It does not have this form, or the host would be an option for ssh.
    """
    match = re.fullmatch(r"((?:[^@:\[\]/]+@)?(?:\[[0-9A-Fa-f:.%\w]+\]|[^:\[\]/]+)):(.*)", text, re.DOTALL)
    if match is None or match[2].startswith((":", "//")):
        raise UsageError(f"{text!r} is not HOST:FOLDER", TARGET_HINT)
    host, folder = match[1].replace("[", "").replace("]", ""), match[2]
    _check_hosts(host, transfer_host, hint=TARGET_HINT)
    folder = re.sub(r"^~(/+|$)", "", folder)
    if folder.startswith("~"):
        raise UsageError(f"{text!r}: another user's home is not supported", "give the absolute path")
    if not folder.strip("/."):
        raise UsageError(f"{text!r}: does not name a folder for the campaign", TARGET_HINT)
    try:
        check_path(folder)
    except ValueError as error:
        raise UsageError(str(error), TARGET_HINT) from error
    return Remote(host, folder.rstrip("/"), transfer_host)


def _check_hosts(*names: str, hint: str) -> None:
    """Refuse a host that ssh and rsync would take for an option or for several arguments."""
    for name in filter(None, names):
        if name.startswith("-") or re.search(r"[\s\x00-\x1f\x7f]", name):
            raise UsageError(f"{name!r} is not a host", hint)


def remote_of(campaign: Campaign) -> Remote:
    """Where a campaign was pushed to; raises `UsageError` if it never was."""
    if not campaign.remote_host or not campaign.remote_folder:
        raise UsageError(
            f"{campaign.file}: does not say where the campaign is on the cluster",
            "name it once: dlcctr push MANIFEST HOST:FOLDER",
        )
    hint = f"fix [remote] in {campaign.file}: a host is a name or an address, as ssh takes it"
    _check_hosts(campaign.remote_host, campaign.transfer_host, hint=hint)
    program = {"program": campaign.remote_program} if campaign.remote_program else {}
    return Remote(campaign.remote_host, campaign.remote_folder, campaign.transfer_host, **program)


def remember_remote(campaign: Campaign, remote: Remote) -> None:
    """Record in campaign.toml where it was pushed to; everything else in it stays as people wrote it."""
    import tomlkit

    try:
        text = campaign.file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        text = campaign_text(campaign)
    document = tomlkit.parse(text)
    if "remote" not in document:
        section = tomlkit.table().comment("where `dlcctr push` has sent this campaign")
        section.trivia.comment_ws = "  "
        document.add("remote", section)
    _fill(document["remote"], remote)
    changed = document.as_string()
    if changed != text:
        write_text_atomic(campaign.file, changed, keep=True)


def _fill(section: Any, remote: Remote) -> None:
    from tomlkit.items import Table

    # to tomlkit the comments above the next section are the end of this one: new keys belong above them
    body, tail = section.value.body if isinstance(section, Table) else [], []
    while body and body[-1][0] is None:
        tail.append(body.pop())
    for key, value in (("host", remote.host), ("folder", remote.folder), ("transfer_host", remote.transfer_host)):
        if not value:
            section.pop(key, None)
        elif section.get(key) != value:
            section[key] = value
    body.extend(reversed(tail))


def ssh_words(option: str = "") -> tuple[str, ...]:
    """Arguments of the ssh command: the option's, else those of DLCCTR_SSH, else ``ssh``.

    Raises
    ------
    UsageError
        They cannot be split as a shell would.
    """
    text = option or os.environ.get(SSH_VARIABLE, "") or "ssh"
    try:
        words = tuple(shlex.split(text))
    except ValueError as error:
        raise UsageError(f"--ssh {text!r}: {error}", "quote it as for a shell: --ssh 'ssh -F ~/my.conf'") from error
    if not words:
        raise UsageError("--ssh is empty", "for example --ssh 'ssh -F my.conf'")
    return words
