"""Which frames of a judged row are shown, and as what."""
