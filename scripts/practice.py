#!/usr/bin/env python3
"""What a person does between the commands of a round on the demo's videos (docs/loop.md), in whatever folder.

Usage: .venv/bin/python scripts/practice.py start|label|set|truth
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

if __name__ == "__main__":
    from demo.practice import main
    from dlcctr.cli import catch

    sys.exit(catch(main))
