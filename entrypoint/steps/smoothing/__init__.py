"""What filters and ensembles share: the Kalman smoother, columns of points, times, and what was changed."""
