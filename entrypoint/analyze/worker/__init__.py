"""The supervisor's side of the worker: its process, what it prints, and what rows share of it."""
