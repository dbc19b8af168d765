"""How far the rows of a run are: reported by each row, forecast for all, shown."""
