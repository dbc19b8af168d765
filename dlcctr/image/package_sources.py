"""Where a build gets its packages: pip's settings, CA certificates, folders of wheels."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dlcctr.errors import UsageError
from dlcctr.system.processes import run
from dlcctr.system.source_tree import own_sources

log = logging.getLogger("dlcctr")

CA_VARIABLES = ("DLCCTR_CA_BUNDLE", "PIP_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
"""Variables that name the trusted authorities behind a TLS-intercepting mirror; the first that is set wins."""


@dataclass(frozen=True)
class Sources:
    """Sources from this machine's own settings: indexes (http and https only), wheel folders, CA bundle."""

    index_url: str = ""
    extra_index_urls: tuple[str, ...] = ()
    wheel_folders: tuple[Path, ...] = ()
    ca_bundle: Path | None = None


def find_sources(
    environ: Mapping[str, str],
    pip_config: Mapping[str, str],
    *,
    index_url: str = "",
    extra_index_urls: Sequence[str] = (),
    wheels: Path | None = None,
    ca_bundle: Path | None = None,
    own_wheels: Path | None = None,
) -> Sources:
    """Decide where packages come from: options first, then DLCCTR_* variables, then pip's own settings.

    Parameters
    ----------
    pip_config : mapping
        As `read_pip_config` gives it; folders on this machine that it names as indexes cannot be seen by a build and
        are left out, its `find-links` folders are searched for wheels.
    own_wheels : Path, optional
        ``wheels/`` of a checkout; searched after the named folder.

    Raises
    ------
    UsageError
        A folder or file that was named does not exist.
    """

    def setting(name: str) -> str:
        variable = name.upper().replace("-", "_")
        found = (environ.get(prefix + variable, "") for prefix in ("DLCCTR_", "PIP_"))
        return next((value for value in found if value), pip_config.get(name, ""))

    named = wheels or (Path(environ["DLCCTR_WHEELS"]) if environ.get("DLCCTR_WHEELS") else None)
    if named and not named.is_dir():
        raise UsageError(f"there is no wheel folder {named}", "name a folder that holds .whl files")
    folders = [named] if named else []
    folders += [own_wheels] if own_wheels else []
    folders += [Path(word.removeprefix("file://")) for word in setting("find-links").split()]
    return Sources(
        index_url=next(iter(_web_only([index_url or setting("index-url")])), ""),
        extra_index_urls=tuple(_web_only(extra_index_urls or setting("extra-index-url").split())),
        wheel_folders=tuple(folder for folder in folders if folder.is_dir()),
        ca_bundle=_find_ca_bundle(environ, pip_config, ca_bundle),
    )


def _web_only(urls: Iterable[str]) -> list[str]:
    return [url for url in urls if url.startswith(("http://", "https://"))]


def _find_ca_bundle(environ: Mapping[str, str], pip_config: Mapping[str, str], named: Path | None) -> Path | None:
    if named:
        if not named.is_file():
            raise UsageError(f"there is no CA bundle {named}", "name a file with PEM certificates")
        return named
    for source in [*(environ.get(name, "") for name in CA_VARIABLES), pip_config.get("cert", "")]:
        if source and Path(source).is_file():
            return Path(source)
    return None


def read_pip_config(text: str) -> dict[str, str]:
    """Settings from what `pip config list` prints; the environment beats `install`, which beats `global`."""
    import ast

    found: dict[str, tuple[int, str]] = {}
    for line in text.splitlines():
        section, _, rest = line.partition(".")
        key, equals, value = rest.partition("=")
        rank = {"global": 1, "install": 2, ":env:": 3}.get(section)
        if not equals or rank is None or rank < found.get(key, (0, ""))[0]:
            continue
        try:
            found[key] = (rank, str(ast.literal_eval(value)).replace("\n", " "))
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            log.debug("pip setting not understood: %s", line)
    return {key: value for key, (_, value) in found.items()}


def resolve_sources(**options: object) -> Sources:
    """Find indexes, wheels and the CA bundle from options, environment and pip's own settings."""
    listing = run([sys.executable, "-m", "pip", "config", "list"], check=False, merge=False)
    pip_config = read_pip_config(listing.stdout if listing.returncode == 0 else "")
    return find_sources(os.environ, pip_config, own_wheels=own_sources().path("wheels"), **options)  # type: ignore[arg-type]
