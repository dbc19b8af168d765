"""Checkpoints of a row that is not finished: as files, written as it goes on, and when the process is told to end."""
