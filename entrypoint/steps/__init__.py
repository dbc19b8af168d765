"""What follows the analysis of a row: each step reads the row's result and makes one of its own, with a receipt."""
