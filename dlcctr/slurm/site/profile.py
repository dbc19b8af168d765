"""A site profile: how to ask a cluster for GPUs. One small TOML file per site."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from dlcctr.errors import UsageError
from dlcctr.slurm.site.keys import KEYS, SECTIONS
from dlcctr.system.files import read_text_bounded
from dlcctr.system.values.records import LOCAL, OMIT, from_table, to_table
from dlcctr.system.values.toml import parse_toml

MAX_BYTES = 1 << 20
NOTICE = ("command", "webhook", "on_partition")
STEPS_CPUS = 4
"""CPU cores of a task that does steps: labelled videos are decoded and encoded in threads."""
NAME_WANTS = "letters, digits and . _ -"


@dataclass(frozen=True)
class Site:
    """A site profile; every value was checked, so none can break a line of a script.

    Parameters
    ----------
    name : str
        The file's name without its ending.
    file : Path or None
        File of the profile; None for one that was not read from a file.
    gres, gpus : str
        How a task asks for its GPU: ``--gres`` or ``--gpus``, at most one of them; neither where a partition gives
        GPUs without a request, or has none.
    gpus_per_task : int
        GPUs that a task gets.
    whole_node : bool
        Nodes are allocated whole: one task uses all GPUs of its node.
    cpus_per_task, mem_gb : int or None
        CPU cores and GB of a task; None leaves them to the site, 0 GB is all of a node's memory.
    signal_s : int
        Seconds before the time limit at which a task is told to stop.
    modules : tuple of str
        Words after ``module``, one call each.
    scratch, binds
        Absolute paths in which ``$NAME`` is expanded on the node; `shell_path` writes them into a script.
    max_time_min, max_array_size, max_submit_jobs, max_parallel : int or None
        Limits of the site; None where they are not known.
    steps_partition : str
        Partition on which the steps after the analyses are done, without a GPU; empty where they are done with them.
    steps_cpus, steps_mem_gb : int or None
        CPU cores and GB of a task there; None for the usual ones.
    unit, currency : str
        What `per_gpu_hour` and `money_per_gpu_hour` are counted in.
    per_gpu_hour, money_per_gpu_hour, co2_kg_per_gpu_hour : float or None
        What an hour of one GPU costs, in the site's unit, in money and in kg of CO2; None where it is not known.
    command, webhook, on_partition : str
        The notice at the end: what is run, which address gets it, and where the job for that runs. They are not
        noted beside a campaign, since others can read that: an address is a secret.
    """

    name: str = "unnamed"
    description: str = ""
    partition: str = ""
    account: str = ""
    qos: str = ""
    constraint: str = ""
    gres: str = ""
    gpus: str = ""
    gpus_per_task: int = 0
    whole_node: bool = False
    exclusive: bool = False
    cpus_per_task: int | None = None
    mem_gb: int | None = None
    requeue: bool = True
    signal_s: int = 120
    mail: str = ""
    extra: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()
    tool: str = "auto"
    nv: bool = True
    scratch: str = ""
    binds: tuple[str, ...] = ()
    max_time_min: int | None = None
    max_array_size: int | None = None
    max_submit_jobs: int | None = None
    max_parallel: int | None = None
    unit: str = field(default="", metadata=OMIT)
    per_gpu_hour: float | None = field(default=None, metadata=OMIT)
    currency: str = field(default="", metadata=OMIT)
    money_per_gpu_hour: float | None = field(default=None, metadata=OMIT)
    co2_kg_per_gpu_hour: float | None = field(default=None, metadata=OMIT)
    steps_partition: str = field(default="", metadata=OMIT)
    steps_cpus: int | None = field(default=None, metadata=OMIT)
    steps_mem_gb: int | None = field(default=None, metadata=OMIT)
    command: str = field(default="", metadata=LOCAL)
    webhook: str = field(default="", metadata=LOCAL)
    on_partition: str = field(default="", metadata=LOCAL)
    file: Path | None = field(default=None, metadata=LOCAL)

    @property
    def gpu_option(self) -> str:
        """``--gres=…`` or ``--gpus=…``; empty where no GPU is asked for."""
        return f"--gres={self.gres}" if self.gres else f"--gpus={self.gpus}" if self.gpus else ""

    @property
    def clusters(self) -> tuple[str, ...]:
        """Clusters that sbatch may choose from, by ``--clusters`` in `extra`; empty for this machine's own."""
        pairs = [option.partition("=") for option in self.extra]
        named = [value for name, _, value in pairs if name in ("--clusters", "--cluster")]
        return tuple(name for name in named[-1].split(",") if name) if named else ()

    def sbatch_options(self) -> list[str]:
        """Options for sbatch that the site decides, one a word; time, array, logs and the signal are not among them."""
        options = {
            "partition": self.partition,
            "account": self.account,
            "qos": self.qos,
            "constraint": self.constraint,
            "gres": self.gres,
            "gpus": self.gpus,
            "cpus-per-task": self.cpus_per_task,
            "mem": f"{self.mem_gb}G" if self.mem_gb else self.mem_gb,
            "mail-user": self.mail,
            "mail-type": "END,FAIL" if self.mail else "",
        }
        flags = ["--exclusive"] * self.exclusive + ["--requeue" if self.requeue else "--no-requeue"]
        return (
            [f"--{name}={value}" for name, value in options.items() if value not in (None, "")]
            + flags
            + list(self.extra)
        )


def steps_site(site: Site, mem_gb: int) -> Site:
    """Site as the tasks see it that do the steps apart from the analyses: another partition, and no GPU.

    Parameters
    ----------
    mem_gb : int
        Memory that the steps are known to need, for a profile that says nothing.
    """
    return override(
        site,
        partition=site.steps_partition,
        qos="",  # GPU partitions often have their own
        constraint="",
        gres="",
        gpus="",
        gpus_per_task=0,
        whole_node=False,
        exclusive=False,
        nv=False,
        cpus_per_task=site.steps_cpus or STEPS_CPUS,
        mem_gb=site.steps_mem_gb or mem_gb,
        extra=tuple(option for option in site.extra if "gpu" not in option.partition("=")[0]),
    )


def is_name(text: str) -> bool:
    """Whether a text can be a profile's name."""
    return bool(re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", text))


def shell_path(path: str) -> str:
    """Write a profile's path into a script: blanks stay, ``$NAME`` is expanded on the node and nothing else is."""
    return f'"{path}"'


def gpu_count(gres: str, gpus: str) -> int:
    """GPUs that a task asks for: 2 for ``gpu:a100:2`` and for ``v100-32:2``; other gres count nothing."""
    items = [item.split(":") for item in f"{gres},{gpus}".split(",") if item]
    wanted = [words for words in items if words[0] == "gpu" or gpus]
    return sum(int(words[-1]) if words[-1].isdigit() else 1 for words in wanted)


def read_site(file: Path) -> Site:
    """Read a profile.

    Raises
    ------
    UsageError
        It cannot be read, is not TOML, has an unknown key or a value that does not fit; file and key are named.
    """
    if not is_name(file.stem):
        raise UsageError(f"{file}: a profile's name is {NAME_WANTS}", "give the file such a name")
    try:
        text = read_text_bounded(file, MAX_BYTES)
        if text is None:
            raise ValueError(f"it has more than {MAX_BYTES:,} bytes")
        table = parse_toml(text)
    except OSError as error:
        raise UsageError(
            f"{file}: the site profile cannot be read: {error.strerror}",
            "`dlcctr site list` lists the profiles, `dlcctr site init` makes one",
        ) from error
    except ValueError as error:
        raise UsageError(
            f"{file}: not valid TOML: {error}", 'fix that line; text goes in quotes: key = "text"'
        ) from error
    return _from_values(_flatten(file, table), Site(name=file.stem, file=file), f"{file}: ")


def _flatten(file: Path, table: Mapping[str, object]) -> dict[str, object]:
    """Values by key; refuses unknown keys, because a misspelt one would silently change nothing."""
    values: dict[str, object] = {}
    for name, value in table.items():
        section = name if name in SECTIONS else ""
        if section and not isinstance(value, dict):
            raise UsageError(f"{file}: {name} must be a section", f"write [{name}] on its own line")
        for key, item in value.items() if section and isinstance(value, dict) else [(name, value)]:
            if key not in KEYS or KEYS[key].section != section:
                raise _unknown(file, section, key)
            values[key] = item
    return values


def _unknown(file: Path, section: str, key: str) -> UsageError:
    if key in KEYS:
        place = KEYS[key].section
        return UsageError(
            f"{file}: {key} is in the wrong place", f"write it below [{place}]" if place else "write it at the top"
        )
    known = [name for name in KEYS if KEYS[name].section == section]
    if not section:
        known += [f"[{name}]" for name in SECTIONS]
    return UsageError(
        f"{file}: {section + '.' if section else ''}{key!r} is not known",
        f"{f'[{section}]' if section else 'a profile'} takes: {', '.join(known)}",
    )


def override(site: Site, **changes: object) -> Site:
    """Copy with values from the command line; None stands for an option that was not given.

    A new `gres` takes the place of `gpus` and the other way round, and with either comes its own number of GPUs; a
    new `gpus_per_task` alone changes the number in the request.

    Raises
    ------
    UsageError
        A value does not fit; the option is named.
    TypeError
        There is no such key.
    """
    values = {key: value for key, value in changes.items() if value is not None}
    if strange := [key for key in values if key not in KEYS]:
        raise TypeError(f"a site profile has no {strange[0]}")
    if "gres" in values or "gpus" in values:
        values = {"gres": "", "gpus": "", **values}
    elif "gpus_per_task" in values:
        values |= _with_count(site, values["gpus_per_task"])
    if not {"gres", "gpus", "gpus_per_task"} & set(values):
        values["gpus_per_task"] = site.gpus_per_task
    return _from_values(values, site, "")


def _with_count(site: Site, count: object) -> dict[str, str]:
    if type(count) is not int or gpu_count(site.gres, site.gpus) == 0 or "," in site.gres + site.gpus:
        return {}
    return {key: re.sub(r"(^|:)[0-9]+$", rf"\g<1>{count}", getattr(site, key)) for key in ("gres", "gpus")}


def _from_values(values: Mapping[str, object], base: Site, where: str) -> Site:
    for key, value in values.items():
        if not KEYS[key].kind.fits(value):
            raise UsageError(
                f"{_label(where, key)} is {value!r}; it must be {KEYS[key].kind.wants}",
                f"{key}: {KEYS[key].meaning}",
            )
    unwritten: dict[str, Any] = {name: values.get(name, getattr(base, name)) for name in NOTICE}
    written = {name: value for name, value in values.items() if name not in NOTICE}
    site = replace(from_table(Site, to_table({**to_table(base), **written})), file=base.file, **unwritten)
    if site.gres and site.gpus:
        raise UsageError(f"{_label(where, 'gres')} and gpus are both given", "keep the one that your site documents")
    asked = gpu_count(site.gres, site.gpus)
    if "gpus_per_task" not in values:
        site = replace(site, gpus_per_task=asked)
    elif site.gpu_option and site.gpus_per_task != asked:
        raise UsageError(
            f"{_label(where, 'gpus_per_task')} is {site.gpus_per_task}, but {site.gpu_option} asks for {asked}",
            "give both the same number, or leave gpus_per_task out",
        )
    if site.whole_node and not site.gpus_per_task:
        raise UsageError(
            f"{_label(where, 'whole_node')} is true, but gpus_per_task is 0", "say how many GPUs a node has"
        )
    _check_prices(site, where)
    return site


def _check_prices(site: Site, where: str) -> None:
    """Raise `UsageError` for a price without its unit: a bare number in a report means anything."""
    for unit, price, example in (("unit", "per_gpu_hour", "SU"), ("currency", "money_per_gpu_hour", "EUR")):
        if getattr(site, price) is not None and not getattr(site, unit):
            raise UsageError(
                f"{_label(where, price)} is given without {unit}", f'say what it is counted in: {unit} = "{example}"'
            )


def _label(where: str, key: str) -> str:
    section = KEYS[key].section
    return f"{where}{section + '.' if section else ''}{key}" if where else f"--{key.replace('_', '-')}"
