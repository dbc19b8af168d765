"""Schedulers beside Slurm, thinly: a script to submit. What became of the rows, their receipts say."""
