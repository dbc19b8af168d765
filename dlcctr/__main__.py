"""`python -m dlcctr`."""

from __future__ import annotations

from dlcctr.cli import main

if __name__ == "__main__":
    main()
