"""What is told at a campaign's end, and how it leaves this machine."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest

from dlcctr.errors import UsageError
from dlcctr.results.notice import count_rows, find_url, send
from tests.unit.support.results import Bench, make_bench


class Server:
    """A chat program on this machine: keeps what is posted to it."""

    def __init__(self, code: int = 200) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[Any] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                server.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                server.headers.append(self.headers)
                self.send_response(code)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Nothing."""

        self._http = HTTPServer(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_port}/hook/s3cret?a=1&b=%20"

    def __enter__(self) -> Server:
        threading.Thread(target=self._http.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.shutdown()
        self._http.server_close()


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return make_bench(tmp_path / 'it\'s "mice" \\ $(touch pwned)', ["a.mp4", "b.mp4"])


def test_it_counts_rows_by_their_state(bench: Bench) -> None:
    bench.commit(0)
    notice = count_rows(bench.manifest)
    assert notice.text.endswith(f"/{bench.manifest.name}: 1 of 2 rows are whole; 1 unfinished")
    fields = json.loads(notice.json)
    assert fields["text"] == fields["content"] == notice.text
    assert fields["totals"]["whole"] == notice.totals["whole"] == 1
    assert "\n" not in notice.json
    bench.commit(1)
    assert count_rows(bench.manifest).text.endswith(": all 2 rows are whole")


def test_one_row_is_in_the_singular(tmp_path: Path) -> None:
    bench = make_bench(tmp_path, ["a.mp4"])
    assert count_rows(bench.manifest).text.endswith(": 0 of 1 row is whole; 1 unfinished")
    bench.commit(0)
    assert count_rows(bench.manifest).text.endswith(": its row is whole")


def test_a_command_gets_the_text_and_the_json(bench: Bench, tmp_path: Path) -> None:
    program = tmp_path / "my tell"
    program.write_text(f'#!/bin/sh\ncat >"{tmp_path}/told"\nprintf %s "$DLCCTR_NOTICE_JSON|$*" >"{tmp_path}/json"\n')
    program.chmod(0o755)
    notice = count_rows(bench.manifest)
    assert send(notice, f"'{program}' 'a  b' $HOME", "") == []
    assert (tmp_path / "told").read_text() == f"{notice.text}\n"
    assert (tmp_path / "json").read_text() == f"{notice.json}|a  b $HOME"
    assert not list(tmp_path.rglob("pwned"))


def test_a_webhook_gets_the_json_as_it_is(bench: Bench) -> None:
    notice = count_rows(bench.manifest)
    with Server() as server:
        assert send(notice, "", server.url) == []
    assert server.bodies == [json.loads(notice.json)]
    assert server.headers[0]["Content-Type"] == "application/json"


def test_a_webhook_that_refuses_is_a_warning_without_its_address(bench: Bench) -> None:
    with Server(code=500) as server:
        (problem,) = send(count_rows(bench.manifest), "", server.url)
    assert problem.startswith("warning: the notice was not sent by the webhook")
    assert "s3cret" not in problem


def test_an_address_comes_from_a_variable_or_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_HOOK", "https://chat.example/x")
    assert find_url("$MY_HOOK") == "https://chat.example/x"
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "hook").write_text("https://chat.example/y\n# of the lab\n")
    assert find_url("~/hook") == "https://chat.example/y"
    (tmp_path / "hook").write_text('s3cret"\n')
    with pytest.raises(UsageError, match="holds no address") as error:
        find_url(str(tmp_path / "hook"))
    assert "s3cret" not in str(error.value)
    with pytest.raises(UsageError, match="cannot be read"):
        find_url(str(tmp_path / "none"))


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe\x00", b"https://\n", b"ftp://x/y", b"x" * 10_000_000], ids=range(5)
)
def test_a_file_without_an_address_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "hook").write_bytes(content)
    with pytest.raises(UsageError, match=r"webhook: .*hook (holds no address|cannot be read)"):
        find_url(str(tmp_path / "hook"))
