"""From a plan and a site to the text of an sbatch script. Pure: nothing is asked, nothing is written."""

from __future__ import annotations

import hashlib
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dlcctr.errors import UsageError
from dlcctr.runtime.containers.apptainer import bind_words
from dlcctr.runtime.containers.binds import Bind
from dlcctr.slurm.site.files import slurm_files
from dlcctr.slurm.site.profile import Site, shell_path, steps_site

if TYPE_CHECKING:
    import jinja2

TEMPLATE = "array.sbatch.j2"
STEPS_TEMPLATE = "steps.sbatch.j2"
NOTICE_TEMPLATE = "notice.sbatch.j2"
_PLAIN = re.compile(r"[A-Za-z0-9_@%+=:,./\[\]-]+")
JOB_NAME_CHARS = 120
HASH_CHARS = 8


@dataclass(frozen=True, kw_only=True)
class ArrayJob:
    """What any array job asks of Slurm.

    Parameters
    ----------
    name : str
        Job name.
    title : str
        First line of the comments.
    logs : Path
        Folder of Slurm's own log; it must be there before a task starts.
    count : int
        Number of array tasks.
    throttle : int or None
        Tasks that may run at a time; None for all.
    time_min : int
        Time limit of a task in minutes.
    words : tuple of str
        Further options of the image's command.
    exclude : tuple of str
        Nodes to avoid.
    dependency : str
        Dependency of the array, as sbatch takes it; Slurm cancels the job if it can never be met.
    """

    name: str
    title: str
    image: Path
    logs: Path
    count: int
    time_min: int
    throttle: int | None = None
    binds: tuple[Bind, ...] = ()
    words: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    dependency: str = ""

    @property
    def about_name(self) -> str:
        """Comment beside the job's name."""
        return "keep it: `status` recognises the waiting job by this name"

    @property
    def about_requeue(self) -> str:
        """Comment beside ``--requeue``."""
        return "start again after a node failure or a preemption"

    @property
    def warning(self) -> str:
        """Signal that warns of the time limit."""
        return "TERM"


@dataclass(frozen=True, kw_only=True)
class Script(ArrayJob):
    """One array job of a campaign.

    Parameters
    ----------
    plan : Path or None
        Without one each array task is a row.
    records : Path or None
        The campaign's folder of notes and logs; None lets the script find it beside the manifest.
    results : Path or None
        Root of the results, which the script creates; None if it needs none.
    offset : int
        Array task 0 is task (or row) `offset`.
    canary : int or None
        Row that the other arrays wait for; its result is checked at the end of the task.
    steps : bool
        The tasks do the steps of analysed rows, without a GPU.
    after : str
        Name of the array whose end this one waits for, whatever became of its tasks; empty for none.
    mem_gb : int
        Memory that the steps are known to need, in GB.
    """

    manifest: Path
    plan: Path | None = None
    records: Path | None = None
    results: Path | None = None
    offset: int = 0
    canary: int | None = None
    steps: bool = False
    after: str = ""
    mem_gb: int = 0

    def site(self, site: Site) -> Site:
        """Site as its tasks see it."""
        return steps_site(site, self.mem_gb) if self.steps else site

    @property
    def about_name(self) -> str:
        copied = "dlcctr- and the manifest's name: `status` recognises the waiting job by it"
        return super().about_name if self.plan else copied


def render(script: Script, site: Site) -> str:
    """Text of the script.

    Raises
    ------
    UsageError
        A path contains what cannot be written into ``#SBATCH`` lines.
    """
    site = script.site(site)
    return fill_template(
        STEPS_TEMPLATE if script.steps else TEMPLATE,
        script,
        site,
        scheduler="Slurm",
        submit="sbatch",
        first_id=0,
        options=option_lines(script, site),
        log_folder=_log_folder(script),
        canary=script.canary,
    )


def fill_template(template: str, script: Script, site: Site, **more: object) -> str:
    """Text of a template of ``slurm/``: what any scheduler's script has, and `more` for this one's.

    Raises
    ------
    UsageError
        A path has a line break.
    """
    return fill_job(
        template,
        script,
        site,
        shown_manifest=comment(shlex.quote(str(script.manifest))),
        manifest=writable(script.manifest),
        plan=writable(script.plan) if script.plan else None,
        records=writable(script.records) if script.records else None,
        results=writable(script.results) if script.results else None,
        offset=script.offset,
        **more,
    )


def fill_job(template: str, job: ArrayJob, site: Site, **more: object) -> str:
    """Text of a template of ``slurm/``: what any array job has, and `more` for this one's; raises as `render`."""
    return _template(template).render(
        title=comment(job.title),
        run=comment(f"{site.tool if site.tool != 'auto' else 'apptainer'} run {shlex.quote(str(job.image))}"),
        image=writable(job.image),
        binds=_binds(job, site),
        words=list(job.words),
        modules=site.modules,
        tool=site.tool,
        nv=site.nv,
        scratch=shell_path(site.scratch) if site.scratch else "",
        whole_node=site.whole_node,
        **more,
    )


def render_notice(script: Script, site: Site, options: Sequence[str], command: Sequence[str], limit_s: int) -> str:
    """Text of the script that sends a notice when the arrays of a submission have ended.

    Parameters
    ----------
    script : Script
        Script of one of the arrays.
    options : sequence of str
        Options of sbatch, as words of its command line.
    command : sequence of str
        Command that is run with the text; empty for none.
    limit_s : int
        Seconds after which a command is stopped.

    Raises
    ------
    UsageError
        As `render`.
    """
    return _template(NOTICE_TEMPLATE).render(
        shown_manifest=comment(shlex.quote(str(script.manifest))),
        options=[_word(option) for option in options],
        image=writable(script.image),
        manifest=writable(script.manifest),
        binds=_binds(script, site),
        modules=site.modules,
        tool=site.tool,
        command=list(command),
        limit_s=limit_s,
    )


def _template(name: str) -> jinja2.Template:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(slurm_files()),
        undefined=jinja2.StrictUndefined,
        variable_start_string="@{",
        variable_end_string="}@",
        comment_start_string="@#",
        comment_end_string="#@",
        block_start_string="#%",
        block_end_string="%#",
        trim_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # a shell script; every value goes through `sh`, or was checked
    )
    environment.filters["sh"] = lambda value: shlex.quote(str(value))
    return environment.get_template(name)


def array_words(count: int, throttle: int | None) -> str:
    """Value of --array, such as ``0-9%4``; the throttle is at most the number of tasks."""
    last = f"0-{count - 1}" if count > 1 else "0"
    return f"{last}%{throttle}" if throttle and throttle < count else last


def time_words(minutes: int) -> str:
    """Slurm's way to write a time: ``1-02:30:00`` for a day, two hours and a half."""
    days, rest = divmod(minutes, 24 * 60)
    return f"{days}-{rest // 60:02}:{rest % 60:02}:00"


def job_name(text: str) -> str:
    """Job name made of a text: letters, digits, ``.``, ``_`` and ``-``.

    What is cut off from a long one goes into a hash at its end, so that different texts stay different names.
    """
    name = re.sub(r"[^A-Za-z0-9._-]+", "_", text).lstrip("-.") or "dlcctr"
    if len(name) <= JOB_NAME_CHARS:
        return name
    digest = hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:HASH_CHARS]
    return f"{name[: JOB_NAME_CHARS - HASH_CHARS - 1]}-{digest}"


def warning_s(script: ArrayJob, site: Site) -> int:
    """Seconds of warning before the limit; one longer than the limit itself would come at the start."""
    return min(site.signal_s, script.time_min * 60 // 4)


def option_words(script: ArrayJob, site: Site) -> list[str]:
    """All options of the script, as words for sbatch's own command line.

    There they override a user's SBATCH_* variables, which override the script.

    Raises
    ------
    UsageError
        As `render`.
    """
    site = script.site(site) if isinstance(script, Script) else site
    return [option for option, _ in _options(script, site)]


def _options(script: ArrayJob, site: Site) -> list[tuple[str, str]]:
    """Options, and a comment for each."""
    options = [(f"--job-name={job_name(script.name)}", script.about_name)]
    whys = {"--requeue": script.about_requeue}
    options += [(option, whys.get(option, "")) for option in site.sbatch_options()]
    options += [
        (f"--time={time_words(script.time_min)}", "for each task: days-hours:minutes:seconds"),
        (f"--array={array_words(script.count, script.throttle)}", "tasks; after % how many at a time"),
        (f"--output={log_pattern(script.logs, '%A_%a')}", "%A is the job, %a the task; this folder must exist"),
        ("--open-mode=append", "a requeued task continues the same log"),
        (
            f"--signal=B:{script.warning}@{warning_s(script, site)}",
            "warning to stop, that many seconds before the time limit",
        ),
    ]
    if script.exclude:
        options.append((f"--exclude={','.join(script.exclude)}", "nodes whose GPU failed"))
    if script.dependency:
        options += [(f"--dependency={script.dependency}", ""), ("--kill-on-invalid-dep=yes", "")]
    return options


def option_lines(script: ArrayJob, site: Site) -> list[tuple[str, str]]:
    """Options for ``#SBATCH`` lines, in which # begins a comment; comments in a column."""
    options = [(_word(option), why) for option, why in _options(script, site)]
    width = max(len(option) for option, why in options if why and len(option) < 48)
    return [(option, f"{' ' * max(2, width + 2 - len(option))}# {why}" if why else "") for option, why in options]


def _log_folder(script: Script) -> str:
    """``/NAME`` of the folder below the campaign's logs, made by `job_name`; empty where logs lie in that itself."""
    below = script.logs.relative_to(script.records / "logs").as_posix() if script.records else "."
    return "" if below == "." else f"/{job_name(below)}"


def log_pattern(logs: Path, name: str) -> str:
    """Value of --output for logs in a folder, under a name in which Slurm fills in what a % stands for.

    Raises
    ------
    UsageError
        As `render`.
    """
    if "\\" in str(logs):
        raise UsageError(f"{str(logs)!r} has a backslash in its name, and Slurm cannot write logs there", "rename it")
    return f"{str(writable(logs)).replace('%', '%%')}/{name}.log"


def _word(text: str) -> str:
    """Quote a word the way that sbatch reads ``#SBATCH`` lines."""
    if _PLAIN.fullmatch(text):
        return text
    name, equals, value = text.partition("=")
    return f"{name}{equals}" + '"' + re.sub(r'(["\\])', r"\\\1", value) + '"'


def writable(path: Path) -> Path:
    """Raise `UsageError` for a path with a line break: no line of a script can hold it."""
    if {"\n", "\r"} & set(str(path)):
        raise UsageError(f"{str(path)!r} has a line break in its name", "rename that folder")
    return path


def comment(text: str) -> str:
    """Text in a comment of a script: on one line."""
    return re.sub(r"[\x00-\x1f\x7f]", "?", text)


def _binds(script: ArrayJob, site: Site) -> list[Sequence[str]]:
    return [*map(_bind, script.binds), *(["--bind", shell_path(path)] for path in site.binds)]


def _bind(bind: Bind) -> Sequence[str]:
    return [shlex.quote(word) for word in bind_words(bind)]
