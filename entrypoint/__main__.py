"""`python -I -m entrypoint …`: what the image's `dlc` command runs."""

from __future__ import annotations

import sys

from dlcctr.cli import catch
from entrypoint.app import main

sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr] # a killed job's log holds all it said
sys.exit(catch(main))
