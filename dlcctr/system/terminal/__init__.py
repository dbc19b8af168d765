"""What is shown on a terminal or in a log: text, bars, live lines, speed and time left."""
