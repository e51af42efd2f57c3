"""The state as napari layers."""
