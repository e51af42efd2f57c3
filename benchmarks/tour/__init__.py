"""A tour through the real widgets, with a picture of each stop: ``make tour``."""
