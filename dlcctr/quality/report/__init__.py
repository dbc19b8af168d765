"""One page for a campaign: every video's state, quality, pictures and provenance, worst first."""
