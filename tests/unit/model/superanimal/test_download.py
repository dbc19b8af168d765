"""Weights are downloaded whole or not at all, from a server that is told by HF_ENDPOINT."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from dlcctr.cli import catch
from dlcctr.errors import CommandFailedError, ModelError, UsageError
from dlcctr.model.superanimal.animals import choose
from dlcctr.model.superanimal.download import HUB_VARIABLE, download, find_hub
from dlcctr.system.terminal.progress import no_bar
from tests.unit.support.failing_commands import command
from tests.unit.support.torch_files import write_weights

CHOICE = choose("quadruped", "rtmpose_s", "ssdlite")
PATH = "/mwmathis/DeepLabCutModelZoo-SuperAnimal-Quadruped/resolve/main/"


class Hub:
    """A web server on this machine.

    Parameters
    ----------
    files : dict
        Content of each path.
    asked : list
        Paths that were asked for, in order.
    short : int
        Bytes that are left out at the end of each file.
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.short = 0


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    found = Hub()
    folder = write_weights(tmp_path / "published", "quadruped", *CHOICE.parts)
    found.files = {PATH + file.name: file.read_bytes() for file in folder.iterdir()}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found.asked.append(self.path)
            content = found.files.get(self.path)
            if content is None:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[: len(content) - found.short])

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv(HUB_VARIABLE, f"http://127.0.0.1:{server.server_port}/")
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    yield found
    server.shutdown()
    thread.join()
    server.server_close()


def test_what_is_published_arrives_and_nothing_is_fetched_twice(hub: Hub, tmp_path: Path) -> None:
    names = [CHOICE.animal.file_name(part) for part in CHOICE.parts]
    assert [file.name for file in download(CHOICE, tmp_path / "w", no_bar)] == names
    assert hub.asked == [PATH + name for name in names]
    assert {file.name: file.read_bytes() for file in (tmp_path / "w").iterdir()} == {
        name: hub.files[PATH + name] for name in names
    }
    assert download(CHOICE, tmp_path / "w", no_bar) == []
    assert len(hub.asked) == 2


def test_what_breaks_off_leaves_nothing(hub: Hub, tmp_path: Path) -> None:
    hub.short = 10
    with pytest.raises(CommandFailedError) as raised:
        download(CHOICE, tmp_path / "w", no_bar)
    assert "rtmpose_s.pt: cannot be downloaded" in raised.value.message
    assert list((tmp_path / "w").iterdir()) == []


def test_what_is_not_the_weights_gets_no_name(hub: Hub, tmp_path: Path) -> None:
    hub.files = dict.fromkeys(hub.files, b"<html>please sign in</html>")
    with pytest.raises(ModelError, match="is a web page"):
        download(CHOICE, tmp_path / "w", no_bar)
    assert list((tmp_path / "w").iterdir()) == []


def test_a_hub_without_the_file_and_one_that_is_not_there(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.files = {}
    with pytest.raises(CommandFailedError, match="404") as raised:
        download(CHOICE, tmp_path / "w", no_bar)
    assert "--weights" in raised.value.hint
    monkeypatch.setenv(HUB_VARIABLE, "http://127.0.0.1:1")
    with pytest.raises(CommandFailedError, match="cannot be downloaded"):
        download(CHOICE, tmp_path / "w", no_bar)


def test_only_web_addresses_are_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(HUB_VARIABLE, raising=False)
    assert find_hub() == "https://huggingface.co"
    monkeypatch.setenv(HUB_VARIABLE, "file:///etc")
    with pytest.raises(UsageError, match="no address of a web server"):
        find_hub()


def test_the_command_downloads_once_the_licence_is_agreed_to(
    hub: Hub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["model", "superanimal", "quadruped", "--network", "rtmpose_s", "--detector", "ssdlite", "--download"]
    words += ["--weights", str(tmp_path / "w"), "-o", str(tmp_path / "q.dlcmodel")]
    assert catch(command(*words)) == 2
    assert "non-commercial" in capsys.readouterr().err
    assert not hub.asked
    assert catch(command(*words, "--accept-licence")) == 0
    assert (tmp_path / "q.dlcmodel").is_file()
