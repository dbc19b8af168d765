"""`python -I -m entrypoint …`: what the image's `dlc` command runs."""

from __future__ import annotations

import os
import sys

from dlcctr.cli import catch
from dlcctr.contract import IMAGE_UID, ExitCode
from dlcctr.system.terminal.console import warn
from dlcctr.system.utf8 import speak_utf8

speak_utf8()

from entrypoint.app import main  # noqa: E402 - not imported twice

sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr] # a killed job's log has all of its output
code = catch(main)
if code == ExitCode.OUTPUT and os.getuid() == IMAGE_UID:
    own = '--user "$(id -u):$(id -g)"'
    warn(f"note: this ran as user {IMAGE_UID}, the image's own; to write as yourself: docker run {own}")
sys.exit(code)
