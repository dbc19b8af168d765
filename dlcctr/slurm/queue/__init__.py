"""Asking Slurm: squeue, sacct, sbatch, scancel."""
