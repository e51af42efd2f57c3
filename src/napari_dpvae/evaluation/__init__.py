"""Measures, and experiments that hold cells out."""
