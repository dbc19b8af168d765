"""The commands of `labels`: labels that came back from people, checked and merged into their project."""

from __future__ import annotations

import shlex
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dlcctr.commands.program import CommandGroup

if TYPE_CHECKING:
    from dlcctr.labels.add import Added
    from dlcctr.labels.check import Checked
    from dlcctr.labels.problems import Problem
    from dlcctr.labels.project import Project

Folders = Annotated[
    list[Path], typer.Argument(metavar="FOLDER...", help="Folders of labels, or folders that have such folders.")
]
AnyScorer = Annotated[bool, typer.Option("--any-scorer", help="Take labels of another person as the project's.")]
SHOWN = 10
"""Problems of one kind on a terminal."""
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


def add(app: typer.Typer) -> None:
    """Add the group of commands."""
    group = typer.Typer(
        cls=CommandGroup, no_args_is_help=True, help="Labels that came back: check them, add them to their project."
    )
    group.command()(check)
    group.command(name="add")(add_to)
    app.add_typer(group, name="labels")


def check(
    folders: Folders,
    *,
    project: Annotated[Path, typer.Option(help="DeepLabCut project that the labels are of.")],
    any_scorer: AnyScorer = False,
    as_json: AsJson = False,
) -> None:
    """Check labels against their project: body parts, order, pictures, values.

    Exits with 3 if there are errors, and with 0 if there are only questions and notes. Nothing is written.
    """
    from dlcctr.contract import ExitCode
    from dlcctr.labels.check import check_labels
    from dlcctr.labels.project import read_project
    from dlcctr.system.terminal.console import print_json

    known = read_project(project)
    checked = check_labels(known, folders, any_scorer=any_scorer)
    if as_json:
        found = [{"folder": str(each.folder), "file": str(each.file), "pictures": len(each.table.rows)}
                 for each in checked.folders]  # fmt: skip
        problems = [_fields(problem) for problem in checked.problems]
        print_json("labels check", project=str(known.folder), folders=found, problems=problems)
    else:
        _print_problems(checked)
        _say_next(known, checked, any_scorer=any_scorer)
    raise typer.Exit(ExitCode.MANIFEST if checked.errors else ExitCode.OK)


def add_to(
    project: Annotated[Path, typer.Argument(help="DeepLabCut project that they are added to.")],
    folders: Folders,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
    new_iteration: Annotated[
        bool | None,
        typer.Option(
            "--new-iteration/--same-iteration",
            help="Count up `iteration` in config.yaml; by default if this one has a training set and labels change.",
        ),
    ] = None,
    any_scorer: AnyScorer = False,
    no_h5: Annotated[bool, typer.Option("--no-h5", help="Leave the .h5 to DeepLabCut's convertcsv2h5.")] = False,
    as_json: AsJson = False,
) -> None:
    """Check labels, and merge them and their pictures into the project.

    Columns are put in the project's order by their names. Where the project has the picture already, the new labels
    win; the old table is kept beside, with its date. With errors nothing is added, and the exit code is 3. Folders of
    the project itself get their entry in config.yaml's video_sets, without which DeepLabCut does not find their labels.
    """
    from dlcctr.contract import ExitCode
    from dlcctr.labels.add import add_labels
    from dlcctr.labels.check import check_labels
    from dlcctr.labels.project import read_project
    from dlcctr.system.terminal.console import print_json, print_lines

    known = read_project(project)
    checked = check_labels(known, folders, any_scorer=any_scorer)
    added = None
    if not checked.errors:
        added = add_labels(known, checked, new_iteration=new_iteration, write_h5=not no_h5, dry_run=dry_run)
    if as_json:
        print_json(
            "labels add",
            project=str(known.folder),
            dry_run=dry_run,
            problems=[_fields(problem) for problem in checked.problems],
            folders=_folder_fields(added),
            iteration=added.iteration if added else known.iteration,
            videos=list(added.videos) if added else [],
        )
    else:
        _print_problems(checked)
        if added:
            _print_added(known, added, dry_run=dry_run)
        else:
            print_lines(["nothing was added: correct the errors, then the same command again"])
    raise typer.Exit(ExitCode.OK if added else ExitCode.MANIFEST)


def _fields(problem: Problem) -> dict[str, Any]:
    return {
        "kind": problem.kind,
        "severity": problem.severity.value,
        "file": problem.file,
        "line": problem.line,
        "picture": problem.picture,
        "message": problem.message,
        "remedy": problem.remedy,
    }


def _folder_fields(added: Added | None) -> list[dict[str, Any]]:
    return [
        {
            "name": each.name,
            "file": str(each.file),
            "added": list(each.merged.added),
            "replaced": list(each.merged.replaced),
            "unchanged": list(each.merged.unchanged),
            "empty": list(each.merged.empty),
            "copied": list(each.pictures),
            "backups": list(map(str, each.backups)),
            "h5": each.h5,
        }
        for each in (added.folders if added else ())
    ]


def _print_problems(checked: Checked) -> None:
    from dlcctr.labels.problems import KINDS, Severity
    from dlcctr.system.terminal.console import plural, print_lines

    for severity in Severity:
        found = [problem for problem in checked.problems if problem.severity is severity]
        for kind in dict.fromkeys(problem.kind for problem in found):
            print_lines([f"{severity.value}, {kind}: {KINDS[kind][1]}"])
            lines = [f"  {_place(problem)}: {problem.message}" for problem in found if problem.kind == kind]
            print_lines(lines[:SHOWN])
            if len(lines) > SHOWN:
                print_lines([f"  … and {len(lines) - SHOWN} more (--json lists all)"])
    counts = Counter(problem.severity for problem in checked.problems)
    n_rows = sum(len(each.table.rows) for each in checked.folders)
    said = ", ".join(plural(counts[each], each.value) for each in Severity)
    print_lines([f"{plural(len(checked.folders), 'folder')}, {plural(n_rows, 'picture')} with labels: {said}"])


def _place(problem: Problem) -> str:
    file, here = Path(problem.file), Path.cwd()
    name = file.relative_to(here) if file.is_relative_to(here) else file
    line = f" line {problem.line}" if problem.line else ""
    return f"{name}{line}{f' ({problem.picture})' if problem.picture else ''}"


def _say_next(project: Project, checked: Checked, *, any_scorer: bool) -> None:
    from dlcctr.commands.in_image import say_next

    own = project.labels.resolve()
    folders = [str(each.folder) for each in checked.folders
               if not (each.folder.is_relative_to(own) and project.has_video(each.folder.name))]  # fmt: skip
    if folders and not checked.errors:
        option = " --any-scorer" if any_scorer else ""
        to = shlex.quote(str(project.folder))
        say_next([f"next: dlcctr labels add {to} {shlex.join(folders)}{option}"])


def _print_added(project: Project, added: Added, *, dry_run: bool) -> None:
    from dlcctr.commands.in_image import say_next
    from dlcctr.labels.add import missing_h5
    from dlcctr.system.terminal.console import plural, print_lines

    for each in added.folders:
        counts = {
            "new": each.merged.added,
            "replaced": each.merged.replaced,
            "unchanged": each.merged.unchanged,
            "without a label": each.merged.empty,
        }
        said = ", ".join(f"{len(found)} {what}" for what, found in counts.items() if found) or "nothing to add"
        print_lines([f"{each.file}: {said}; {plural(len(each.pictures), 'picture')} copied"])
        print_lines(f"  before: {backup.name}" for backup in each.backups)
    if added.videos:
        print_lines([f"config.yaml: video_sets has {', '.join(added.videos)} now"])
    if added.iteration != added.old_iteration:
        print_lines([
            f"config.yaml: iteration {added.iteration}, before {added.old_iteration}; models of before stay where they "
            "are, and a campaign that names this project folder needs its bundle (model pack) to go on"
        ])  # fmt: skip
    if dry_run:
        print_lines(["nothing was written (--dry-run)"])
        return
    if missing_h5(added):
        config = str(project.config.absolute())
        code = f"import deeplabcut; deeplabcut.convertcsv2h5({config!r}, userfeedback=False)"
        print_lines([
            "DeepLabCut trains from the .h5, which needs pandas. A training by dlcctr makes it first; without dlcctr, "
            "where DeepLabCut is, or in the image (singularity exec dlc.sif …):",
            f"  python -c {shlex.quote(code)}",
        ])  # fmt: skip
    say_next([f"next: dlcctr loop status {shlex.quote(str(project.folder))}"])
