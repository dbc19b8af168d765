"""Values from outside, checked where they are read: names, numbers, typed records, TOML."""
