"""Client of `kill_server.py`: attempts at rows, in the native environment, that can be killed."""

from __future__ import annotations

import json
import subprocess
import threading
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


class AttemptServer:
    """`kill_server.py` in the native environment."""

    def __init__(self, python: Path, folder: Path, engine: str = "pytorch") -> None:
        self.log = folder / "attempts.log"
        self._process = subprocess.Popen(
            [str(python), str(HERE / "kill_server.py"), engine, str(self.log)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._line() == "ready"

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def attempt(self, argv: list[str], *, kill_at: str | None = None, slow_s: float = 0.0, killer: Any = None) -> int:
        """Exit code of one attempt (negative: the signal); `killer` gets its pid as soon as it runs."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"argv": argv, "kill_at": kill_at, "slow_s": slow_s}) + "\n")
        self._process.stdin.flush()
        pid = int(self._line())
        thread = threading.Thread(target=killer, args=(pid,)) if killer else None
        if thread:
            thread.start()
        code = int(self._line())
        if thread:
            thread.join()
        return code

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()
