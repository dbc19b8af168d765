"""Site profiles: keys, files, what a cluster reports about itself, and a profile proposed from it."""
