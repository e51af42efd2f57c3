"""From counts to what a network reads."""
