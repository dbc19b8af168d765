"""Rows on this machine: in Docker, in Apptainer or natively, and the local executor."""
