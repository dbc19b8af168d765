"""What an image build is given, and what push and save make of the engine's answers; no engine is asked."""

from __future__ import annotations

import gc
import hashlib
import json
import os
import subprocess
import tarfile
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from dlcctr.contract import CONTRACT_VERSION
from dlcctr.errors import CommandFailedError, ContractError, ToolMissingError, UsageError
from dlcctr.image import build as image
from dlcctr.image import context as build_context
from dlcctr.image import docker_sdk as archive
from dlcctr.image import flavours, labels
from dlcctr.image.context import read_lock, stage
from dlcctr.image.package_sources import Sources, find_sources, read_pip_config
from dlcctr.system.source_tree import SourceTree, own_sources

PINS = {"BASE_IMAGE": "debian:bookworm-slim", "BASE_DIGEST": f"sha256:{'a' * 64}"}
LOCAL_ID = f"sha256:{'b' * 64}"


class FakeRunner:
    """Stands in for `run`: remembers commands, answers by their first words."""

    def __init__(self, answers: dict[str, tuple[int, str]]) -> None:
        self.answers = answers
        self.commands: list[str] = []

    def __call__(self, argv: Sequence[str], **options: Any) -> subprocess.CompletedProcess[str]:
        line = " ".join(map(str, argv))
        self.commands.append(line)
        for start, (code, text) in self.answers.items():
            if line.startswith(start):
                return subprocess.CompletedProcess(list(argv), code, stdout=text, stderr="")
        return subprocess.CompletedProcess(list(argv), 1, stdout="", stderr="")


# --- flavours ------------------------------------------------------------------------------------------------------


def test_every_flavour_has_a_lock_and_a_tag_of_its_own() -> None:
    known = flavours.list_flavours()
    assert all(own_sources().path(each.lock).is_file() for each in known)
    assert len({each.tag for each in known}) == len(known)


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ((), "tensorflow-cu122"),
        (("tensorflow", "cpu"), "tensorflow-cpu"),
        (("pytorch",), "pytorch-cu126"),
        (("pytorch", "cuda", "cu130"), "pytorch-cu130"),
        (("pytorch", "cpu"), "pytorch-cpu"),
    ],
)
def test_flavour_is_picked_by_engine_and_device(options: tuple[str, ...], name: str) -> None:
    picked = flavours.pick_flavour(flavours.list_flavours(), flavours.read_pins(), *options)
    assert picked.name == name
    assert picked.tag.startswith("dlcctr:0.1.0-") and picked.tag.endswith(picked.variant)


@pytest.mark.parametrize(
    "options",
    [("jax",), ("pytorch", "tpu"), ("pytorch", "cuda", "cu999"), ("pytorch", "cpu", "cu126"), ("cuda", "cpu")],
)
def test_unknown_flavour_is_a_usage_error_with_a_list(options: tuple[str, ...]) -> None:
    with pytest.raises(UsageError) as caught:
        flavours.pick_flavour(flavours.list_flavours(), flavours.read_pins(), *options)
    assert "--device cpu" in caught.value.hint


def test_all_leaves_out_what_only_the_newest_drivers_run() -> None:
    pins = flavours.read_pins()
    named = {each.name for each in flavours.list_flavours() if flavours.is_default(each, pins)}
    assert named == {"tensorflow-cu122", "tensorflow-cpu", "pytorch-cu126", "pytorch-cpu"}


# --- where packages come from --------------------------------------------------------------------------------------


def test_pip_settings_environment_beats_install_beats_global() -> None:
    text = (
        "global.index-url='https://global/simple'\n"
        ":env:.index-url='https://environment/simple'\n"
        "install.index-url='https://install/simple'\n"
        "global.find-links='/some/wheels'\n"
        "freeze.timeout='10'\nnonsense\n"
    )
    assert read_pip_config(text) == {"index-url": "https://environment/simple", "find-links": "/some/wheels"}


def test_sources_options_beat_variables_beat_pip() -> None:
    pip = {"index-url": "https://pip/simple", "extra-index-url": "file:///somewhere https://pip/extra"}
    assert find_sources({}, pip) == Sources("https://pip/simple", ("https://pip/extra",))
    both = {"PIP_INDEX_URL": "https://b/simple", "DLCCTR_INDEX_URL": "https://a/simple"}
    assert find_sources(both, pip).index_url == "https://a/simple"
    chosen = find_sources(both, pip, index_url="https://o/simple", extra_index_urls=["https://o/extra"])
    assert chosen == Sources("https://o/simple", ("https://o/extra",))


def test_indexes_that_a_build_cannot_see_are_left_out() -> None:
    assert find_sources({"PIP_INDEX_URL": "file:///srv/simple", "PIP_EXTRA_INDEX_URL": "/srv/more"}, {}) == Sources()


def test_ca_bundle_of_the_host_is_found(tmp_path: Path) -> None:
    bundle = tmp_path / "ca.pem"
    bundle.write_text("certificates")
    assert find_sources({"SSL_CERT_FILE": str(bundle)}, {}).ca_bundle == bundle
    assert find_sources({"SSL_CERT_FILE": "/nowhere.pem"}, {"cert": str(bundle)}).ca_bundle == bundle
    assert find_sources({}, {}).ca_bundle is None
    with pytest.raises(UsageError, match="no CA bundle"):
        find_sources({}, {}, ca_bundle=tmp_path / "absent.pem")


def test_named_wheel_folder_must_exist(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no wheel folder"):
        find_sources({"DLCCTR_WHEELS": str(tmp_path / "absent")}, {})
    assert find_sources({"PIP_FIND_LINKS": f"file://{tmp_path} https://web"}, {}).wheel_folders == (tmp_path,)


# --- the staged context --------------------------------------------------------------------------------------------


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Small git checkout with one tracked and one untracked file, and a lock that wants a CPU build."""
    root = tmp_path / "checkout"
    for name, text in {
        "Dockerfile": "FROM scratch\n",
        "dlcctr/contract.py": "",
        "dlcctr/secret.txt": "not tracked",
        "requirements/x-cpu.lock": lock_text(),
        "requirements/openvino.lock": f"openvino==1.0 \\\n    --hash=sha256:{'0' * 64}\n",
        "wheels/README.md": "",
        "certs/institute.crt": "institute",
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    git = ["git", "-C", str(root)]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "add", "Dockerfile", "dlcctr/contract.py", "requirements", "wheels"], check=True)
    return root


def lock_text() -> str:
    digest = hashlib.sha256(b"wheel").hexdigest()
    return (
        f"plain==1.0 \\\n    --hash=sha256:{'0' * 64} \\\n    --hash=sha256:{'1' * 64}\n"
        f"torch==2.13.0+cpu \\\n    --hash=sha256:{digest}\nTorch_Vision==0.28.0 \\\n    --hash=sha256:{digest}\n"
    )


def test_lock_is_read_with_versions_and_hashes() -> None:
    pins = read_lock(lock_text())
    assert {name: pin.version for name, pin in pins.items()} == {
        "plain": "1.0",
        "torch": "2.13.0+cpu",
        "torch-vision": "0.28.0",
    }
    assert pins["plain"].hashes == {"0" * 64, "1" * 64}


def test_context_holds_tracked_files_fitting_wheels_and_certificates_only(checkout: Path, tmp_path: Path) -> None:
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    fitting = "torch-2.13.0+cpu-cp311-cp311-linux_x86_64.whl"
    for name, content in {
        fitting: b"wheel",
        "torch-2.12.0+cpu-cp311-cp311-linux_x86_64.whl": b"wheel",
        "torch_vision-0.28.0+cpu-cp311-cp311-linux_x86_64.whl": b"another build",
        "foreign-1.0-py3-none-any.whl": b"wheel",
        "notes.txt": b"",
    }.items():
        (wheels / name).write_bytes(content)
    bundle = tmp_path / "bundle.pem"
    bundle.write_text("host")
    target = tmp_path / "context"
    sources = Sources(wheel_folders=(wheels,), ca_bundle=bundle)
    staged = stage(SourceTree(checkout), target, "requirements/x-cpu.lock", sources)
    assert staged == [fitting]
    assert {str(path.relative_to(target)) for path in target.rglob("*") if path.is_file()} == {
        "Dockerfile",
        "dlcctr/contract.py",
        "requirements/openvino.lock",
        "requirements/x-cpu.lock",
        "wheels/README.md",
        f"wheels/{fitting}",
        "certs/institute.crt",
        "certs/ca-bundle.crt",
    }


def test_cpu_build_without_wheel_or_index_fails_before_the_build(checkout: Path, tmp_path: Path) -> None:
    tree = SourceTree(checkout)
    with pytest.raises(UsageError, match=r"torch==2\.13\.0\+cpu") as caught:
        stage(tree, tmp_path / "a", "requirements/x-cpu.lock", Sources())
    assert "--extra-index-url" in caught.value.hint
    stage(tree, tmp_path / "b", "requirements/x-cpu.lock", Sources(extra_index_urls=("https://wheels",)))


def test_without_git_the_context_holds_what_a_build_reads(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dlcctr.image.context.shutil.which", lambda name: None)
    found = build_context.build_files(SourceTree(checkout))
    assert {"Dockerfile", "dlcctr/contract.py", "requirements/x-cpu.lock"} <= set(found)


# --- the build -----------------------------------------------------------------------------------------------------


def test_build_command_passes_only_what_was_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in image.PROXY_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTPS_PROXY", "http://user:secret@proxy")
    arguments = {"FLAVOUR": "pytorch-cpu", **image.index_arguments(Sources(index_url="https://mirror/simple"))}
    command = image.build_command(Path("/ctx"), "dlcctr:x", arguments, "host")
    assert command == [
        *("docker", "build", "--network", "host", "-t", "dlcctr:x", "-f", "/ctx/Dockerfile"),
        *("--build-arg", "FLAVOUR=pytorch-cpu"),
        *("--build-arg", "PIP_INDEX_URL=https://mirror/simple"),
        *("--build-arg", "HTTPS_PROXY"),
        "/ctx",
    ]


def test_no_cache_is_the_builders_own_option() -> None:
    assert "--no-cache" in image.build_command(Path("/ctx"), "dlcctr:x", {}, "host", no_cache=True)


PINNED = f"{PINS['BASE_IMAGE']}@{PINS['BASE_DIGEST']}"


@pytest.mark.parametrize(
    ("here", "asked", "expected"),
    [
        ([PINNED, image.LOCAL_BASE], "", PINNED),
        ([image.LOCAL_BASE], "", image.LOCAL_BASE),
        (["mine:1", PINNED], "mine:1", "mine:1"),
    ],
)
def test_base_that_is_here_is_taken_without_a_registry(
    here: list[str], asked: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    inspect = "docker image inspect --format {{range .RepoDigests}}{{println .}}{{end}}{{.Id}} "
    runner = FakeRunner({inspect + name: (0, f"debian@{PINS['BASE_DIGEST']}\n{LOCAL_ID}\n") for name in here})
    monkeypatch.setattr(image, "run", runner)
    assert image.resolve_base(PINS, asked) == (expected, PINS["BASE_DIGEST"])
    assert not any("pull" in command for command in runner.commands)


def test_local_image_of_the_pinned_name_serves_where_no_registry_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    class OnlyByName(FakeRunner):
        def __call__(self, argv: Sequence[str], **options: Any) -> subprocess.CompletedProcess[str]:
            done = super().__call__(argv, **options)
            found = argv[-1] == PINS["BASE_IMAGE"]
            return subprocess.CompletedProcess(list(argv), 0, stdout=LOCAL_ID, stderr="") if found else done

    monkeypatch.setattr(image, "run", OnlyByName({"docker pull": (1, "no such host")}))
    assert image.resolve_base(PINS) == (PINS["BASE_IMAGE"], LOCAL_ID)


def test_absent_base_without_a_registry_names_the_script_that_makes_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image, "run", FakeRunner({"docker pull": (1, "dial tcp: no such host\n")}))
    with pytest.raises(ToolMissingError, match="no such host") as caught:
        image.resolve_base(PINS)
    assert f"sh {own_sources().path(image.BASE_SCRIPT)}" in caught.value.hint
    assert own_sources().path(image.BASE_SCRIPT).is_file()


def test_description_of_a_commit_stays_the_same(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    git = ["git", "-C", str(checkout), "-c", "user.name=a", "-c", "user.email=a@b"]
    when = {**os.environ, "GIT_COMMITTER_DATE": "2026-01-02T03:04:05Z"}
    subprocess.run([*git, "commit", "-q", "-m", "first"], check=True, env=when)
    subprocess.run([*git, "remote", "add", "origin", "https://user:secret@host/x.git"], check=True)
    facts = image.describe(SourceTree(checkout))
    assert facts["CREATED"] == "2026-01-02T03:04:05Z"
    assert len(facts["REVISION"]) == 40
    assert facts["SOURCE"] == ""
    (checkout / "Dockerfile").write_text("changed")
    assert image.describe(SourceTree(checkout))["REVISION"].endswith("-dirty")


@pytest.mark.parametrize(
    ("answer", "problem"), [('{"org.dlcctr.contract": "99"}', "contract version 99"), ("null", "no label")]
)
def test_image_of_another_contract_is_refused(answer: str, problem: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(labels.processes, "run", FakeRunner({"docker image inspect": (0, answer)}))
    with pytest.raises(ContractError, match=problem):
        labels.check_contract("image dlcctr:x", labels.docker_labels("dlcctr:x"))


# --- push ----------------------------------------------------------------------------------------------------------


def test_push_error_inside_the_stream_is_an_error() -> None:
    lines: list[dict[str, Any]] = [
        {"status": "Preparing"},
        {"errorDetail": {"message": "denied"}, "error": "denied: no access"},
    ]
    with pytest.raises(CommandFailedError, match="denied: no access"):
        archive.read_push(lines, "registry/x:1")


def test_push_without_a_digest_is_an_error() -> None:
    with pytest.raises(CommandFailedError, match="no digest"):
        archive.read_push([{"status": "Pushed"}], "registry/x:1")


def test_push_gives_the_digest() -> None:
    lines: list[dict[str, Any]] = [{"status": "Pushed"}, {"aux": {"Tag": "1", "Digest": "sha256:abc", "Size": 5}}]
    assert archive.read_push(lines, "registry/x:1") == "sha256:abc"


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("host:5000/lab/dlc", ("host:5000/lab/dlc", "0.1.0-cpu")),
        ("host/dlc:v2", ("host/dlc", "v2")),
        ("host:5000/dlc:v2", ("host:5000/dlc", "v2")),
    ],
)
def test_push_target_is_split_at_the_tag_not_at_the_port(target: str, expected: tuple[str, str]) -> None:
    assert archive.split_target(target, "dlcctr:0.1.0-cpu") == expected


@pytest.mark.parametrize("target", ["dlc", "host/", "host/dlc@sha256:1", ""])
def test_push_target_without_a_registry_is_refused(target: str) -> None:
    with pytest.raises(UsageError, match="does not name"):
        archive.split_target(target, "dlcctr:1")


# --- archives ------------------------------------------------------------------------------------------------------


def write_archive(path: Path, layers: Sequence[str], written: Sequence[str]) -> None:
    config = {"os": "linux", "architecture": "amd64", "config": {"Labels": {"org.dlcctr.contract": "2"}}}
    manifest = [{"Config": "c0ffee.json", "RepoTags": ["dlcctr:1"], "Layers": list(layers)}]
    with tarfile.open(path, "w") as tar:
        files = {"c0ffee.json": json.dumps(config), "manifest.json": json.dumps(manifest)}
        for name, text in {**files, **dict.fromkeys(written, "layer " * 400)}.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            tar.addfile(member, BytesIO(text.encode()))


def test_archive_is_read_without_an_engine(tmp_path: Path) -> None:
    write_archive(tmp_path / "a.tar", ["1/layer.tar"], ["1/layer.tar"])
    facts = archive.inspect_archive(tmp_path / "a.tar")
    assert facts["id"] == "sha256:c0ffee"
    assert facts["labels"] == {"org.dlcctr.contract": "2"}


def test_archive_without_a_layer_is_not_whole(tmp_path: Path) -> None:
    write_archive(tmp_path / "a.tar", ["1/layer.tar", "2/layer.tar"], ["1/layer.tar"])
    with pytest.raises(UsageError, match="lacks 1 layer"):
        archive.inspect_archive(tmp_path / "a.tar")


@pytest.mark.parametrize("kept", [0, 100, 3000])
def test_cut_archive_is_not_whole(kept: int, tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    write_archive(path, ["1/layer.tar"], ["1/layer.tar"])
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(UsageError):
        archive.inspect_archive(path)


def test_missing_sdk_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    for name in [name for name in sys.modules if name == "docker" or name.startswith("docker.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "docker", None)
    with pytest.raises(ToolMissingError) as caught, archive.docker_client():
        pass
    assert "dlcctr[docker]" in caught.value.hint


# The SDK itself forgets to close the socket on which nobody answered.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")
def test_stopped_engine_says_how_to_start_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    with pytest.raises(ToolMissingError, match="Docker Engine does not answer") as caught, archive.docker_client():
        pass
    assert "start" in caught.value.hint
    del caught
    gc.collect()


@pytest.mark.parametrize(("tags_of_old", "goes"), [("0", True), ("1", False)])
def test_the_image_that_a_build_replaces_goes_unless_it_has_another_name(
    tags_of_old: str, goes: bool, checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner = FakeRunner(
        {
            "docker version": (0, "26.1"),
            "docker image inspect --format {{.Id}} dlc:test": (0, "sha256:old\n"),
            "docker image inspect --format {{len": (0, f"{tags_of_old}\n"),
            "docker image inspect --format {{range": (0, LOCAL_ID),
        }
    )

    def build(*_: object, **__: object) -> int:
        runner.answers["docker image inspect --format {{.Id}} dlc:test"] = (0, "sha256:new\n")
        return 0

    monkeypatch.setattr(image, "run", runner)
    monkeypatch.setattr(image, "run_folded", build)
    monkeypatch.setattr(image, "find_tool", lambda name: name)
    monkeypatch.setattr(image, "stage", lambda *_: None)
    monkeypatch.setattr(image, "docker_labels", lambda _: {"org.dlcctr.contract": str(CONTRACT_VERSION)})
    flavour = flavours.pick_flavour(flavours.list_flavours(), flavours.read_pins(), "pytorch", "cpu")
    image.build_image(flavour, SourceTree(checkout), Sources(), PINS, base="base:1", tag="dlc:test")
    assert ("docker image rm sha256:old" in runner.commands) is goes
