"""From folders of videos to a manifest and campaign.toml: rows, paths, probing, validation."""
