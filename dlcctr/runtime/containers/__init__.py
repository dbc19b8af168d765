"""Docker, Apptainer and Singularity, and what a container sees."""
