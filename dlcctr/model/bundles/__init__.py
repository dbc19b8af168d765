"""Model bundles: their form, packed, unpacked and verified."""
