"""One table over all rows of a campaign. Needs pyarrow, pandas and PyTables, imported late: they are in the image."""
