"""The one command to type next: what a round still lacks, in the order in which it is done."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from dlcctr.loop.campaign_state import CampaignState
from dlcctr.loop.labels import LabelFolder
from dlcctr.loop.project_state import ProjectState, new_iteration
from dlcctr.model.prior.labels import LABELS_FOLDER
from dlcctr.system.terminal.console import plural
from dlcctr.training.record import Status
from dlcctr.transfer.remote.program import has_scheduler


@dataclass(frozen=True)
class Next:
    """A command, and why it is the next one."""

    command: str
    why: str


def next_command(project: ProjectState, campaign: CampaignState | None) -> Next:
    """Find the next command of a project's round."""
    return _labels(project, campaign) or _training(project) or _evaluation(project) or _campaign(project, campaign)


def _labels(project: ProjectState, campaign: CampaignState | None) -> Next | None:
    name = _quoted(project.folder)
    if project.waiting:
        folder = project.folder / LABELS_FOLDER / project.waiting[0].name
        return Next(
            f"dlcctr labels check {_quoted(folder)} --project {name}",
            f"correct the machine labels of {plural(len(project.waiting), 'folder')} in napari and save them; "
            "this checks the first one",
        )
    if campaign and (open_ones := _to_add(project, campaign)):
        waiting = sum(each.waits for each in open_ones)
        corrected = f"correct the machine labels of {plural(waiting, 'folder')} in napari and save them, then add them"
        return Next(
            f"dlcctr labels add {name} {_quoted(campaign.place / LABELS_FOLDER)}",
            corrected if waiting else f"{plural(len(open_ones), 'folder')} of labels are not in the project yet",
        )
    if project.unlisted:
        return Next(
            f"dlcctr labels add {name} {_quoted(project.folder / LABELS_FOLDER)}",
            f"config.yaml's video_sets lacks {plural(len(project.unlisted), 'folder')} of labels; this enters them",
        )
    return _new_labels(project, campaign)


def _new_labels(project: ProjectState, campaign: CampaignState | None) -> Next | None:
    """Labels that DeepLabCut finds, and that no training set has; or none at all."""
    is_under_way = any(each.state in (Status.RUNNING.value, Status.INTERRUPTED.value) for each in project.shuffles)
    if project.lacking and not is_under_way:
        return Next(
            new_iteration(project),
            f"{plural(project.lacking, 'labelled frame')} came after iteration {project.iteration}'s training set was "
            "made; this counts up the iteration, for a set of all",
        )
    if not project.labelled and not project.trained:
        if campaign and campaign.judged:
            return _outliers(campaign)
        return Next(f"dlcctr labels add {_quoted(project.folder)} FOLDER", "the project has no labelled frames")
    return None


def _to_add(project: ProjectState, campaign: CampaignState) -> list[LabelFolder]:
    """Folders beside the manifest whose labels the project does not have."""
    own = {each.name: each.labelled for each in project.folders}
    return [each for each in campaign.to_label if each.waits or (each.labelled or 0) > (own.get(each.name) or 0)]


def _training(project: ProjectState) -> Next | None:
    if project.trained:
        return None
    name = _quoted(project.folder)
    for each in project.shuffles:
        if each.state == Status.RUNNING.value:
            return Next(
                f"dlcctr train status {name}",
                f"shuffle {each.shuffle} is being trained, or was killed: this tells which, and what to do",
            )
    stopped = next((each for each in project.shuffles if each.state in _STOPPED), None)
    if stopped:
        why = f"shuffle {stopped.shuffle} has {_STOPPED[stopped.state]}" + (
            f": {stopped.cause}" if stopped.cause else ""
        )
        then = "it goes on where it was" if stopped.done else "it begins anew"
        first = f"first {stopped.hint}; then" if stopped.state == Status.FAILED.value and stopped.hint else ""
        return Next(_train(name, *_shuffle(stopped.shuffle)), " ".join(filter(None, (f"{why};", first, then))))
    what = "not trained" if project.has_training_set else "without a training set"
    start = ["--weights", name] if project.has_start else []  # from the model before
    why = f"iteration {project.iteration} is {what}"
    if has_scheduler() and not any(each.tried for each in project.shuffles):
        return Next(
            _train(name, *start, "--trial"), f"{why}; a short trial first, so that the job asks for what it needs"
        )
    return Next(_train(name, *start), why)


def _train(*words: str) -> str:
    """Command that trains: as a job where Slurm is, else on this machine."""
    return " ".join(["dlcctr", "train", "submit" if has_scheduler() else "run", *words])


_STOPPED = {Status.INTERRUPTED.value: "been interrupted", Status.FAILED.value: "failed"}


def _evaluation(project: ProjectState) -> Next | None:
    if any(each.evaluated for each in project.trained) or not project.labelled:
        return None
    first = project.trained[0]
    if project.is_of_several and first.engine == "tensorflow":
        return None  # which `dlc evaluate` is not for so far
    same = [each for each in project.trained if each.shuffle == first.shuffle]
    which = [f"--trainset-index {first.trainset_index}"] if len(same) > 1 else []  # else it is not clear which is meant
    return Next(
        " ".join([f"dlcctr evaluate {_quoted(project.folder)}", *_shuffle(first.shuffle), *which]),
        f"iteration {project.iteration} is trained; its errors on labelled frames are not known",
    )


def _campaign(project: ProjectState, campaign: CampaignState | None) -> Next:
    name = _quoted(project.folder)
    if campaign is None:
        return Next(
            f"dlcctr loop status {name} --manifest m.csv",
            "trained and evaluated; with a campaign's manifest, it is told how to go on with that",
        )
    return _of_present(project, campaign) if campaign.is_present else _of_before(project, campaign)


def _of_present(project: ProjectState, campaign: CampaignState) -> Next:
    """The campaign is of this very model."""
    manifest = _quoted(campaign.manifest)
    if campaign.analysed < campaign.rows:
        return Next(
            f"dlcctr {campaign.work} {manifest}", f"{plural(campaign.rows - campaign.analysed, 'row')} without a result"
        )
    if campaign.judged < campaign.analysed:
        return Next(f"dlcctr quality {manifest}", f"{plural(campaign.analysed - campaign.judged, 'row')} not judged")
    return _outliers(campaign)


def _of_before(project: ProjectState, campaign: CampaignState) -> Next:
    """The campaign is of an older model, or of another project's."""
    model, manifest = " ".join([_quoted(project.folder), *_choice(project)]), _quoted(campaign.manifest)
    compared = campaign.comparison
    if compared is None or not compared.verdict or compared.complete < compared.total:
        return Next(
            f"dlcctr compare {manifest} --model {model}" + (f" -o {_quoted(compared.folder)}" if compared else ""),
            "the campaign is of another model: see on some of its videos which one is better",
        )
    if compared.better == "A" and campaign.judged:
        return _outliers(campaign, "the model of before is better; it needs more labels")
    new = campaign.manifest.parent / f"iteration-{project.iteration}" / campaign.manifest.name
    if new.exists():
        return Next(
            f"dlcctr loop status {_quoted(project.folder)} --manifest {_quoted(new)}",
            "the campaign of the same videos with the new model is there",
        )
    return Next(
        f"dlcctr manifest --like {manifest} --model {model} -o {_quoted(new)}",
        "a campaign of the same videos with the new model; then give loop status that manifest",
    )


def _outliers(campaign: CampaignState, why: str = "") -> Next:
    manifest, place = _quoted(campaign.manifest), _quoted(campaign.place)
    return Next(
        f"dlcctr outliers {manifest} --frames 50 -o {place}",
        why or f"{campaign.flagged} of {plural(campaign.judged, 'judged video')} flagged: pick frames to label",
    )


def _choice(project: ProjectState) -> list[str]:
    """Options that choose the project's trained shuffle; one that is evaluated before others."""
    chosen = min(project.trained, key=lambda each: not each.evaluated)
    place = [f"--trainset-index {chosen.trainset_index}"] if chosen.trainset_index else []
    return [*_shuffle(chosen.shuffle), *place]


def _shuffle(number: int) -> list[str]:
    return [] if number == 1 else [f"--shuffle {number}"]


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))
