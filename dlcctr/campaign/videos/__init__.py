"""A campaign's videos: found, probed, fingerprinted, and held against their rows later."""
