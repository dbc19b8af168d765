from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcctr.campaign.config import Campaign, campaign_text, read_campaign, write_campaign
from dlcctr.errors import UsageError
from dlcctr.transfer.remote.address import Remote, parse_target, remember_remote, remote_of, ssh_words


@pytest.mark.parametrize(
    ("text", "host", "folder"),
    [
        ("cluster:scratch/mice", "cluster", "scratch/mice"),
        ("me@login.example.edu:/scratch/me/mice/", "me@login.example.edu", "/scratch/me/mice"),
        ("cluster:~/mice", "cluster", "mice"),
        ("c:a b: $(x)\n'y'", "c", "a b: $(x)\n'y'"),
        ("[fe80::1]:/x", "fe80::1", "/x"),
        ("me@[::1]:x", "me@::1", "x"),
        ("c:-x", "c", "-x"),
    ],
)
def test_targets(text: str, host: str, folder: str) -> None:
    assert parse_target(text) == Remote(host, folder)


@pytest.mark.parametrize(
    "text",
    ["", "folder", "cluster:", "cluster:~", "cluster:/", "cluster:./..", ":x", "/a/b:c", "c::module/x", "a b:x",
     "-oProxyCommand=touch x:y", "c:~other/x", "c:x\0", "rsync://host/x"],
)  # fmt: skip
def test_what_is_no_target(text: str) -> None:
    with pytest.raises(UsageError):
        parse_target(text)


def test_a_transfer_host_is_a_host() -> None:
    assert parse_target("c:x", "dtn").data_host == "dtn"
    assert parse_target("c:x").data_host == "c"
    with pytest.raises(UsageError, match="not a host"):
        parse_target("c:x", "-oProxyCommand=x")


def test_ssh_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DLCCTR_SSH", raising=False)
    assert ssh_words() == ("ssh",)
    monkeypatch.setenv("DLCCTR_SSH", "ssh -F 'my file'")
    assert ssh_words() == ("ssh", "-F", "my file")
    assert ssh_words("ssh -p 2") == ("ssh", "-p", "2")
    for bad in ("ssh 'x", " "):
        with pytest.raises(UsageError):
            ssh_words(bad)


def test_a_campaign_remembers_where_it_was_pushed_to(tmp_path: Path) -> None:
    write_campaign(Campaign(file=tmp_path / "campaign.toml", video_root=tmp_path, out=tmp_path / "r"))
    campaign = read_campaign(tmp_path / "m.csv")
    with pytest.raises(UsageError, match="does not say where"):
        remote_of(campaign)
    remember_remote(campaign, Remote("c", "/x"))
    assert remote_of(read_campaign(tmp_path / "m.csv")) == Remote("c", "/x")


@pytest.mark.parametrize("key", ["host", "transfer_host"])
@pytest.mark.parametrize("name", ["-oProxyCommand=touch pwned", "a b", "a\\nb"])
def test_a_host_from_campaign_toml_is_never_an_option(key: str, name: str, tmp_path: Path) -> None:
    names = {"host": "cluster", key: name}
    lines = "".join(f'{each} = "{value}"\n' for each, value in names.items())
    (tmp_path / "campaign.toml").write_text(f'[remote]\nfolder = "/x"\n{lines}', encoding="utf-8")
    with pytest.raises(UsageError, match="not a host") as caught:
        remote_of(read_campaign(tmp_path / "m.csv"))
    assert str(tmp_path / "campaign.toml") in caught.value.hint


def test_remembering_changes_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "campaign.toml"
    before = (
        "# mine\n[remote] # old\n  host = 'a' # ours\n# between\nfolder = \"[b]\"\n\n"
        "# about the analysis\n[analysis]  # after\nshuffle = 3 # three\n"
    )
    file.write_text(before, encoding="utf-8")
    remember_remote(read_campaign(tmp_path / "m.csv"), Remote("c", "/x", "dtn"))
    text = file.read_text(encoding="utf-8")
    assert text == before.replace("'a'", '"c"').replace('"[b]"', '"/x"\ntransfer_host = "dtn"')
    campaign = read_campaign(tmp_path / "m.csv")
    assert (remote_of(campaign), campaign.shuffle) == (Remote("c", "/x", "dtn"), 3)
    stamp = file.stat().st_mtime_ns
    remember_remote(campaign, Remote("c", "/x", "dtn"))
    assert file.stat().st_mtime_ns == stamp
    remember_remote(campaign, Remote("c", "/x"))
    assert file.read_text(encoding="utf-8") == text.replace('transfer_host = "dtn"\n', "")


@pytest.mark.parametrize(
    "text",
    ["", "contract = 1", "# note\n", "[analysis]\nshuffle = 3\n\n\n", "remote = {host = 'a', folder = 'b'} # c\n",
     "remote.host = 'a'\nremote.folder = 'b'\n[analysis]\n", "[ remote ]\n\thost = \"\"\"a\"\"\"\n[image]\nname = 'x'",
     "[remote]\r\nhost = 'a'\r\n\r\n[analysis]\r\nshuffle = 3\r\n"],
)  # fmt: skip
def test_however_a_file_is_written_it_remembers(tmp_path: Path, text: str) -> None:
    (tmp_path / "campaign.toml").write_bytes(text.encode())
    before = read_campaign(tmp_path / "m.csv")
    for remote in (Remote("c", "/x"), Remote("d", "/y", "dtn")):
        remember_remote(read_campaign(tmp_path / "m.csv"), remote)
        after = read_campaign(tmp_path / "m.csv")
        assert (remote_of(after), after.shuffle, after.image) == (remote, before.shuffle, before.image)


def test_a_remembered_place_stands_at_the_end_of_a_new_file(tmp_path: Path) -> None:
    campaign = Campaign(file=tmp_path / "campaign.toml", video_root=tmp_path, out=tmp_path / "r")
    remember_remote(campaign, Remote("c", "/x"))
    section = '\n[remote]  # where `dlcctr push` has sent this campaign\nhost = "c"\nfolder = "/x"\n'
    assert campaign.file.read_text(encoding="utf-8") == campaign_text(campaign) + section


def test_a_campaign_without_a_file_gets_one(tmp_path: Path) -> None:
    before = read_campaign(tmp_path / "m.csv")
    remember_remote(before, Remote("c", "/x"))
    after = read_campaign(tmp_path / "m.csv")
    assert (after.video_root, after.out, after.remote_host) == (before.video_root, before.out, "c")


@given(folder=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1))
def test_any_folder_is_remembered(tmp_path_factory: pytest.TempPathFactory, folder: str) -> None:
    tmp_path = tmp_path_factory.mktemp("c")
    for _ in range(2):
        remember_remote(read_campaign(tmp_path / "m.csv"), Remote("c", folder))
    assert remote_of(read_campaign(tmp_path / "m.csv")).folder == folder
