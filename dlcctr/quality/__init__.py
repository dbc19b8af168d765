"""Is the tracking right: what poses should look like, measures of every row, flags, comparison with the campaign."""
