"""Rounds of labelling: how many frames three ways of picking need for the same error on held-out videos."""
