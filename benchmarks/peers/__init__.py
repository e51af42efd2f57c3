"""Other methods on the same cases and measures as ours: ``python -m benchmarks.peers``."""
