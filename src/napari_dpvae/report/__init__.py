"""One page about one run, to keep beside its results and to show to others."""
