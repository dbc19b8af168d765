"""A real terminal (tmux) in which commands are typed as by a person, and pictures of what it shows."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

PROMPT = re.compile(r"(?:lab|login):\S*\$$")
"""Last line of a terminal whose command has ended."""
COLOURS = ("\\[\\e[1;32m\\]", "\\[\\e[0m\\]")
POLL_S = 0.2


class Terminal:
    """One terminal of a given size.

    Parameters
    ----------
    folder : Path
        Folder in which the shell begins.
    environment : mapping
        All variables of the shell.
    columns, lines : int
        Size. What scrolls away is in the picture all the same.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str], columns: int = 80, lines: int = 34) -> None:
        self.columns, self.lines = columns, lines
        self._socket = folder / f".tmux-{os.getpid()}-{columns}"
        rc = folder / ".bashrc-of-the-transcript"
        rc.write_text(f"PS1='{COLOURS[0]}lab:\\W{COLOURS[1]}$ '\nbind 'set enable-bracketed-paste off'\n")
        variables = [f"{name}={value}" for name, value in {**environment, "TERM": "tmux-256color"}.items()]
        shell = shlex.join(["env", "-i", *variables, "bash", "--noprofile", "--rcfile", str(rc), "-i"])
        size = ["-x", str(columns), "-y", str(lines)]
        self._tmux("new-session", "-d", *size, "-c", str(folder), shell, config=True)
        self._tmux("set-option", "-g", "status", "off")
        self._tmux("set-option", "-g", "history-limit", "20000")
        self.wait(self._is_idle, 20, "the first prompt")

    def close(self) -> None:
        """End the shell and all that runs in it."""
        self._tmux("kill-server")
        self._socket.unlink(missing_ok=True)

    def type(self, line: str) -> None:
        """Type a line and press Enter."""
        self._tmux("send-keys", "-l", line)
        time.sleep(POLL_S)
        self._tmux("send-keys", "Enter")
        time.sleep(2 * POLL_S)

    def key(self, name: str) -> None:
        """Press a key: ``C-c``, ``Enter`` …"""
        self._tmux("send-keys", name)

    def run(self, line: str, timeout_s: float = 300) -> str:
        """Type a line and wait until its command has ended; gives the plain text that the terminal shows then."""
        self.type(line)
        return self.finish(timeout_s)

    def finish(self, timeout_s: float = 300) -> str:
        """Wait until the command that runs has ended; gives the plain text that the terminal shows then."""
        self.wait(self._is_idle, timeout_s, "a prompt")
        return self.text()

    def wait_for(self, pattern: str, timeout_s: float = 300) -> str:
        """Wait until the screen shows a text; gives the whole text."""
        self.wait(lambda: re.search(pattern, self.text()), timeout_s, repr(pattern))
        return self.text()

    def wait(self, is_true: Callable[[], object], timeout_s: float, what: str) -> None:
        """Ask again and again until something is true."""
        end = time.monotonic() + timeout_s
        while not is_true():
            if time.monotonic() > end:
                raise TimeoutError(f"waited {timeout_s:.0f} s for {what}; the terminal shows:\n{self.text()}")
            time.sleep(POLL_S)

    def clear(self) -> None:
        """Begin with an empty screen."""
        self._tmux("send-keys", "-R")
        self._tmux("send-keys", "C-l")
        time.sleep(2 * POLL_S)
        self._tmux("clear-history")

    def text(self) -> str:
        """What was shown since the last `clear`, without colours."""
        return self._capture().rstrip()

    def ansi(self) -> str:
        """The same with its colours."""
        return self._capture("-e").rstrip()

    def _capture(self, *options: str) -> str:
        # -J: a line that the terminal went on with in the next is one line
        text = self._tmux("capture-pane", "-p", "-J", "-S", "-", *options)
        return "\n".join(line.rstrip() for line in text.split("\n"))

    def _is_idle(self) -> bool:
        lines = self.text().split("\n")
        return bool(PROMPT.fullmatch(lines[-1].strip()))

    def _tmux(self, *words: str, config: bool = False) -> str:
        first = ["-f", "/dev/null"] if config else []
        argv = ["tmux", "-u", "-S", str(self._socket), *first, *words]
        return subprocess.run(argv, check=True, capture_output=True, text=True, errors="replace", timeout=30).stdout
