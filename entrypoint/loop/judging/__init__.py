"""Is the tracking right: judged in the task that analyses a row."""
