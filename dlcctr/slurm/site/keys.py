"""What a site profile may hold: every key, what it is for, and which values cannot break a line of a script."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass

from dlcctr.system.values.names import is_url

OWNED_OPTIONS = (
    "account", "array", "chdir", "constraint", "cpus-per-task", "dependency", "error", "exclude", "exclusive", "export",
    "gpus", "gres", "hold", "input", "job-name", "mail-type", "mail-user", "mem", "no-requeue", "nodes", "ntasks",
    "open-mode", "output", "parsable", "partition", "qos", "requeue", "signal", "test-only", "time", "wait", "wrap",
)  # fmt: skip
"""Options that dlcctr sets itself, or that have their own key in a profile; `extra` refuses them."""

HIGHEST_PRICE = 1_000_000
"""Highest price of a GPU-hour in any unit; more is a typing error."""

_MODULE_VERBS = ("load", "unload", "use", "unuse", "purge", "swap", "switch", "restore", "add", "del")


@dataclass(frozen=True)
class Kind:
    """A kind of value: what it looks like, in words, and a test."""

    wants: str
    fits: Callable[[object], bool]


@dataclass(frozen=True)
class Key:
    """A key of a profile: its section, its kind, and what it is for."""

    section: str
    kind: Kind
    meaning: str


def _text(pattern: str, wants: str) -> Kind:
    """Text that must match completely; empty text requests nothing."""
    compiled = re.compile(pattern, re.ASCII)
    return Kind(wants, lambda value: isinstance(value, str) and (not value or bool(compiled.fullmatch(value))))


def _whole(low: int, high: int, unit: str) -> Kind:
    # True is an int in Python, but not in a profile
    return Kind(f"a whole number from {low} to {high}{unit}", lambda value: type(value) is int and low <= value <= high)


def _list_of(kind: Kind) -> Kind:
    return Kind(
        f"a list; each item is {kind.wants}",
        lambda value: isinstance(value, (list, tuple)) and all(item and kind.fits(item) for item in value),
    )


def _is_extra(value: object) -> bool:
    if not isinstance(value, str):
        return False
    match = re.fullmatch(r"--([a-z][a-z0-9-]+)(=[\w.,:/@+%=&|*()\[\]-]+)?", value, re.ASCII)
    # sbatch takes --part for --partition
    return match is not None and not any(owned.startswith(match[1]) for owned in OWNED_OPTIONS)


def _is_module(value: object) -> bool:
    words = value.split(" ") if isinstance(value, str) else []
    while words and re.fullmatch(r"--?[a-z][a-z-]*", words[0]):
        words = words[1:]
    rest = r"-a|--append|[\w/][\w./+=:@~-]*"
    return bool(words) and words[0] in _MODULE_VERBS and all(re.fullmatch(rest, word, re.ASCII) for word in words[1:])


def _is_path(value: object) -> bool:
    name = r"\$[A-Za-z_][A-Za-z0-9_]*(?![A-Za-z0-9_])"
    if not isinstance(value, str) or ".." in value.split("/"):
        return False
    return not value or bool(re.fullmatch(rf"(/|{name})([\w ./@+-]|{name})*", value))


def _is_price(value: object) -> bool:
    return type(value) in (int, float) and 0 <= value <= HIGHEST_PRICE  # type: ignore[operator] # and no NaN


def _is_command(value: object) -> bool:
    if not isinstance(value, str) or not value.isprintable():
        return False
    try:
        return not value or bool(shlex.split(value)[0])
    except (ValueError, IndexError):
        return False


def _is_webhook(value: object) -> bool:
    return isinstance(value, str) and bool(
        not value
        or re.fullmatch(r"\$[A-Za-z_][A-Za-z0-9_]*", value, re.ASCII)
        or is_url(value)
        or (re.match(r"~?/", value) and value.isprintable())
    )


_FLAG = Kind("true or false", lambda value: isinstance(value, bool))
_LINE = Kind("one line of text", lambda value: isinstance(value, str) and value.isprintable())
_WORD = _text(r"[A-Za-z0-9_][A-Za-z0-9_.,:/@+-]*", "one word of letters, digits and . , : / @ + - _")
_CONSTRAINT = _text(r"[A-Za-z0-9_(\[][A-Za-z0-9_.,:/@+&|*()\[\]-]*", "one word such as a100 or a100|h100, no blanks")
_GRES = _text(
    r"[A-Za-z][\w-]*(:[A-Za-z0-9][\w.-]*){0,2}(,[A-Za-z][\w-]*(:[A-Za-z0-9][\w.-]*){0,2})*",
    'what --gres takes, such as "gpu:1" or "gpu:a100:1"',
)
_GPUS = _text(
    r"([A-Za-z0-9][\w.-]*:)?[0-9]+(,([A-Za-z0-9][\w.-]*:)?[0-9]+)*", 'what --gpus takes, such as "1" or "v100-32:1"'
)
_TOOL = Kind('"auto", "apptainer" or "singularity"', lambda value: value in ("auto", "apptainer", "singularity"))
_MAIL = _text(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*(@[A-Za-z0-9][A-Za-z0-9.-]*)?", "a mail address or a user name")
_PATH = Kind('an absolute path, in which plain $NAME is allowed, such as "/local/$SLURM_JOB_ID"', _is_path)
_EXTRA = Kind('one option that no other key sets, such as "--clusters=gpu"', _is_extra)
_UNIT = Kind(
    'a short name of letters and blanks, such as "SU", "core hours" or "€"',
    lambda value: isinstance(value, str) and (not value or bool(re.fullmatch(r"[^\W\d_][\w .-]{0,19}|[€$£¥]", value))),
)
_PRICE = Kind(f"a number from 0 to {HIGHEST_PRICE:,}", _is_price)
_COMMAND = Kind('a command and its options on one line, such as "mail -s done you@example.edu"', _is_command)
_WEBHOOK = Kind(
    'an address from https:// on, "$NAME" of a variable, or a file that holds it ("~/…", "/…")', _is_webhook
)
_MODULE = Kind('what is typed after `module`, such as "load apptainer"', _is_module)

KEYS = {
    "description": Key("", _LINE, "for people"),
    "partition": Key("slurm", _WORD, "partition (queue); empty: the cluster's default"),
    "account": Key("slurm", _WORD, "account or project that is charged; empty: your default"),
    "qos": Key("slurm", _WORD, "quality of service; empty: your default"),
    "constraint": Key("slurm", _CONSTRAINT, "features that a node must have"),
    "gres": Key("slurm", _GRES, "how a task asks for its GPU with --gres; either this or gpus, neither: no GPU asked"),
    "gpus": Key("slurm", _GPUS, "how a task asks for its GPU with --gpus, on sites that require it"),
    "gpus_per_task": Key("slurm", _whole(0, 64, ""), "GPUs that a task gets; by default the number in gres or gpus"),
    "whole_node": Key("slurm", _FLAG, "nodes are allocated whole: a task uses all GPUs of its node"),
    "exclusive": Key("slurm", _FLAG, "ask for nodes that no other job shares (--exclusive)"),
    "cpus_per_task": Key("slurm", _whole(1, 1024, ""), "CPU cores of a task; left out: the site's default"),
    "mem_gb": Key(
        "slurm",
        _whole(0, 65536, ", in GB"),
        "memory of a task in GB, 0 for all of a node's; left out: the site's default",
    ),
    "requeue": Key("slurm", _FLAG, "let Slurm start a task again after a node failed or it was preempted"),
    "signal_s": Key("slurm", _whole(10, 3600, ", in seconds"), "seconds before the time limit at which a task stops"),
    "mail": Key("slurm", _MAIL, "address that Slurm writes to when an array ends"),
    "extra": Key("slurm", _list_of(_EXTRA), "more options for sbatch, one a string"),
    "modules": Key("container", _list_of(_MODULE), "`module` lines that make apptainer or singularity available"),
    "tool": Key("container", _TOOL, "auto: whichever is there after the modules are loaded"),
    "nv": Key("container", _FLAG, "give the container the node's NVIDIA driver (--nv)"),
    "scratch": Key("container", _PATH, "fast folder of the node itself; empty: $SLURM_TMPDIR, $TMPDIR or /tmp"),
    "binds": Key("container", _list_of(_PATH), "more folders that the container sees"),
    "max_time_min": Key("limits", _whole(1, 5_256_000, ", in minutes"), "longest time that a task may ask for"),
    "max_array_size": Key("limits", _whole(1, 4_000_001, ""), "MaxArraySize: 1001 allows array indices 0 to 1000"),
    "max_submit_jobs": Key("limits", _whole(1, 10_000_000, ""), "tasks that you may have queued and running at once"),
    "max_parallel": Key("limits", _whole(1, 100_000, ""), "tasks of one array that run at a time"),
    "unit": Key("accounting", _UNIT, "what the site charges in, for example SU or credits"),
    "per_gpu_hour": Key("accounting", _PRICE, "these units for one hour of one GPU"),
    "currency": Key("accounting", _UNIT, "currency of money_per_gpu_hour, for example EUR"),
    "money_per_gpu_hour": Key("accounting", _PRICE, "money for one hour of one GPU, in that currency"),
    "co2_kg_per_gpu_hour": Key(
        "accounting", _PRICE, "kg of CO2 for one hour of one GPU, its share of the node included"
    ),
    "steps_partition": Key(
        "steps",
        _WORD,
        "partition without GPUs for the steps after the analyses; empty: they are done in the tasks above",
    ),
    "steps_cpus": Key("steps", _whole(1, 1024, ""), "CPU cores of a task there; left out: 4"),
    "steps_mem_gb": Key(
        "steps", _whole(1, 65536, ", in GB"), "memory of a task there; left out: what the steps are known to need"
    ),
    "command": Key("notice", _COMMAND, "run when the jobs of a campaign have ended; it gets one line of text"),
    "webhook": Key("notice", _WEBHOOK, "gets the same as JSON; a file or $NAME keeps a secret address out of here"),
    "on_partition": Key("notice", _WORD, "partition of the small job that sends it, without a GPU; empty: as above"),
}
"""Every key of a profile, in the order in which profiles are written."""

SECTIONS = ("slurm", "container", "limits", "accounting", "steps", "notice")
