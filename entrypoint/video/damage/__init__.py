"""Which frames of a damaged video are right, and which numbers they have."""
