"""Loss curves of trained networks: the file, and where to find one."""
