"""The dock: one step after the other."""
