"""`image pull` with stand-ins for docker and apptainer: which name is pulled, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from dlcctr.campaign.config import Campaign
from dlcctr.campaign.paths import find_sif
from dlcctr.cli import catch, make_app
from dlcctr.contract import ExitCode
from dlcctr.errors import CommandFailedError, ContractError, UsageError
from dlcctr.image import pull
from dlcctr.image.flavours import Flavour, find_sifs, list_flavours, read_pins
from tests.unit.image.test_sif import Tool

FLAVOUR = Flavour("pytorch", "2.13.0", "cpu")
TAG = "dlcctr:0.1.0-pytorch2.13.0-cpu"
SOURCE = "registry:5000/lab/dlc:0.1.0-pytorch2.13.0-cpu"
DIGEST = f"sha256:{'d' * 64}"

DOCKER = """\
#!/bin/sh
echo "$@" >>"$LOG"
for last; do :; done
case "$*" in
"pull "*) exit "${PULLS-0}" ;;
"version "*) echo 24.0 ;;
*RepoDigests*) echo "registry:5000/lab/dlc@${DIGEST}" ;;
*Labels*) printf '{"org.dlcctr.contract":"%s","org.dlcctr.flavour":"%s"}' "${CONTRACT-2}" "${FLAVOUR-pytorch-cpu}" ;;
*"{{len .RepoTags}}"*) echo "${NAMES-0}" ;;
*"{{.Id}} dlcctr:"*) [ -n "$OLD" ] && echo "$OLD" || exit 1 ;;
*"{{.Id}} "*) echo sha256:new ;;
esac
"""


class Docker:
    """The stand-in's log."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.log = folder / "docker.log"
        program = folder / "docker"
        program.write_text(DOCKER)
        program.chmod(0o755)
        for name, value in {"PATH": f"{folder}:/usr/bin:/bin", "LOG": self.log, "DIGEST": DIGEST, "OLD": ""}.items():
            monkeypatch.setenv(name, str(value))

    def commands(self, first: str) -> list[str]:
        return [line for line in self.log.read_text().splitlines() if line.startswith(f"{first} ")]


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Docker:
    return Docker(tmp_path, monkeypatch)


def test_an_image_gets_the_name_that_a_build_gives_it(docker: Docker) -> None:
    done = pull.pull_image(FLAVOUR, "registry:5000/lab/dlc")
    assert done == pull.Pulled(SOURCE, f"registry:5000/lab/dlc@{DIGEST}")
    assert docker.commands("pull") == [f"pull {SOURCE}"]
    assert docker.commands("tag") == [f"tag {SOURCE} {TAG}"]


@pytest.mark.parametrize(("old", "replaced"), [("sha256:old", "sha256:old"), ("sha256:new", "")])
def test_an_image_that_loses_its_name_is_told(
    old: str, replaced: str, docker: Docker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLD", old)
    assert pull.pull_image(FLAVOUR, "registry:5000/lab/dlc").replaced == replaced
    assert ("image rm sha256:old" in docker.commands("image")) is (old == "sha256:old")


def test_an_image_that_has_another_name_stays(docker: Docker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLD", "sha256:old")
    monkeypatch.setenv("NAMES", "1")
    assert pull.pull_image(FLAVOUR, "registry:5000/lab/dlc").replaced == "sha256:old"
    assert not [line for line in docker.commands("image") if line.startswith("image rm")]


@pytest.mark.parametrize(
    ("variable", "value", "kind", "words"),
    [
        ("PULLS", "1", CommandFailedError, "could not be pulled"),
        ("CONTRACT", "99", ContractError, "contract version 99"),
        ("FLAVOUR", "tensorflow-cpu", CommandFailedError, "flavour tensorflow-cpu, not pytorch-cpu"),
        ("FLAVOUR", "", CommandFailedError, "of no flavour, not pytorch-cpu"),
    ],
)
def test_what_is_not_the_flavour_never_gets_its_name(
    variable: str, value: str, kind: type[Exception], words: str, docker: Docker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(kind, match=words) as caught:
        pull.pull_image(FLAVOUR, "registry:5000/lab/dlc")
    assert not docker.commands("tag")
    if variable == "PULLS":
        assert "dlcctr image build --engine pytorch --device cpu" in caught.value.hint  # type: ignore[attr-defined]


def test_a_sif_is_made_without_docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = Tool(tmp_path, monkeypatch)
    with pytest.raises(CommandFailedError, match="of no flavour"):  # the stand-in's labels name none
        pull.pull_sif(FLAVOUR, "registry:5000/lab/dlc", tmp_path / FLAVOUR.sif, http=True)
    assert tool.build == f"build --no-https made.sif docker://{SOURCE}"


# --- the repository ------------------------------------------------------------------------------------------------


def test_option_beats_variable_beats_pin(monkeypatch: pytest.MonkeyPatch) -> None:
    pins = {"IMAGE_REPOSITORY": "pinned.org/dlc"}
    assert pull.find_repository("", pins) == "pinned.org/dlc"
    monkeypatch.setenv("DLCCTR_IMAGE_REPOSITORY", "lab/variable")
    assert pull.find_repository("", pins) == "lab/variable"
    assert pull.find_repository("docker://127.0.0.1:5000/lab/dlc", pins) == "127.0.0.1:5000/lab/dlc"


def test_without_a_repository_the_message_says_how_to_name_one() -> None:
    with pytest.raises(UsageError, match="no repository to pull images from") as caught:
        pull.find_repository("", read_pins())
    assert "--from" in caught.value.hint and "dlcctr image build" in caught.value.hint


@pytest.mark.parametrize("name", ["dlc", "lab/dlc:1", "lab/dlc@sha256:1", "-x/dlc", "lab/", "https://lab/dlc", "a b/c"])
def test_what_is_not_a_repository_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="not the name of a repository"):
        pull.find_repository(name, {})


# --- the names of SIFs ---------------------------------------------------------------------------------------------


def test_every_flavour_has_a_sif_of_its_own_name_which_is_found_by_its_engine(tmp_path: Path) -> None:
    known = list_flavours()
    for flavour in known:
        (tmp_path / flavour.sif).touch()
    (tmp_path / "dlcctr-9.9.9-pytorch2.13.0-cpu.sif").touch()
    assert FLAVOUR.sif == "dlcctr-0.1.0-pytorch2.13.0-cpu.sif"
    assert len({flavour.sif for flavour in known}) == len(known)
    for engine in ("pytorch", "tensorflow"):
        found = [path.name for path in find_sifs(tmp_path, engine)]
        assert set(found) == {flavour.sif for flavour in known if flavour.engine == engine}
        assert found[-1].endswith("-cpu.sif")
    assert find_sifs(tmp_path / "absent", "pytorch") == []


@pytest.mark.parametrize("options", [("-o", "x.sif"), ("--http",)])
def test_options_of_a_sif_alone_are_refused_without_one(
    options: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["dlcctr", "image", "pull", "--from", "r/dlc", *options])
    assert catch(lambda: make_app()(prog_name="dlcctr")) == ExitCode.USAGE
    assert "add --sif" in capsys.readouterr().err


def test_a_campaign_finds_the_sif_of_its_engine_where_there_is_no_dlc_sif(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    campaign = Campaign(file=tmp_path / "campaign" / "campaign.toml", engine="pytorch")
    campaign.folder.mkdir()
    (tmp_path / "dlcctr-0.1.0-tensorflow2.15.1-cpu.sif").touch()
    assert find_sif(campaign) is None
    (campaign.folder / FLAVOUR.sif).touch()
    assert find_sif(campaign) == campaign.folder / FLAVOUR.sif
    (campaign.folder / "dlc.sif").touch()
    assert find_sif(campaign) == campaign.folder / "dlc.sif"
