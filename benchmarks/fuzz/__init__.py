"""Mutated files at every reader: what crashes, hangs or is believed changed."""
