"""Add steps to a campaign.toml, or remove them; everything else in it stays as people wrote it."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from typing import Any, get_origin, get_type_hints

from dlcctr.campaign.config import STEPS, Campaign, campaign_text, parse_campaign
from dlcctr.campaign.steps.kinds import KINDS
from dlcctr.campaign.steps.spec import ANALYSIS, StepSpec, check_order, parse_step, steps_text
from dlcctr.errors import ManifestError, UsageError
from dlcctr.system.files import write_text_atomic
from dlcctr.system.values.toml import parse_toml


def parse_words(kind: str, words: Sequence[str], *, name: str = "", of: str = ANALYSIS) -> StepSpec:
    """Make a step from words of a command line.

    Parameters
    ----------
    words : sequence of str
        ``parameter=value``: numbers, ``true`` and ``false``, lists as in TOML or with commas; everything else is text.

    Raises
    ------
    UsageError
        A word is not ``parameter=value``, or the kind has no such parameter or value.
    """
    table: dict[str, Any] = {"name": name or kind, "kind": kind, "of": of}
    types = _types(kind)
    for word in words:
        key, is_given, text = word.partition("=")
        if not is_given or not key or key in table:
            raise UsageError(
                f"{word[:80]!r} is not parameter=value", f"see the parameters of each kind: dlcctr steps kinds {kind}"
            )
        table[key] = _value(text, types.get(key))
    try:
        return parse_step(table)
    except ValueError as error:
        known = (
            f"see its parameters: dlcctr steps kinds {kind}" if kind in KINDS else "see the kinds: dlcctr steps kinds"
        )
        raise UsageError(f"step {table['name'][:64]!r}: {error}", known) from error


def _types(kind: str) -> dict[str, Any]:
    """Types of a kind's parameters."""
    return get_type_hints(KINDS[kind].parameters) if kind in KINDS else {}


def _value(text: str, wanted: Any) -> Any:
    """Value of a word for a parameter of the type `wanted`; text is taken as it is."""
    if wanted is str or (isinstance(wanted, type) and issubclass(wanted, Enum)):
        return text
    try:
        value = parse_toml(f"value = {text}")["value"]
    except ValueError:
        value = text
    if get_origin(wanted) is tuple and not isinstance(value, list):
        return [word.strip() for word in text.split(",") if word.strip()]
    return value


def add_step(campaign: Campaign, step: StepSpec) -> Campaign:
    """Add a step at the end, or give the step of this name other parameters; returns the campaign as it is now.

    Raises
    ------
    UsageError
        It is of a step that does not come before it, or gives no positions.
    ManifestError
        The file cannot be read.
    """
    names = [each.name for each in campaign.steps]
    steps = [step if each.name == step.name else each for each in campaign.steps]
    steps += [] if step.name in names else [step]
    try:
        check_order(steps)
    except ValueError as error:
        raise UsageError(
            str(error), f"the campaign has the steps: {', '.join(names) or 'none'}; add what it takes before it"
        ) from error
    return _write(campaign, steps)


def remove_step(campaign: Campaign, name: str) -> Campaign:
    """Remove a step from the campaign; what it has made stays. Returns the campaign as it is now.

    Raises
    ------
    UsageError
        There is no such step, or another step takes its positions.
    """
    if name not in [each.name for each in campaign.steps]:
        known = ", ".join(each.name for each in campaign.steps) or "none"
        raise UsageError(f"{campaign.file}: has no step {name[:64]!r}", f"it has: {known}")
    if users := [each.name for each in campaign.steps if name in each.needs]:
        raise UsageError(f"the step {users[0]!r} takes the positions of {name!r}", f"remove {users[0]!r} first")
    return _write(campaign, [each for each in campaign.steps if each.name != name])


def _write(campaign: Campaign, steps: Sequence[StepSpec]) -> Campaign:
    import tomlkit

    try:
        document = tomlkit.parse(_text(campaign))
    except ValueError as error:
        raise ManifestError(f"{campaign.file}: not valid TOML: {error}", "fix that line") from error
    document.pop(STEPS, None)
    rest = document.as_string().rstrip("\n")
    text = "\n".join([rest, *steps_text(steps)]) + "\n"
    changed = parse_campaign(text, campaign.file)  # what is written can be read
    write_text_atomic(campaign.file, text, keep=True)
    return changed


def _text(campaign: Campaign) -> str:
    file: Path = campaign.file
    try:
        return file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return campaign_text(campaign)
    except OSError as error:
        raise ManifestError(f"{file}: cannot be read: {error.strerror}", "check its permissions") from error
