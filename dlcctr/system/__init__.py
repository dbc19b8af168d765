"""The machine: files, disk, processes, locks, CPUs, and what is shown on a terminal."""
