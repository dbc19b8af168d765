"""Site profiles and where they are: the user's own, and those that come with dlcctr."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from dlcctr.errors import OutputError, UsageError
from dlcctr.slurm.site.keys import KEYS, SECTIONS
from dlcctr.slurm.site.profile import NAME_WANTS, Site, is_name, read_site
from dlcctr.system.files import write_text_atomic
from dlcctr.system.source_tree import SLURM, own_sources
from dlcctr.system.terminal.console import warn
from dlcctr.system.values.toml import toml_value

FOLDER_VARIABLE = "DLCCTR_SITES"
GENERIC = "generic"
DEFAULT = "default"
SUFFIX = ".toml"


def slurm_files() -> Path:
    """Folder of the script's template and of the packaged profiles.

    Raises
    ------
    UsageError
        This installation does not have it.
    """
    folder = own_sources().path(SLURM)
    if (folder / "sites").is_dir():
        return folder
    raise UsageError(f"{folder} does not exist: this dlcctr was installed without it", "install it again")


def site_folder() -> Path:
    """Folder of the user's own profiles: $DLCCTR_SITES, else ``dlcctr/sites`` in the configuration folder.

    Raises
    ------
    UsageError
        The home folder is not known.
    """
    if own := os.environ.get(FOLDER_VARIABLE):
        return Path(own).absolute()
    configuration = os.environ.get("XDG_CONFIG_HOME", "")
    try:
        base = Path(configuration) if Path(configuration).is_absolute() else Path.home() / ".config"
    except RuntimeError as error:
        raise UsageError(
            "no home folder, so no place for site profiles", f"set {FOLDER_VARIABLE} to a folder"
        ) from error
    return base / "dlcctr" / "sites"


def profile_files() -> list[Path]:
    """Files of all profiles, the user's first; a packaged one whose name the user took is left out."""
    own = user_files()
    taken = {file.stem for file in own}
    return own + [file for file in _toml_files(slurm_files() / "sites") if file.stem not in taken]


def user_files() -> list[Path]:
    """Files of the user's own profiles."""
    try:
        return _toml_files(site_folder())
    except UsageError:
        return []


def _toml_files(folder: Path) -> list[Path]:
    try:
        return sorted(file for file in folder.iterdir() if file.suffix == SUFFIX and is_name(file.stem))
    except OSError:
        return []


def list_sites() -> list[Site]:
    """All profiles, the user's first; raises `UsageError` for one that cannot be read."""
    return [read_site(file) for file in profile_files()]


def find_site(name_or_path: str = "") -> Site:
    """Read a profile.

    Parameters
    ----------
    name_or_path : str
        A file, where it holds a ``/`` or ends with ``.toml``; else a name, looked up among the user's own profiles
        and then among the packaged ones. Empty for the user's `default`, or for the only one that the user has;
        without either the packaged `generic`.

    Raises
    ------
    UsageError
        There is no profile of this name (the hint lists the profiles), or it cannot be read.
    """
    if not name_or_path:
        return _usual_site()
    if "/" in name_or_path or name_or_path.endswith(SUFFIX):
        return read_site(Path(os.path.expanduser(name_or_path)))  # noqa: PTH111 - leaves ~nobody as it is
    found = {file.stem: file for file in profile_files()}
    if name_or_path not in found:
        raise UsageError(
            f"there is no site profile {name_or_path!r}",
            f"there are: {', '.join(found)}; `dlcctr site init {name_or_path}` makes one"
            if is_name(name_or_path)
            else f"there are: {', '.join(found)}",
        )
    return read_site(found[name_or_path])


def _usual_site() -> Site:
    own = {file.stem: file for file in user_files()}
    if DEFAULT in own or len(own) == 1:
        return read_site(own.get(DEFAULT) or next(iter(own.values())))
    if own:
        warn(f"warning: several site profiles and none is named default: {', '.join(own)}; using none of them")
    return read_site(slurm_files() / "sites" / f"{GENERIC}{SUFFIX}")


def new_file(name: str) -> Path:
    """File for a new profile; raises `UsageError` for an invalid name."""
    if not is_name(name):
        raise UsageError(f"{name!r} cannot be the name of a site profile", f"it is {NAME_WANTS}")
    return site_folder() / f"{name}{SUFFIX}"


def write_site(site: Site, file: Path, head: Sequence[str], notes: Mapping[str, str]) -> None:
    """Write a profile for people to edit: every key with what it is for, the unset ones as comments.

    Parameters
    ----------
    head : sequence of str
        Lines for the top.
    notes : mapping
        Comment beside a key, in place of its description.

    Raises
    ------
    OutputError
        The folder cannot be written.
    """
    try:
        write_text_atomic(file, site_text(site, head, notes), keep=True)
    except OutputError as error:
        hint = f"{error.hint}; {FOLDER_VARIABLE} names another folder for site profiles"
        raise OutputError(error.message, hint) from error


def site_text(site: Site, head: Sequence[str], notes: Mapping[str, str]) -> str:
    """Text of a profile; see `write_site`."""
    lines = [f"# {_printable(line)}".rstrip() for line in head]
    for section in ("", *SECTIONS):
        lines += ["", f"[{section}]"] if section else []
        for key in (key for key in KEYS if KEYS[key].section == section):
            lines += _key_lines(key, getattr(site, key), notes.get(key) or KEYS[key].meaning)
    return "\n".join(lines) + "\n"


def _key_lines(key: str, value: str | bool | int | float | tuple[str, ...] | None, note: str) -> list[str]:
    unset = value is None or value == getattr(Site(), key)
    shown = "…" if value is None else toml_value(value)
    return [f"{'# ' if unset else ''}{key} = {shown}  # {_printable(note)}"]


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in text)
