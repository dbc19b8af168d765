"""A campaign's rows on this machine, several at once."""
