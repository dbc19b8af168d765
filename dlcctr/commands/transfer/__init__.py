"""Commands for a campaign on another machine."""
