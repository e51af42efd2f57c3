"""The dock and its steps."""
