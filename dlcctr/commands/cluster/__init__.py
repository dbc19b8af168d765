"""Commands for a campaign on a cluster."""
