"""Training on a cluster: its script, its submission, what became of it."""
