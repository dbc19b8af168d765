from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcctr.transfer.remote.rsync import divide, far_path, from_list, progress_bytes, rsh_text, rsync_words
from dlcctr.transfer.remote.ssh import Login


def split_as_rsync_does(text: str) -> list[str]:
    """rsync(1), --rsh: spaces split, quotes keep spaces, a doubled quote within quotes is one, no backslashes."""
    words: list[str] = []
    word, quote, inside, i = "", "", False, 0
    while i < len(text):
        c = text[i]
        if quote and c == quote:
            if text[i + 1 : i + 2] == quote:
                word += c
                i += 1
            else:
                quote = ""
        elif quote:
            word += c
        elif c in "'\"":
            quote, inside = c, True
        elif c == " ":
            if word or inside:
                words.append(word)
            word, inside = "", False
        else:
            word += c
        i += 1
    return [*words, word] if word or inside else words


@given(words=st.lists(st.text(st.characters(exclude_characters="\0"), min_size=1), min_size=1))
def test_rsync_gets_the_words_of_ssh_as_they_are(words: list[str]) -> None:
    assert split_as_rsync_does(rsh_text(words)) == words


@pytest.mark.parametrize(
    ("line", "n_bytes"),
    [
        (b"      1,238,099 100%  146.38kB/s    0:00:08 (xfr#5, to-chk=169/396)", 1238099),
        (b"              0   0%    0.00kB/s    0:00:00  ", 0),
        (b"  8388608  12%   10.31MB/s    0:00:05  ", 8388608),
        (b"1.238.099 100%  146,38kB/s    0:00:08", 1238099),
        (b"", None),
        (b"sending incremental file list", None),
        (b"100% of it.mp4", None),
    ],
)
def test_progress(line: bytes, n_bytes: int | None) -> None:
    assert progress_bytes(line) == n_bytes


@given(sizes=st.dictionaries(st.text(min_size=1), st.integers(0, 10**12)), count=st.integers(1, 8))
def test_streams_hold_every_name_once_and_about_equal_bytes(sizes: dict[str, int], count: int) -> None:
    parts = divide(sizes, count)
    assert sorted(name for part in parts for name in part) == sorted(sizes)
    assert len(parts) <= count
    assert all(parts)
    loads = [sum(sizes[name] for name in part) for part in parts]
    if len(parts) > 1:
        assert max(loads) - min(loads) <= max(sizes.values())


def test_names_never_look_like_options_comments_or_shell() -> None:
    stream = from_list(["rsync", "-x", "from/", "to/"], ["-rf", "#a", ";b", "$(c)", "d\ne"])
    assert stream.names == ("./-rf", "./#a", "./;b", "./$(c)", "./d\ne")
    assert stream.argv[0] == "rsync"
    assert {"--files-from=-", "--from0"} <= set(stream.argv)
    assert stream.argv[-2:] == ("from/", "to/")


def test_words_of_a_transfer() -> None:
    login = Login("me@c", ("ssh", "-F", "my file"))
    words = rsync_words("/usr/bin/rsync", login, kib_per_s=7)
    assert words[0] == "/usr/bin/rsync"
    assert words[words.index("-e") + 1] == 'ssh -F "my file"'
    assert "-s" in words  # no shell at the other side reads the folder's name
    assert "--bwlimit=7" in words
    assert not any(word.startswith("--bwlimit") for word in rsync_words("rsync", login))
    assert not {"--delete", "--inplace", "--append", "-p", "-a"} & set(words)


@pytest.mark.parametrize(
    ("host", "folder", "path"),
    [("c", "/x y", "c:/x y/"), ("me@c", "/x/", "me@c:/x/"), ("fe80::1", "/x", "[fe80::1]:/x/")],
)
def test_paths_there(host: str, folder: str, path: str) -> None:
    assert far_path(host, folder) == path
