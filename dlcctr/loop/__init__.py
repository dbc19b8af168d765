"""Where a project is in its round of outliers, labels, training, evaluation and comparison; read from files alone."""
