"""From rows to array tasks of about equal length: cost, speed, packing, plan."""
