"""A query through a model: aligned, encoded, solved, calibrated."""
