"""A campaign on a Slurm cluster."""
