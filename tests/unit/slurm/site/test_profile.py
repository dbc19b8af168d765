from __future__ import annotations

import re
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcctr.errors import OutputError, UsageError
from dlcctr.slurm.site.files import find_site, list_sites, site_folder, site_text, slurm_files, write_site
from dlcctr.slurm.site.keys import KEYS, OWNED_OPTIONS
from dlcctr.slurm.site.profile import Site, override, read_site, shell_path, steps_site

DOCS = Path(__file__).parents[4] / "docs/sites.md"
PACKAGED = ("generic", "psc-bridges2", "university", "whole-node")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's own folder of profiles."""
    monkeypatch.setenv("DLCCTR_SITES", str(tmp_path / "sites"))
    (tmp_path / "sites").mkdir()
    return tmp_path / "sites"


def write(file: Path, text: str) -> Path:
    file.write_text(text, encoding="utf-8")
    return file


FULL = """
description = "everything"
[slurm]
partition = "gpu,gpu-long"
account = "lab"
qos = "normal"
constraint = "a100|h100"
gres = "gpu:a100:2,lscratch:100"
gpus_per_task = 2
whole_node = true
exclusive = true
cpus_per_task = 8
mem_gb = 32
requeue = false
signal_s = 300
mail = "a.b@uni.example"
extra = ["--clusters=gpu", "--reservation=dlc", "--contiguous"]
[container]
modules = ["--force purge", "use -a /opt/modulefiles", "load singularity/3.8"]
tool = "singularity"
nv = false
scratch = "/local/$USER/$SLURM_JOB_ID"
binds = ["/data/Müller Lab", "$HOME/x"]
[limits]
max_time_min = 60
max_array_size = 1001
max_submit_jobs = 500
max_parallel = 4
[accounting]
unit = "SU"
per_gpu_hour = 1
currency = "EUR"
money_per_gpu_hour = 1.5
co2_kg_per_gpu_hour = 0.2
[steps]
steps_partition = "cpu"
steps_cpus = 8
steps_mem_gb = 12
[notice]
command = "mail -s 'all done' you@uni.example"
webhook = "~/.config/dlcctr/webhook"
on_partition = "cpu"
"""


def test_every_key_is_read_and_becomes_an_option_of_sbatch(tmp_path: Path) -> None:
    site = read_site(write(tmp_path / "full.toml", FULL))
    assert all(getattr(site, key) != getattr(Site(), key) for key in KEYS if key not in ("gpus", "max_array_size"))
    assert site.name == "full"
    assert site.file == tmp_path / "full.toml"
    assert site.sbatch_options() == [
        "--partition=gpu,gpu-long", "--account=lab", "--qos=normal", "--constraint=a100|h100",
        "--gres=gpu:a100:2,lscratch:100", "--cpus-per-task=8", "--mem=32G", "--mail-user=a.b@uni.example",
        "--mail-type=END,FAIL", "--exclusive", "--no-requeue", "--clusters=gpu", "--reservation=dlc", "--contiguous",
    ]  # fmt: skip
    assert site.binds == ("/data/Müller Lab", "$HOME/x")
    assert (site.max_array_size, site.modules[2]) == (1001, "load singularity/3.8")


def test_an_empty_profile_asks_for_nothing(tmp_path: Path) -> None:
    site = read_site(write(tmp_path / "a.toml", ""))
    assert site.sbatch_options() == ["--requeue"]
    assert (site.gpu_option, site.gpus_per_task, site.max_time_min) == ("", 0, None)


def test_packaged_profiles_read_and_say_what_they_are_for() -> None:
    sites = {site.name: site for site in (read_site(file) for file in (slurm_files() / "sites").iterdir())}
    assert sorted(sites) == sorted(PACKAGED)
    for site in sites.values():
        assert site.description
        assert site.gpus_per_task >= 1
        assert site.gpu_option in site.sbatch_options()
    assert "--gpus=v100-32:1" in sites["psc-bridges2"].sbatch_options()
    assert sites["university"].modules == ("load apptainer",)
    assert sites["whole-node"].whole_node
    assert {"--exclusive", "--mem=0"} < set(sites["whole-node"].sbatch_options())


HOSTILE = [
    "a\nb",
    "a\n",
    "a b",
    "$(touch x)",
    "`id`",
    'a"b',
    "a'b",
    "a;b",
    "a\\b",
    "-rf",
    "--x",
    "a#b",
    "a\0",
    "${IFS}",
    "ü",
]
TEXTS = ["partition", "account", "qos", "constraint", "gres", "gpus", "mail", "tool"]


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize("key", TEXTS)
def test_hostile_words_are_refused_and_named(tmp_path: Path, key: str, value: str) -> None:
    with pytest.raises(UsageError) as caught:
        override(Site(), **{key: value})
    assert caught.value.message.startswith(f"--{key} is {value!r}")
    assert KEYS[key].kind.wants in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(
    "value",
    [
        *HOSTILE,
        "--wrap=id",
        "--array=0-9",
        "--arr=0-9",
        "--part=x",
        "--output",
        "--x=a\n#SBATCH -a",
        "-p",
        "--x=$(id)",
        "",
    ],
)
def test_hostile_extra_options_are_refused(value: str) -> None:
    with pytest.raises(UsageError):
        override(Site(), extra=[value])


@pytest.mark.parametrize("owned", OWNED_OPTIONS)
def test_extra_takes_no_option_that_is_set_elsewhere(owned: str) -> None:
    with pytest.raises(UsageError, match="no other key sets"):
        override(Site(), extra=[f"--{owned}=1"])


@pytest.mark.parametrize(
    "value", [*HOSTILE, "load a;id", "load a\nid", "load $(id)", "load  a", "avail", "load -x", "", "--force"]
)
def test_hostile_modules_are_refused(value: str) -> None:
    with pytest.raises(UsageError):
        override(Site(), modules=[value])


@pytest.mark.parametrize(
    "value",
    ["/a\nb", "$(id)", "/a/$(id)", "/a/`id`", '/a"b', "/a'b", "/a\\b", "/a/${X}", "/a/$1", "/a/$", "/a/$$", "relative",
     "-rf", "/a/../b", "/a:b", "/a,b", "~/a", "$TMPDIR;id"],
)  # fmt: skip
def test_hostile_paths_are_refused(value: str) -> None:
    for changes in ({"scratch": value}, {"binds": [value]}):
        with pytest.raises(UsageError):
            override(Site(), **changes)


@pytest.mark.parametrize(
    "line",
    ["gpus_per_task = true", "cpus_per_task = 0", "cpus_per_task = 1.5", 'mem_gb = "16"', "signal_s = 5", "nv = 1"],
)
def test_values_of_the_wrong_kind_name_file_key_and_remedy(tmp_path: Path, line: str) -> None:
    key = line.partition(" ")[0]
    section = KEYS[key].section
    file = write(tmp_path / "a.toml", f"[{section}]\n{line}\n")
    with pytest.raises(UsageError) as caught:
        read_site(file)
    assert caught.value.message.startswith(f"{file}: {section}.{key} is ")
    assert KEYS[key].kind.wants in caught.value.message
    assert caught.value.hint


def test_lists_are_lists_of_text(tmp_path: Path) -> None:
    for text in ('modules = "load apptainer"', "binds = [1]", "modules = [['load a']]"):
        with pytest.raises(UsageError, match="must be a list"):
            read_site(write(tmp_path / "a.toml", f"[container]\n{text}\n"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[slurm]\npartitoin = 'gpu'", "partition, account, qos"),
        ("[slrm]\npartition = 'gpu'", "[slurm], [container], [limits]"),
        ("partition = 'gpu'", "write it below [slurm]"),
        ("[limits]\nmem_gb = 3", "write it below [slurm]"),
        ("[slurm]\ndescription = 'x'", "write it at the top"),
        ("slurm = 3", "write [slurm] on its own line"),
    ],
)
def test_unknown_and_misplaced_keys_are_refused_with_the_list(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_site(write(tmp_path / "a.toml", text))
    assert str(tmp_path / "a.toml") in caught.value.message
    assert words in caught.value.hint


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('gres = "gpu:1"\ngpus = "1"', "both given"),
        ('gres = "gpu:1"\ngpus_per_task = 2', "--gres=gpu:1 asks for 1"),
        ("whole_node = true", "how many GPUs"),
    ],
)
def test_contradictions_are_refused(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_site(write(tmp_path / "a.toml", f"[slurm]\n{text}\n"))
    assert words in caught.value.message + caught.value.hint


def test_files_that_are_no_profile(tmp_path: Path) -> None:
    for name, content in (("a.toml", b"x = "), ("b.toml", b"\xff\xfe"), ("c.toml", b"x = " + b"[" * 5000)):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UsageError, match="not valid TOML"):
            read_site(tmp_path / name)
    with pytest.raises(UsageError, match="cannot be read"):
        read_site(tmp_path / "none.toml")
    with pytest.raises(UsageError, match="name"):
        read_site(write(tmp_path / "$(id).toml", ""))


@pytest.mark.parametrize(
    ("gres", "gpus", "count"),
    [("gpu:1", "", 1), ("gpu", "", 1), ("gpu:v100", "", 1), ("gpu:a100:4", "", 4), ("lscratch:100", "", 0),
     ("gpu:p100:2,lscratch:100", "", 2), ("", "3", 3), ("", "v100-32:8", 8), ("", "a:1,b:2", 3), ("", "", 0)],
)  # fmt: skip
def test_the_number_of_gpus_follows_from_the_request(gres: str, gpus: str, count: int) -> None:
    assert override(Site(), gres=gres, gpus=gpus).gpus_per_task == count


def test_options_of_the_command_line_override_the_profile() -> None:
    site = override(Site(name="x"), partition="gpu", gres="gpu:v100:1", mem_gb=8)
    assert override(site, partition=None, mem_gb=None) == site
    by_gpus = override(site, gpus="v100-32:2")
    assert (by_gpus.gres, by_gpus.gpu_option, by_gpus.gpus_per_task) == ("", "--gpus=v100-32:2", 2)
    assert override(by_gpus, gres="gpu:1").gpu_option == "--gres=gpu:1"
    assert override(site, gpus_per_task=4).gpu_option == "--gres=gpu:v100:4"
    assert override(by_gpus, gpus_per_task=1).gpu_option == "--gpus=v100-32:1"
    assert override(site, gres="").gpus_per_task == 0
    assert override(Site(), gpus_per_task=4, whole_node=True).gpu_option == ""
    assert override(override(Site(), gpus_per_task=4), mem_gb=8).gpus_per_task == 4
    with pytest.raises(UsageError, match=r"--gpus-per-task is 2, but --gres=gpu:v100 asks for 1"):
        override(Site(gres="gpu:v100", gpus_per_task=1), gpus_per_task=2)
    with pytest.raises(TypeError):
        override(site, file=Path("x"))


def test_profiles_are_found_by_path_name_and_default(folder: Path) -> None:
    assert find_site("").name == "generic"
    write(folder / "mine.toml", '[slurm]\npartition = "p"\n')
    assert find_site("").name == "mine"
    write(folder / "other.toml", "")
    assert find_site("").name == "generic"
    write(folder / "default.toml", '[slurm]\npartition = "d"\n')
    assert find_site("").partition == "d"
    assert find_site("mine").partition == find_site(str(folder / "mine.toml")).partition == "p"
    assert find_site("university").file == slurm_files() / "sites/university.toml"
    write(folder / "university.toml", '[slurm]\npartition = "ours"\n')
    assert find_site("university").partition == "ours"
    assert [site.name for site in list_sites()] == ["default", "mine", "other", "university", "generic", "psc-bridges2",
                                                    "whole-node"]  # fmt: skip


@pytest.mark.parametrize("name", ["nowhere", "a b", "$(id)", "-x", "../generic", "a\nb", "~nobody-here/x"])
def test_an_unknown_name_lists_those_that_there_are(folder: Path, name: str) -> None:
    with pytest.raises(UsageError) as caught:
        find_site(name)
    assert "/" in name or all(known in caught.value.hint for known in PACKAGED)


def test_the_users_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("DLCCTR_SITES", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", "")
    assert site_folder() == tmp_path / ".config/dlcctr/sites"
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "c"))
    assert site_folder() == tmp_path / "c/dlcctr/sites"
    monkeypatch.setenv("DLCCTR_SITES", str(tmp_path / "s"))
    assert site_folder() == tmp_path / "s"


def test_a_written_profile_reads_back(tmp_path: Path) -> None:
    site = read_site(write(tmp_path / "full.toml", FULL))
    text = site_text(site, ["made by a test", "a\nb = 1"], {"partition": "said\nby = 'x'"})
    assert read_site(write(tmp_path / "full.toml", text)) == site
    assert "# made by a test" in text
    for key in KEYS:
        assert re.search(rf"^(# )?{key} = ", text, re.MULTILINE)
    again = read_site(write(tmp_path / "x.toml", site_text(Site(), [], {})))
    assert again == Site(name="x", file=tmp_path / "x.toml")


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    write(tmp_path / "file", "")
    with pytest.raises(OutputError, match="cannot be written"):
        write_site(Site(), tmp_path / "file/x.toml", [], {})


@given(st.text(max_size=30))
def test_whatever_a_path_may_be_bash_expands_names_only(text: str) -> None:
    try:
        site = override(Site(), scratch="/" + text)
    except UsageError:
        return
    assert not re.search(r"[\"'`\\;&|<>(){}\x00-\x1f]", site.scratch)
    assert all(re.match(r"[A-Za-z_]", rest) for rest in site.scratch.split("$")[1:])


def test_bash_agrees(tmp_path: Path) -> None:
    site = override(Site(), scratch="/local dir/$NAME/@x+y")
    done = subprocess.run(
        ["bash", "-c", f"printf %s {shell_path(site.scratch)}"],
        capture_output=True, text=True, check=True, env={"NAME": "$(touch x) *"}, cwd=tmp_path, timeout=20,
    )  # fmt: skip
    assert done.stdout == "/local dir/$(touch x) */@x+y"
    assert not list(tmp_path.iterdir())


@given(st.sampled_from(sorted(KEYS)), st.one_of(st.text(max_size=20), st.lists(st.text(max_size=20), max_size=3)))
def test_no_value_adds_a_line_to_a_script(key: str, value: Any) -> None:
    try:
        options = override(Site(), **{key: value}).sbatch_options()
    except UsageError:
        return
    assert all(option.isprintable() and option.startswith("--") and " " not in option for option in options)


def test_the_documentation_names_every_key() -> None:
    text = DOCS.read_text(encoding="utf-8")
    assert not [key for key in KEYS if f"`{key}`" not in text]


def test_the_site_of_the_steps_asks_for_no_gpu(tmp_path: Path) -> None:
    site = replace(read_site(write(tmp_path / "full.toml", FULL)), extra=("--gpus-per-node=1", "--clusters=gpu"))
    found = steps_site(site, 3)
    assert (found.partition, found.cpus_per_task, found.mem_gb, found.nv) == ("cpu", 8, 12, False)
    assert (found.account, found.extra) == (site.account, ("--clusters=gpu",))
    assert not [word for word in found.sbatch_options() if word.startswith(("--gres", "--gpu", "--qos", "--constr"))]
    usual = steps_site(Site(steps_partition="cpu", gpus="1", gpus_per_task=1), 3)
    assert (usual.cpus_per_task, usual.mem_gb, usual.gpu_option) == (4, 3, "")
    assert steps_site(found, 3) == found
