"""Commands for images and models: made, packed, inspected."""
