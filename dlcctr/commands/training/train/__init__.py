"""Training of a project: on a cluster, on this machine, there and back."""
