"""Commands of a training round: frames to label, labels, trainings, comparisons."""
