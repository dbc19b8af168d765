"""What comes back from the other side: answers of scripts, and the words of ssh and rsync when they fail."""

from __future__ import annotations

import pytest

from dlcctr.errors import CommandFailedError, DlcctrError, TryAgainError
from dlcctr.transfer.remote import shell as far_scripts
from dlcctr.transfer.remote import sif as remote_sif
from dlcctr.transfer.remote.shell import FolderInfo, RemoteFile, parse_files, parse_place, parse_seen
from dlcctr.transfer.remote.ssh import ssh_error

PYTHON = FolderInfo("/x", exists=True, writable=True, free_bytes=1, tools=frozenset({"rsync", "python3", "sha256sum"}))
SHELL = FolderInfo("/x", exists=True, writable=True, free_bytes=1, tools=frozenset({"rsync", "sha256sum"}))
NOTHING = FolderInfo("/x", exists=True, writable=True, free_bytes=1, tools=frozenset({"rsync"}))

CHANGED_KEY = """\
@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@
@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @
@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@
IT IS POSSIBLE THAT SOMEONE IS DOING SOMETHING NASTY!
Host key verification failed.
"""
LOST = "rsync: connection unexpectedly closed (20 bytes received so far) [sender]\nrsync error: error in rsync protocol"


@pytest.mark.parametrize(
    ("code", "said", "kind", "words", "hint"),
    [
        (255, CHANGED_KEY, CommandFailedError, "has changed", "ssh-keygen -R c"),
        (255, "No ED25519 host key is known for c and you have requested strict checking.\r\n"
              "Host key verification failed.", CommandFailedError, "is not known on this machine", "ssh c"),
        (255, "me@c: Permission denied (publickey,password).", CommandFailedError, "rejected your SSH keys", "ssh-add"),
        (255, "ssh: Could not resolve hostname c: Name or service not known", CommandFailedError, "could not resolve",
         "spelling"),
        (255, "ssh: Could not resolve hostname c: Temporary failure in name resolution", TryAgainError, "reached",
         "same command"),
        (255, "ssh: connect to host c port 22: Connection refused", TryAgainError, "refused", "same command"),
        (255, "ssh: connect to host c port 22: No route to host", TryAgainError, "reached", "same command"),
        (255, "Timeout, server c not responding.\n" + LOST, TryAgainError, "reached", "same command"),
        (255, "kex_exchange_identification: read: Connection reset by peer", TryAgainError, "reached", "same command"),
        (12, LOST, TryAgainError, "lost", "same command"),
        (30, "rsync error: timeout in data send/receive (code 30)", TryAgainError, "lost", "same command"),
        (-9, "", TryAgainError, "lost", "same command"),
        (11, 'rsync: [receiver] write failed on "/x/a": No space left on device (28)\n' + LOST, CommandFailedError,
         "no space is left on c", "continues"),
        (11, "rsync: mkstemp: Disk quota exceeded (122)", CommandFailedError, "no space is left on c", "quota"),
        (127, "bash: line 1: rsync: command not found\n" + LOST, CommandFailedError, "has no rsync", "--transfer-host"),
        (127, "sh: 1: rsync: not found\n" + LOST, CommandFailedError, "has no rsync", "--transfer-host"),
        (2, "protocol version mismatch -- is your shell clean?", CommandFailedError, "prints text", "bashrc"),
        (23, 'rsync: [Receiver] mkdir "/x" failed: Permission denied (13)', CommandFailedError,
         "no permission to read or write", "owner"),
        (123, "mkdir: cannot create directory ‘/x’: Permission denied", CommandFailedError, "no permission", "owner"),
        (23, "rsync: something new", CommandFailedError, "(exit code 23)\n  rsync: something new", "fix"),
    ],
)  # fmt: skip
def test_what_failed_and_what_to_do(code: int, said: str, kind: type[DlcctrError], words: str, hint: str) -> None:
    error = ssh_error("c", code, said)
    assert type(error) is kind
    assert words in error.message
    assert hint in error.hint


def test_a_full_disk_of_this_machine_is_not_called_the_others() -> None:
    said = "rsync: [receiver] write failed: No space left on device (28)"
    assert "no space is left on this machine" in ssh_error("c", 11, said, receiver="this machine").message


PLACE = b"dlcctr-begin\nyes\nyes\nrsync\npython3\nsha256sum\n%s\n\n/scratch/a b\n"


@pytest.mark.parametrize(
    ("df", "free"),
    [
        (b"/dev/sda1  41152736 8912216 30123456      23% /", 30123456 * 1024),
        (b"10.0.0.1@o2ib:/lustre/fs 1000 10 990  1% /scratch", 990 * 1024),
        (b"tmpfs 1024 1024 0 100% /small", 0),
        (b"full 1024 1100 -76 108% /x", 0),
        (b"overlay 10 1 9 - /x", 9 * 1024),
        (b"df: cannot read table of mounted file systems", None),
    ],
)
def test_free_space(df: bytes, free: int | None) -> None:
    place = parse_place(PLACE % df)
    assert place == FolderInfo("/scratch/a b", True, True, free, frozenset({"rsync", "python3", "sha256sum"}))


def test_a_noisy_shell_and_an_odd_folder() -> None:
    answer = b"Welcome!\n" + PLACE.replace(b"/scratch/a b", b"/x\n\n$(y) \xc3\xa4") % b"fs 1 1 1 1% /"
    assert parse_place(answer).folder == "/x\n\n$(y) ä"
    for bad in (b"", b"Welcome!\n", b"dlcctr-begin\n", b"dlcctr-begin\nyes\nyes\n\nnot absolute\n"):
        with pytest.raises(CommandFailedError, match="unexpected reply"):
            parse_place(bad)


@pytest.mark.parametrize("name", [b"/x\xff", b"/x\0y"])
def test_a_folder_whose_name_cannot_be_remembered_is_refused(name: bytes) -> None:
    with pytest.raises(CommandFailedError, match=r"the folder there: .* cannot be a path") as caught:
        parse_place(PLACE.replace(b"/scratch/a b", name) % b"fs 1 1 1 1% /")
    assert "UTF-8" in caught.value.hint


def test_files_there() -> None:
    answer = b"noise\ndlcctr-begin\n3\na\nbnone\n0\nfolder\n"
    assert parse_files(answer, 4) == [b"a\nb", None, b"", b""]
    for bad in (b"dlcctr-begin\n9\nabc", b"dlcctr-begin\n", b"dlcctr-begin\nx\n"):
        with pytest.raises(CommandFailedError):
            parse_files(bad, 1)


def test_fingerprints_there() -> None:
    word = b"v1:5:" + b"0123456789abcdef" * 2
    answer = b"noise 1\n" + word + b" 0\n- 77\n"
    assert parse_seen(answer, 2) == [RemoteFile(word.decode()), RemoteFile("", 77)]
    with pytest.raises(CommandFailedError):
        parse_seen(answer, 3)


@pytest.mark.parametrize(
    "command",
    [
        far_scripts.open_command(),
        far_scripts.cat_command(),
        far_scripts.fingerprint_command(PYTHON),
        far_scripts.fingerprint_command(SHELL),
        *map(far_scripts.script_command, (remote_sif._BUILD, remote_sif._PLACE, remote_sif._REMOVE)),
    ],
)
def test_every_login_shell_hands_the_scripts_on(command: str) -> None:
    """csh takes ! and line breaks within quotes for its own; what is quoted once is quoted once for all shells."""
    assert "\n" not in command
    assert "!" not in command
    assert command.count("'") == 2
    assert "\\\\" not in command  # fish reads two as one


def test_nothing_is_called_verified_that_cannot_be() -> None:
    with pytest.raises(CommandFailedError, match="nothing can be verified"):
        far_scripts.fingerprint_command(NOTHING)
