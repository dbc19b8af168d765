"""Two models on a sample of a campaign: which one tracks it better, before a cluster is spent on it."""
