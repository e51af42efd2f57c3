"""The Place step."""
