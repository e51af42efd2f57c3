"""Distance geometry on arrays: neighbours, anchors, alignment, domain."""
