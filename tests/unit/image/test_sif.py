"""SIFs without a container tool: a stand-in for apptainer that does what the real one does to files and exit codes."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from dlcctr.contract import CONTRACT_VERSION
from dlcctr.errors import CommandFailedError, ContractError, ToolMissingError, UsageError
from dlcctr.image import sif
from dlcctr.system.source_tree import own_sources
from tests.unit.image.test_build import write_archive

STAND_IN = """\
#!/bin/sh
echo "$@" >>"$LOG"
case "$1 $2" in
--version*) echo "${TOOL_VERSION-apptainer version 1.4.5}" ;;
"build --help") echo "${BUILD_HELP-  --mksquashfs-args string}" ;;
build*)
    for word; do previous=$last; last=$word; done
    [ -e "$last" ] || [ -e "${last#docker-archive:}" ] || case $last in docker://*) ;; *) exit 3 ;; esac
    cp "$last" "$KEPT" 2>/dev/null
    echo "FATAL: no space left"
    [ "$MAKES" = nothing ] || { printf '%32s%s' '#!/usr/bin/env run-singularity' "${MAKES-SIF_MAGIC}" >"$previous"; }
    exit "${ENDS-0}" ;;
inspect*) echo "{\\"data\\":{\\"attributes\\":{\\"labels\\":{\\"org.dlcctr.contract\\":\\"${CONTRACT-2}\\"}}}}" ;;
esac
"""


class Tool:
    """The stand-in's folder, and what it was asked."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.log, self.kept = folder / "log", folder / "kept"
        program = folder / "apptainer"
        program.write_text(STAND_IN)
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
        monkeypatch.setenv("LOG", str(self.log))
        monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        monkeypatch.setenv("KEPT", str(self.kept))

    @property
    def build(self) -> str:
        return next(line for line in self.log.read_text().splitlines() if re.match(r"build (?!--help)", line))


@pytest.fixture
def tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tool:
    folder = tmp_path / "bin"
    folder.mkdir()
    return Tool(folder, monkeypatch)


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    path = tmp_path / "a name: with all sorts.tar"
    write_archive(path, ["1/layer.tar"], ["1/layer.tar"])
    return path


def left_over(output: Path) -> list[str]:
    return [path.name for path in output.parent.iterdir() if path.name.startswith(".dlcctr-sif-")]


def test_archive_becomes_a_sif(tool: Tool, archive: Path) -> None:
    output = archive.with_name("dlc.sif")
    facts = sif.build_sif(str(archive), output)
    assert sif.is_sif(output)
    assert facts["labels"] == {"org.dlcctr.contract": str(CONTRACT_VERSION)}
    assert tool.build == "build made.sif docker-archive:dlc.tar"
    assert left_over(output) == []


def test_definition_is_used_as_it_is(tool: Tool, archive: Path) -> None:
    sif.build_sif(str(archive), archive.with_name("dlc.sif"), definition=True)
    assert tool.build == "build made.sif Singularity.def"
    assert tool.kept.read_text() == own_sources().read("Singularity.def")


def test_definition_starts_from_a_registry(tool: Tool, tmp_path: Path) -> None:
    sif.build_sif("docker://registry:5000/lab/dlc:1", tmp_path / "dlc.sif", definition=True, http=True)
    assert tool.build == "build --no-https made.sif Singularity.def"
    assert tool.kept.read_text().startswith("Bootstrap: docker\nFrom: registry:5000/lab/dlc:1\n")


def test_zstd_is_passed_on(tool: Tool, archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sif.build_sif(str(archive), archive.with_name("dlc.sif"), compression="zstd")
    assert tool.build == "build --mksquashfs-args -comp zstd -Xcompression-level 3 made.sif docker-archive:dlc.tar"
    monkeypatch.setenv("BUILD_HELP", "old")
    with pytest.raises(UsageError, match="too old"):
        sif.build_sif(str(archive), archive.with_name("dlc.sif"), compression="zstd")


def test_old_singularity_needs_fakeroot_for_a_definition(monkeypatch: pytest.MonkeyPatch, tool: Tool) -> None:
    monkeypatch.setenv("TOOL_VERSION", "singularity version 3.8.7")
    monkeypatch.setattr("dlcctr.image.sif.os.geteuid", lambda: 1000)
    assert sif.build_options("apptainer", definition=True, compression="gzip", http=False) == ["--fakeroot"]
    assert sif.build_options("apptainer", definition=False, compression="gzip", http=False) == []


@pytest.mark.parametrize(
    ("variable", "value"),
    [("ENDS", "1"), ("MAKES", "nothing"), ("MAKES", ""), ("MAKES", "rubbish")],
    ids=["fails but leaves a file", "says success, makes nothing", "cut off", "no SIF"],
)
def test_failed_build_is_never_taken_for_a_sif(
    variable: str, value: str, tool: Tool, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = archive.with_name("dlc.sif")
    sif.build_sif(str(archive), output)
    before = output.stat()
    monkeypatch.setenv(variable, value)
    with pytest.raises(CommandFailedError, match=r"could not build a SIF[^\n]*\nFATAL: no space left") as caught:
        sif.build_sif(str(archive), output)
    assert "image-sif.log" in caught.value.hint
    assert (output.stat().st_ino, output.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert left_over(output) == []


def test_sif_of_another_contract_is_refused(tool: Tool, archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONTRACT", "99")
    with pytest.raises(ContractError, match="contract version 99"):
        sif.build_sif(str(archive), archive.with_name("dlc.sif"))
    assert not archive.with_name("dlc.sif").exists()


def test_other_files_are_not_replaced(tool: Tool, archive: Path) -> None:
    with pytest.raises(UsageError, match="is not a SIF"):
        sif.build_sif(str(archive), archive)
    with pytest.raises(UsageError, match="does not exist"):
        sif.build_sif(str(archive), archive.parent / "absent" / "dlc.sif")


def test_damaged_archive_is_named_before_the_build(tool: Tool, archive: Path) -> None:
    archive.write_bytes(archive.read_bytes()[:700])
    with pytest.raises(UsageError, match="not a complete image archive"):
        sif.build_sif(str(archive), archive.with_name("dlc.sif"))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("dlcctr:1-cpu", ["image save dlcctr:1-cpu -o dlc.tar", "scp dlc.tar CLUSTER:", "docker-archive:dlc.tar"]),
        ("out/mine.tar", ["scp out/mine.tar CLUSTER:", "docker-archive:mine.tar"]),
        ("docker://r/dlc:1", ["singularity build dlc.sif docker://r/dlc:1"]),
    ],
)
def test_without_a_tool_the_commands_for_the_cluster_are_given(
    source: str, expected: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    Path("out").mkdir()
    write_archive(Path("out/mine.tar"), ["1/layer.tar"], ["1/layer.tar"])
    with pytest.raises(ToolMissingError, match="no SIF can be made here") as caught:
        sif.build_sif(source, tmp_path / "dlc.sif")
    assert all(words in caught.value.hint for words in expected)


def test_a_sif_is_not_made_of_a_sif(tool: Tool, archive: Path) -> None:
    made = archive.with_name("named.tar")
    sif.build_sif(str(archive), made)
    with pytest.raises(UsageError, match="is a SIF already"):
        sif.build_sif(str(made), archive.with_name("dlc.sif"))


def test_a_sif_of_another_flavour_than_asked_for_is_refused(tool: Tool, archive: Path) -> None:
    output = archive.with_name("dlc.sif")
    with pytest.raises(CommandFailedError, match="of no flavour, not pytorch-cpu"):
        sif.build_sif(str(archive), output, flavour="pytorch-cpu")
    assert not output.exists()


def test_labels_of_both_shapes_are_read() -> None:
    facts = {"attributes": {"labels": {"a": "1"}}, "type": "container"}
    assert sif.read_labels({"data": facts}) == sif.read_labels(facts) == {"a": "1"}
    assert sif.read_labels({"data": {"attributes": {"labels": None}}}) == {}


@pytest.mark.parametrize(
    "answer", ["FATAL: no such file", {"message": ["FATAL"], "return_code": 255}, None, {"data": 1}]
)
def test_failed_inspect_is_an_error(answer: object) -> None:
    with pytest.raises(CommandFailedError, match="unexpected output"):
        sif.read_labels(answer)


def test_definition_installs_and_sets_nothing() -> None:
    text = own_sources().read("Singularity.def")
    assert set(re.findall(r"^%(\w+)", text, flags=re.MULTILINE)) == {"labels", "help", "test"}
    assert "{{" not in text  # build arguments of newer versions: singularity 3.x does not know them


def test_spython_finds_nothing_set_in_the_definition() -> None:
    from spython.main.parse.parsers import SingularityParser

    recipe = SingularityParser(str(own_sources().path("Singularity.def"))).parse()["spython-base"]
    assert (recipe.fromHeader, recipe.environ, recipe.files, recipe.volumes) == ("dlc.tar", [], [], [])
    assert (recipe.entrypoint, recipe.cmd) == (None, None)


def test_why_spython_does_not_build(tool: Tool, archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from spython.main import get_client

    tool.log.with_name("singularity").symlink_to("apptainer")
    old = archive.with_name("dlc.sif")
    old.write_text("an old image")
    monkeypatch.setenv("ENDS", "1")
    monkeypatch.setenv("MAKES", "nothing")
    answer = get_client(quiet=True).build(str(archive), str(old), sudo=False, quiet=True)
    assert answer == str(old), "spython now reports a failed build: it could be used"


def test_json_answers_are_told_from_text() -> None:
    assert sif._parse_json(json.dumps({"a": 1})) == {"a": 1}
    assert sif._parse_json("FATAL") == "FATAL"
