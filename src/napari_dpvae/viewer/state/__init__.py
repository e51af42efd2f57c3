"""What is loaded, trained, placed and shown: no Qt widgets, no napari layers."""
