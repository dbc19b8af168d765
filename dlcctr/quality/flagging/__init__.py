"""Flags of one row by itself, and what each kind of flag says."""
