"""Bundles of SuperAnimal models: networks that others trained on many animals, for videos without labels."""
