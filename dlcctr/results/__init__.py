"""Finished rows: receipts, what a whole result must have, `check`, and the atomic commit."""
