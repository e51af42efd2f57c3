"""What to ask of placed cells: spatial genes, neighbourhoods, signals, groups."""
