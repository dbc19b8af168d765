"""Results of the steps after an analysis: their receipts, and which are done, due or failed."""
