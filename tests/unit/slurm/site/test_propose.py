from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dlcctr.cli import catch, make_app
from dlcctr.contract import ExitCode
from dlcctr.errors import CommandFailedError, TryAgainError, UsageError
from dlcctr.slurm.site import ask
from dlcctr.slurm.site.cluster import (
    Association,
    Cluster,
    Nodes,
    Partition,
    Qos,
    add_partition_settings,
    minutes,
    parse_associations,
    parse_config,
    parse_gres,
    parse_qos,
    parse_sinfo,
)
from dlcctr.slurm.site.files import find_site
from dlcctr.slurm.site.profile import read_site
from dlcctr.slurm.site.propose import gpu_partitions, propose

SINFO = """\
cpu*|up|7-00:00:00|40|64|256000|(null)|intel,avx512
gpu|up|2-00:00:00|4|32|192000|gpu:v100:4(S:0-1)|v100
gpu|up|2-00:00:00|2|64+|512000+|gpu:a100:8(S:0-3),nvme:1|a100
long|up|infinite|4|32|192000|gpu:v100:4(S:0-1)|v100
debug|up|30:00|6|32|192000|gpu:v100:4|v100
dgx|up|2-00:00:00|16|128|1031000|gpu:8|
old|down|infinite|9|32|64000|gpu:k80:4|
secret|up|infinite|99|32|64000|gpu:h100:8|
"""
PARTITIONS = """\
PartitionName=cpu AllowGroups=ALL AllowAccounts=ALL AllowQos=ALL Default=YES QoS=N/A MaxTime=7-00:00:00 OverSubscribe=NO State=UP
PartitionName=gpu AllowGroups=ALL AllowAccounts=lab,other AllowQos=ALL Default=NO QoS=gpuq MaxTime=2-00:00:00 OverSubscribe=NO State=UP TRES=cpu=256,mem=1792000M,node=6,gres/gpu=32
PartitionName=dgx AllowGroups=ALL AllowAccounts=ALL Default=NO QoS=N/A MaxTime=2-00:00:00 OverSubscribe=EXCLUSIVE State=UP
PartitionName=long AllowGroups=ALL AllowAccounts=ALL DenyAccounts=guests QoS=N/A MaxTime=UNLIMITED OverSubscribe=NO State=UP PreemptMode=OFF
PartitionName=secret AllowGroups=root,staff AllowAccounts=ALL QoS=N/A MaxTime=UNLIMITED OverSubscribe=NO State=UP
"""  # noqa: E501 - as scontrol prints it
CONFIG = """\
Configuration data as of 2026-01-02T03:04:05
AccountingStorageHost   = db
ClusterName             = owl
MaxArraySize            = 1001
SLURM_VERSION           = 23.02.7

Slurmctld(primary) at ctl is UP
"""
ASSOCIATIONS = "lab|||200|\nlab|long|3||\nother|||50|\n"
QOS = "normal|1-00:00:00||\ngpuq||8|100\n"


def cluster(**changes: Any) -> Cluster:
    facts: dict[str, Any] = {
        "partitions": add_partition_settings(parse_sinfo(SINFO), PARTITIONS),
        "name": "owl",
        "max_array_size": 1001,
        "account": "lab",
        "associations": parse_associations(ASSOCIATIONS),
        "qos": parse_qos(QOS),
        "groups": ("students",),
        "tool": "apptainer",
    }
    return Cluster(**{**facts, **changes})


def by_name(name: str) -> Partition:
    return next(each for each in cluster().partitions if each.name == name)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("30:00", 30), ("1:00:00", 60), ("1-00:00:00", 1440), ("2-12", 3600), ("1-02:30", 1590), ("90", 90), ("0:30", 0),
     ("infinite", None), ("UNLIMITED", None), ("n/a", None), ("", None), ("Partition_Limit", None), ("x", None)],
)  # fmt: skip
def test_times_of_slurm(text: str, expected: int | None) -> None:
    assert minutes(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("(null)", (0, ())), ("gpu:2", (2, ())), ("gpu:a100:4(S:0,1)", (4, ("a100",))), ("gpu", (1, ())),
     ("gpu:v100:2(IDX:0-1),gpu:k80:1,nvme:4", (3, ("v100", "k80"))), ("gpu:1g.5gb:7", (7, ("1g.5gb",))),
     ("shard:16,mps:400", (0, ())), ("gpu:tesla", (1, ("tesla",)))],
)  # fmt: skip
def test_gres(text: str, expected: tuple[int, tuple[str, ...]]) -> None:
    assert parse_gres(text) == expected


def test_what_sinfo_and_scontrol_say_of_partitions() -> None:
    gpu = by_name("gpu")
    assert gpu.nodes == (Nodes(4, 32, 192000, 4, ("v100",)), Nodes(2, 64, 512000, 8, ("a100",)))
    assert (gpu.gpus, gpu.gpu_types, gpu.max_time_min, gpu.qos) == (32, ("v100", "a100"), 2880, "gpuq")
    assert gpu.accounts == ("lab", "other")
    assert by_name("cpu").default
    assert not by_name("cpu").gpus
    assert by_name("dgx").whole_nodes
    assert not gpu.whole_nodes
    assert all(each.whole_nodes for each in add_partition_settings((gpu,), PARTITIONS, select="select/linear"))
    assert by_name("dgx").gpu_types == ()
    assert by_name("long").max_time_min is None
    assert by_name("long").denied_accounts == ("guests",)
    assert not by_name("old").up
    assert by_name("secret").groups == ("root", "staff")
    assert parse_config(CONFIG)["MaxArraySize"] == "1001"
    assert parse_associations(ASSOCIATIONS)[0] == Association("lab", "", None, 200)
    assert parse_qos(QOS) == {"normal": Qos(1440), "gpuq": Qos(None, 8, 100)}
    assert parse_sinfo("\nnonsense\n") == ()


def test_partitions_are_ranked_by_what_they_are_good_for() -> None:
    assert [each.name for each in gpu_partitions(cluster())] == ["gpu", "long", "debug", "dgx"]
    assert "secret" in [each.name for each in gpu_partitions(cluster(groups=("staff",)))]
    only_guest = cluster(account="guests", associations=(Association("guests"),))
    assert [each.name for each in gpu_partitions(only_guest)] == ["debug", "dgx"]


def test_the_best_partition_becomes_a_site() -> None:
    proposal = propose(cluster(), "owl")
    site = proposal.site
    assert site.sbatch_options() == [
        "--partition=gpu", "--account=lab", "--gres=gpu:1", "--cpus-per-task=8", "--mem=32G", "--requeue",
    ]  # fmt: skip
    assert (site.max_time_min, site.max_array_size, site.max_submit_jobs, site.max_parallel) == (1440, 1001, 100, 8)
    assert "partition gpu: the best of those with GPUs" in proposal.reasons[0]
    assert proposal.notes["gres"].endswith("gpu:v100:1 or gpu:a100:1")


def test_steps_go_to_a_partition_without_gpus() -> None:
    proposal = propose(cluster(), "owl")
    assert proposal.site.steps_partition == "cpu"
    assert "steps after the analyses go to partition cpu, which has no GPUs" in proposal.reasons
    assert propose(cluster(), "x", "cpu").site.steps_partition == ""


@pytest.mark.parametrize(
    "unfit",
    [{"up": False}, {"max_time_min": 1439}, {"whole_nodes": True}, {"preemptible": True}, {"accounts": ("other",)},
     {"denied_accounts": ("lab",)}, {"groups": ("staff",)}, {"denied_qos": ("normal",)}],
    ids=str,
)  # fmt: skip
def test_steps_stay_with_the_analyses_where_no_other_partition_is_fit(unfit: dict[str, Any]) -> None:
    changed = replace(by_name("cpu"), **unfit)
    others = tuple(changed if each.name == "cpu" else each for each in cluster().partitions)
    assert propose(cluster(partitions=others), "x").site.steps_partition == ""
    beside = replace(by_name("cpu"), name="batch", default=False)
    assert propose(cluster(partitions=(*others, beside)), "x").site.steps_partition == "batch"


def test_a_partition_of_ones_own_choice() -> None:
    site = propose(cluster(), "x", "long").site
    assert (site.gres, site.cpus_per_task, site.mem_gb, site.max_parallel) == ("gpu:v100:1", 8, 32, 3)
    assert site.max_time_min == 1440  # the QoS of the account allows less than the partition
    whole = propose(cluster(), "x", "dgx").site
    assert (whole.gres, whole.gpus_per_task, whole.whole_node, whole.mem_gb) == ("gpu:8", 8, True, 0)
    with pytest.raises(UsageError) as caught:
        propose(cluster(), "x", "$(id)")
    assert "there are: cpu, gpu" in caught.value.hint


def test_small_and_strange_nodes() -> None:
    odd = Partition("odd", nodes=(Nodes(1, 2, 1, 4), Nodes(1, 64, 0)))
    site = propose(Cluster((odd,)), "x").site
    assert (site.cpus_per_task, site.mem_gb, site.max_parallel, site.account) == (1, None, 4, "")
    with pytest.raises(UsageError, match="--partition is"):
        propose(Cluster((Partition("a b;$(id)", nodes=(Nodes(1, 8, 64000, 1),)),)), "x")


def test_a_cluster_without_gpus_gets_a_cpu_profile_and_a_warning() -> None:
    cpu = cluster(partitions=tuple(each for each in cluster().partitions if not each.gpus), tool="")
    proposal = propose(cpu, "x")
    assert (proposal.site.gpu_option, proposal.site.nv, proposal.site.partition) == ("", False, "cpu")
    words = " ".join(proposal.reasons)
    assert "no GPUs" in words
    assert "`modules`" in words
    with pytest.raises(UsageError, match="names no partition"):
        propose(Cluster(()), "x")


def test_another_account_where_the_partition_refuses_the_default_one() -> None:
    mine = (Association("poor"), Association("lab"))
    assert propose(cluster(account="poor", associations=mine), "x", "gpu").site.account == "lab"
    assert propose(cluster(account="poor", associations=mine), "x", "long").site.account == "poor"


def with_qos(**changes: Any) -> Cluster:
    """A cluster whose best partition takes two QoS alone, and whose second refuses one."""
    text = PARTITIONS.replace("AllowAccounts=lab,other AllowQos=ALL", "AllowAccounts=lab,other AllowQos=gpu-a,gpu-b")
    text = text.replace("DenyAccounts=guests", "DenyAccounts=guests DenyQos=normal")
    facts: dict[str, Any] = {
        "partitions": add_partition_settings(parse_sinfo(SINFO), text),
        "qos": parse_qos(QOS + "gpu-a|1-12:00:00|4|60\ngpu-b|7-00:00:00|1|5\nfree|||\n"),
        "associations": (Association("lab", qos="normal", all_qos=("normal", "gpu-b", "gpu-a", "free")),),
    }
    return cluster(**{**facts, **changes})


def test_a_qos_that_the_partition_takes_is_proposed_with_its_limits() -> None:
    proposal = propose(with_qos(), "x", "gpu")
    site = proposal.site
    assert "--qos=gpu-a" in site.sbatch_options()
    assert (site.max_time_min, site.max_submit_jobs, site.max_parallel) == (36 * 60, 60, 4)
    assert "gpu does not take the QoS normal: gpu-a is asked for" in proposal.reasons
    assert proposal.notes["qos"] == "this partition takes: gpu-a, gpu-b"
    assert propose(with_qos(), "x", "long").site.qos == "gpu-b", "the first of the user's own"
    assert propose(with_qos(), "x", "dgx").site.qos == "", "the default one will do"


def test_a_qos_of_the_partitions_that_is_not_known_to_be_ones_own() -> None:
    silent = with_qos(associations=(Association("lab"),))
    assert propose(silent, "x", "gpu").site.qos == "gpu-a", "accounting does not say which are the user's"
    others = with_qos(associations=(Association("lab", all_qos=("normal",)),))
    assert "gpu" not in [each.name for each in gpu_partitions(others)]
    proposal = propose(others, "x", "gpu")
    assert proposal.site.qos == ""
    assert any("none of yours that it takes is known" in reason for reason in proposal.reasons)
    assert propose(with_qos(account="", associations=()), "x", "gpu").site.qos == ""


def test_the_default_account_may_be_another_clusters() -> None:
    mine = (Association("here"), Association("there"))
    assert propose(cluster(account="elsewhere", associations=mine), "x", "dgx").site.account == "here"


def test_older_columns_are_enough() -> None:
    assert parse_associations("lab||||normal\n") == (Association("lab", qos="normal"),)
    assert parse_associations("lab|gpu|1|2|normal|normal,gpu-a\n") == (
        Association("lab", "gpu", 1, 2, "normal", ("normal", "gpu-a")),
    )
    assert parse_associations("sacctmgr: error: Problem talking to the database\n") == ()


class FakeSlurm:
    """Stands in for `run`: answers by the command's first words."""

    def __init__(self, **failing: Exception) -> None:
        self.failing = failing
        self.environments: list[Mapping[str, str | None] | None] = []
        self.asked: list[Sequence[str]] = []

    def __call__(
        self, argv: Sequence[str], *, env: Mapping[str, str | None] | None = None, **_: Any
    ) -> subprocess.CompletedProcess[str]:
        self.environments.append(env)
        self.asked.append(argv)
        if argv[0] in self.failing:
            raise self.failing[argv[0]]
        line = " ".join(argv)
        answers = {
            "sinfo --noheader --format=%P|%a|%l|%D|%c|%m|%G|%f": SINFO,
            "scontrol show config": CONFIG,
            "scontrol show partition --oneliner": PARTITIONS,
            "sacctmgr --noheader --parsable2 show user": "lab\n",
            "sacctmgr --noheader --parsable2 show associations": ASSOCIATIONS,
            "sacctmgr --noheader --parsable2 show qos": QOS,
        }
        (answer,) = [text for start, text in answers.items() if line.startswith(start)]
        return subprocess.CompletedProcess(list(argv), 0, answer, "")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DLCCTR_SITES", str(tmp_path / "sites"))
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(ask, "_groups", lambda: ("students",))
    monkeypatch.setattr(ask, "run", FakeSlurm())
    return tmp_path / "sites"


def call(monkeypatch: pytest.MonkeyPatch, *argv: str | Path) -> int:
    monkeypatch.setattr(sys, "argv", ["dlcctr", "site", *map(str, argv)])
    return catch(lambda: make_app()(prog_name="dlcctr"))


def test_init_writes_a_profile_that_every_command_takes(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, "init") == 0
    out = capsys.readouterr().out
    assert "partition gpu: the best of those with GPUs" in out
    assert f"wrote {folder / 'default.toml'}" in out
    assert find_site("").partition == "gpu"
    text = (folder / "default.toml").read_text()
    assert "# partition gpu: the best" in text
    assert 'partition = "gpu"  # 32 GPUs (v100, a100), 6 nodes, at most 48 h' in text
    assert call(monkeypatch, "init") == ExitCode.USAGE
    assert "--overwrite" in capsys.readouterr().err
    assert call(monkeypatch, "init", "--partition", "long", "--overwrite") == 0
    assert find_site("").partition == "long"


@pytest.mark.parametrize("name", ["../x", "a b", "a\nb", "$(id)", "/etc/x"])
def test_init_refuses_names_that_are_none(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    assert call(monkeypatch, "init", "--", name) == ExitCode.USAGE
    assert not folder.exists()


def test_init_asks_on_a_terminal(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    screen = Terminal()
    monkeypatch.setattr(sys, "stdin", Terminal("dgx\n"))
    monkeypatch.setattr(sys, "stdout", screen)
    assert call(monkeypatch, "init", "mine") == 0
    assert "Which partition? (gpu, long, debug, dgx)" in screen.getvalue()
    assert read_site(folder / "mine.toml").whole_node


def test_sites_without_accounting_or_with_a_sick_controller(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sick = FakeSlurm(sacctmgr=CommandFailedError("disabled"), scontrol=TryAgainError("no answer"))
    monkeypatch.setattr(ask, "run", sick)
    assert call(monkeypatch, "init", "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert document["kind"] == "site init"
    assert (document["site"]["account"], document["site"]["max_array_size"]) == ("", None)
    assert [reason for reason in document["reasons"] if "did not answer" in reason][1].startswith("sacctmgr")
    assert read_site(folder / "default.toml").partition == document["site"]["partition"] == "secret"


def test_only_this_clusters_associations_are_asked_for(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slurm = FakeSlurm()
    monkeypatch.setattr(ask, "run", slurm)
    ask.ask_cluster()
    (words,) = [words for words in slurm.asked if "associations" in words]
    assert "cluster=owl" in words


def test_the_users_own_settings_change_no_answer(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SINFO_FORMAT", "%n")
    monkeypatch.setenv("SINFO_PARTITION", "cpu")
    slurm = FakeSlurm()
    monkeypatch.setattr(ask, "run", slurm)
    ask.ask_cluster()
    assert all(env and {env["SINFO_FORMAT"], env["SINFO_PARTITION"]} == {None} for env in slurm.environments)


def test_without_slurm_it_says_what_to_do(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert call(monkeypatch, "init") == ExitCode.TOOL_MISSING
    text = capsys.readouterr().err
    assert "sinfo was not found" in text
    assert "login node" in text
    assert not folder.exists()


def test_list_and_show(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    folder.mkdir()
    (folder / "broken.toml").write_text("[slurm]\nx = 1\n")
    (folder / "mine.toml").write_text('[slurm]\ngres = "gpu:1"\n')
    assert call(monkeypatch, "list") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:4]] == ["broken", "mine", "generic"]
    assert "not known" in lines[1]
    assert call(monkeypatch, "list", "--json") == 0
    sites = json.loads(capsys.readouterr().out)["sites"]
    assert [bool(each["error"]) for each in sites[:3]] == [True, False, False]
    assert call(monkeypatch, "show", "mine") == 0
    shown = capsys.readouterr().out
    assert "# sbatch is given: --gres=gpu:1 --requeue" in shown
    (folder / "again.toml").write_text(shown)
    assert read_site(folder / "again.toml").sbatch_options() == ["--gres=gpu:1", "--requeue"]
    assert call(monkeypatch, "show", "mine", "--json") == 0
    assert json.loads(capsys.readouterr().out)["sbatch_options"] == ["--gres=gpu:1", "--requeue"]
    assert call(monkeypatch, "show", "nowhere") == ExitCode.USAGE


def recorded(name: str) -> str:
    return (Path(__file__).parents[2] / "recorded/slurm-26.05" / f"{name}.out").read_text(encoding="utf-8")


def test_what_a_real_cluster_said_becomes_a_site() -> None:
    assoc = "Account,User,Partition,MaxJobs,MaxSubmit,GrpTRES,QOS"
    bench = Cluster(
        partitions=add_partition_settings(parse_sinfo(recorded("sinfo")), recorded("scontrol-show-partition")),
        name=parse_config(recorded("scontrol-show-config"))["ClusterName"],
        max_array_size=int(parse_config(recorded("scontrol-show-config"))["MaxArraySize"]),
        account="lab",
        associations=parse_associations(recorded("sacctmgr-assoc-limits-set"), assoc),
        qos=parse_qos(recorded("sacctmgr-qos"), "Name,MaxSubmitPU,MaxJobsPU,MaxWall,MaxTRESPU"),
    )
    assert bench.qos == {"normal": Qos()}
    assert bench.associations == (Association("lab", "", 1, 3, all_qos=("normal",)),)
    assert parse_associations(recorded("sacctmgr-assoc-limits"), assoc) == (Association("lab", all_qos=("normal",)),)
    gpu, short = bench.partitions
    assert gpu == Partition("gpu", (Nodes(1, 4, 8000, 2), Nodes(1, 4, 8000, 1)), default=True, max_time_min=120)
    assert (short.name, short.max_time_min, short.default) == ("short", 10, False)
    assert not gpu.whole_nodes
    whole = recorded("scontrol-show-partition").replace("Exclusive=NO", "Exclusive=NODE")
    assert all(each.whole_nodes for each in add_partition_settings(bench.partitions, whole))
    proposal = propose(bench, "bench")
    assert proposal.site.sbatch_options() == [
        "--partition=gpu", "--account=lab", "--gres=gpu:1", "--cpus-per-task=2", "--mem=3G", "--requeue",
    ]  # fmt: skip
    site = proposal.site
    assert (site.max_time_min, site.max_array_size, site.max_submit_jobs, site.max_parallel) == (120, 1001, 3, 1)
