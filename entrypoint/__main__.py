"""`python -I -m entrypoint …`: what the image's `dlc` command runs."""

from __future__ import annotations

import sys

from dlcctr.cli import catch
from entrypoint.app import main

sys.exit(catch(main))
