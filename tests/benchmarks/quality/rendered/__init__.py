"""Rendered videos with truth and planted faults, analysed by real trained networks of both engines."""
