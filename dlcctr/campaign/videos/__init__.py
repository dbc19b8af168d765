"""A campaign's videos: found, probed, fingerprinted, and later compared with their rows."""
