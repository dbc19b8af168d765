"""The steps that follow the analysis of a row, as `campaign.toml` lists them: their kinds, parameters and order."""
