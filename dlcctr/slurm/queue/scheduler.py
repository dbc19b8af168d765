"""What squeue and sacct report about a campaign's jobs, asked on each job's cluster. No answer never means "gone"."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from dlcctr.slurm.jobs.submissions import Array, Submission
from dlcctr.slurm.queue import client
from dlcctr.slurm.queue.client import Place
from dlcctr.slurm.queue.output import CLUSTER_LINE, Key, TaskState, job_key, parse_sacct, parse_squeue
from dlcctr.slurm.queue.own_jobs import is_by, may_be_called, without_strangers

CLOCKS_APART_S = 24 * 3600.0
"""Accounting is asked for jobs since a while before the submission: the clocks of two machines may differ."""


@dataclass(frozen=True)
class Answer:
    """Output of one command.

    Parameters
    ----------
    states : mapping
        Tasks by their keys.
    clusters : frozenset of str
        Clusters that it covers: a job absent there is unknown to Slurm; nothing is known about other clusters.
    """

    states: Mapping[Key, TaskState] = field(default_factory=dict)
    clusters: frozenset[str] = frozenset()

    @classmethod
    def of(cls, states: Iterable[TaskState], clusters: Iterable[str]) -> Answer:
        """Take parsed text."""
        return cls({state.key: state for state in states}, frozenset(clusters))

    def state(self, job_id: str, task: int, clusters: Iterable[str]) -> TaskState | None:
        """State of a task on one of these clusters; a live one before one that has ended."""
        found = []
        for cluster in clusters:
            state = self.states.get(job_key(job_id, task, cluster)) or self.states.get(job_key(job_id, None, cluster))
            found += [state] if state else []
        return next((state for state in found if state.is_live), found[0] if found else None)


@dataclass(frozen=True)
class Scheduler:
    """Answers of both commands; empty if they were not asked or did not answer.

    Parameters
    ----------
    asked : frozenset of str
        Clusters that the campaign's jobs are on.
    names_home : bool
        Jobs whose cluster was never named are looked for under the name of the cluster that they were submitted on: it
        may be another than this machine's.
    own : str
        This machine's cluster; empty if not known.
    only_of : str
        The one user whose jobs squeue shows; empty where it shows everybody's.
    """

    squeue: Answer = field(default_factory=Answer)
    sacct: Answer = field(default_factory=Answer)
    asked: frozenset[str] = frozenset()
    names_home: bool = False
    own: str = ""
    only_of: str = ""

    def place(self, cluster: str) -> Place:
        """How Slurm's commands are pointed to a cluster."""
        return Place(cluster, bool(cluster) and cluster == self.own)

    def arrays(self, submissions: Iterable[Submission]) -> list[tuple[Array, str]]:
        """Arrays, each with every cluster that may have its job."""
        return [(array, cluster) for each in submissions for array in each.arrays
                for cluster in each.clusters(array, name_home=self.names_home)]  # fmt: skip

    @property
    def silent(self) -> frozenset[str]:
        """Clusters whose squeue did not answer."""
        return self.asked - self.squeue.clusters

    def knows(self, clusters: Collection[str], user: str = "") -> bool:
        """Whether squeue answered for all of these clusters, and shows this user's jobs."""
        return self.squeue.clusters.issuperset(clusters) and not self.hides_jobs_of(user)

    def hides_jobs_of(self, user: str) -> bool:
        """Whether squeue does not show what this user submitted; an empty name is taken for one whose jobs it shows."""
        return bool(self.only_of and user) and user != self.only_of

    def state(self, job_id: str, task: int, clusters: Collection[str], user: str = "") -> TaskState | None:
        """Newest state of a task that a user submitted; None where neither knows it.

        squeue decides what waits or runs: accounting reports a task as running for ever if it missed its end.
        """
        now, past = self.squeue.state(job_id, task, clusters), self.sacct.state(job_id, task, clusters)
        if now and now.is_live:
            return replace(now, restarts=past.restarts, gpu_s=past.gpu_s) if past else now
        if past and past.is_live and self.knows(clusters, user):
            past = None
        return past or now

    def joined(self, other: Scheduler, *, quietly: bool = False) -> Scheduler:
        """Both answers as one. A cluster answered if it did each time that it was asked.

        Parameters
        ----------
        quietly : bool
            Take only the jobs; what the other was asked and did not answer or know is ignored.
        """
        states = {**self.squeue.states, **other.squeue.states}
        past = {**self.sacct.states, **other.sacct.states}
        if quietly:
            return replace(self, squeue=replace(self.squeue, states=states), sacct=replace(self.sacct, states=past))
        answered = (self.squeue.clusters | other.squeue.clusters) - self.silent - other.silent
        unaccounted = (self.asked - self.sacct.clusters) | (other.asked - other.sacct.clusters)
        accounted = (self.sacct.clusters | other.sacct.clusters) - unaccounted
        return Scheduler(
            Answer(states, answered),
            Answer(past, accounted),
            self.asked | other.asked,
            names_home=self.names_home or other.names_home,
            own=self.own or other.own,
            only_of=self.only_of or other.only_of,
        )

    def of_own(
        self,
        submissions: Sequence[Submission],
        live: Mapping[str, Sequence[TaskState]],
        ended: Mapping[str, Sequence[TaskState]],
        asked: Iterable[str],
    ) -> Scheduler:
        """Copy with these answers, by clusters, without jobs that only share a number with one of the submissions."""
        answers = []
        for answer in (live, ended):
            kept = []
            for cluster, states in answer.items():
                members = [(each, array) for each in submissions for array in each.arrays
                           if array.job_id and cluster in each.clusters(array, name_home=self.names_home)]  # fmt: skip
                kept += without_strangers(states, members, [*live.get(cluster, ()), *ended.get(cluster, ())])
            answers.append(Answer.of(kept, answer))
        return replace(self, squeue=answers[0], sacct=answers[1], asked=frozenset(asked))

    def hides(self, name: str) -> bool:
        """Whether squeue's output has a job that may have this name, cut off."""
        return any(state.name_is_cut and may_be_called(state, name) for state in self.squeue.states.values())

    def job_of(self, name: str) -> TaskState | None:
        """Some task of the job of a name: of several one that runs, else one that waits, else the newest; or None."""
        found = [
            state for answer in (self.squeue, self.sacct) for state in answer.states.values() if state.name == name
        ]
        return max(found, key=lambda state: (state.is_running, state.is_live, int(state.job_id)), default=None)


def shown_cluster(cluster: str) -> str:
    """`` on cluster gpu``; nothing for a cluster without a name."""
    return f" on cluster {cluster}" if cluster else ""


def ask_scheduler(submissions: Sequence[Submission], *, past: bool = True) -> Scheduler:
    """Ask for all jobs of these submissions, one call of each command for each cluster.

    Parameters
    ----------
    past : bool
        Ask sacct, too.
    """
    me = client.own_user()
    others = any(each.options.user not in ("", me) for each in submissions)
    around = client.look_around() if others or any(each.home for each in submissions) else client.Surroundings()
    own = around.cluster if any(each.home for each in submissions) else ""
    scheduler = Scheduler(names_home=bool(own), own=own, only_of=me if around.only_own_jobs else "")
    arrays = scheduler.arrays(submissions)
    asked = list(dict.fromkeys(cluster for _, cluster in arrays))
    since = min((each.created_s for each in submissions), default=0.0) - CLOCKS_APART_S
    live, ended = dict[str, list[TaskState]](), dict[str, list[TaskState]]()
    for cluster in asked:
        members = [array for array, place in arrays if place == cluster]
        place, ids, names = scheduler.place(cluster), _ids(members), _names(members)
        if (answer := client.query_squeue(ids, names, place)) is not None:
            live[cluster] = answer
        if past and (answer := client.query_sacct(ids, since, names, place)) is not None:
            ended[cluster] = answer
    return scheduler.of_own(submissions, live, ended, asked)


def read_scheduler(submissions: Sequence[Submission], squeue_text: str | None, sacct_text: str | None) -> Scheduler:
    """Take output of the commands from elsewhere; no other cluster is asked, since the given texts belong together.

    Raises
    ------
    UsageError
        A text is not the command's output.
    """
    live = parse_squeue(squeue_text) if squeue_text is not None else None
    ended = parse_sacct(sacct_text) if sacct_text is not None else None
    named = _named_clusters(squeue_text or "")
    me = client.own_user()
    shows_all = live is None or any(not is_by(each, me) for each in live)  # else it may be of `squeue --me`
    scheduler = Scheduler(names_home="" not in named, only_of="" if shows_all else me)
    asked = [cluster for _, cluster in scheduler.arrays(submissions)]
    accounted = {each.cluster for each in ended or ()} or named
    return scheduler.of_own(
        submissions,
        {} if live is None else {place: [each for each in live if each.cluster == place] for place in named},
        {} if ended is None else {place: [each for each in ended if each.cluster == place] for place in accounted},
        asked,
    )


def _named_clusters(text: str) -> frozenset[str]:
    """Clusters that squeue's output names, including those without jobs; an empty name if it names none."""
    return frozenset(CLUSTER_LINE.findall(text)) or frozenset([""])


def _ids(arrays: Iterable[Array]) -> list[str]:
    return [array.job_id for array in arrays if array.job_id]


def _names(arrays: Sequence[Array]) -> list[str]:
    """All names if an id is missing; otherwise none."""
    return [array.name for array in arrays] if any(not array.job_id for array in arrays) else []
